"""Every public function on every kind of array: the right value, or an error that names the array.

A row of ROWS is one array argument of one function, or one column of a table, in an example call.
KINDS are what may be given instead of a plain array: for the first ones the value must be that of
the same numbers in a plain float64 array, unless the function refuses them; the last ones hold no
usable numbers. A public function that takes arrays or tables and has no row is named in WITHOUT,
with the reason; of a study, those count as public that its notebook calls.
"""

import ast
import importlib
import inspect
import io
import json
import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import keras
import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import PathCollection
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle, StepPatch

from helpers import data, layers, models, plotting, project, report
from helpers.metrics import accuracy, checks, embeddings, intervals, similarity, sparsity
from helpers.studies import guest_love_2017, rupprecht_2017, rupprecht_2017_layers
from helpers.studies.convolutional_embeddings import claims as cnn_claims
from helpers.studies.convolutional_embeddings import filters, outliers
from helpers.studies.convolutional_embeddings import study as cnn
from helpers.studies.liu_2020 import controls, correlations, difficulty, dips, tables
from helpers.studies.over_learning import claims as learning_claims
from helpers.studies.over_learning import dynamics, smoothness, training
from helpers.studies.ruman_2021 import claims as mlp_claims
from helpers.studies.ruman_2021 import scores
from helpers.studies.ruman_2021 import study as mlp
from helpers.studies.your_network import activity, analyses, recognition

matplotlib.use("agg")
RNG = np.random.default_rng(0)
TABLE = RNG.random((12, 6))
VECTOR = RNG.random(12)
CLASSES = np.arange(12.0) % 3
CORRELATIONS = np.corrcoef(RNG.random((12, 40)))
COUNTS = similarity.resample(12, repeats=4)


@dataclass(frozen=True, eq=False)
class Row:
    """One array argument of a function.

    Attributes:
        function: the public name, "room.function".
        argument: what an error calls the array (a regular expression).
        call: takes the array, gives the function's value.
        x: an array that the function takes, float64.
        takes: the kinds without usable numbers that it takes all the same.
    """

    function: str
    argument: str
    call: Callable
    x: np.ndarray
    takes: frozenset = field(default_factory=frozenset)


def rows(door: str, *table: tuple) -> list[Row]:
    found = []
    for name, argument, call, x, *takes in table:
        takes = {*takes, "0-d"} if hasattr(call, "fills") else {*takes}
        found.append(Row(f"{door}.{name}", argument, call, x, frozenset(takes)))
    return found


def histogram(x):
    found = sparsity.Histogram([0.0, 0.3, 1.0])
    found.update(x)
    return found.counts, found.zeros, found.active_per_image


def patterns(x):
    with similarity.pattern_store(len(TABLE)) as store:
        found = store()
        found.update(x)
        return found.similarity(layer="x")


def streamed(x):
    batches = [(slice(0, 12), {"x": x})]
    return similarity.matrices(batches, 12)["x"]


@cache
def network():
    keras.utils.set_random_seed(0)
    return keras.Sequential([keras.Input((6,), name="x"), keras.layers.Dense(3, name="dense")])


def streamed_batches(x):
    return [list(batch.activations.values()) for batch in layers.stream(network(), x, **QUIET)]


def activations(x):
    return layers.activations(network(), x, **QUIET)


def measured(x):
    measures = {"hoyer": sparsity.hoyer}
    return layers.measure(network(), x, measures=measures, **QUIET)["value"].to_numpy()


def accumulated(x):
    means = {"means": lambda: layers.CategoryMeans(CLASSES)}
    found = layers.accumulate(network(), x, None, means, **QUIET)
    return [each["means"].means for each in found.values()]


def category_means(x=TABLE, labels=CLASSES, chosen=None):
    found = layers.CategoryMeans(labels, chosen)
    found.update(x)
    return found.means, found.counts


def top(x):
    return models.top(x, k=2, classes=SIX)[["image", "probability"]].to_numpy()


def drawn(fig):
    """What a figure shows: its pictures, lines and steps."""
    found = [np.asarray(image.get_array().filled(-9.0)) for image in fig.findobj(AxesImage)]
    found += [line.get_xydata() for line in fig.findobj(Line2D) if len(line.get_xydata())]
    found += [part for steps in fig.findobj(StepPatch) for part in steps.get_data()[:2]]
    found += [np.ma.filled(each.get_offsets(), -9.0) for each in fig.findobj(PathCollection)]
    found += [np.nan_to_num(each.get_bbox().extents) for each in fig.findobj(Rectangle)]
    plt.close(fig)
    return found


def embedded(x=TABLE[:, :2], labels=CLASSES):
    return drawn(plotting.embedding_grid({("a", "b"): x}, labels, list("klm")))


def column(table, name, function):
    """Return a function of a column of a table; a single number fills it."""

    def call(x):
        x = x.to_numpy() if isinstance(x, pd.Series) else x
        return function(table.iloc[: len(x) if np.ndim(x) else None].assign(**{name: x}))

    call.fills = True
    return call


def native(table, name, function):
    """As `column`, in the machine's byte order: pandas groups no other."""
    in_table = column(table, name, function)

    def call(x):
        native = isinstance(x, np.ndarray)
        return in_table(x.astype(x.dtype.newbyteorder("=")) if native else x)

    call.fills = True
    return call


def in_columns(table):
    """What a table says: its numbers, and as numbers what its texts are."""
    return [pd.factorize(x)[0] if x.dtype.kind not in "biuf" else x.to_numpy() for _, x in
            table.items()]  # fmt: skip


def saved(table):
    with tempfile.TemporaryDirectory() as folder:
        profile = project.Profile("quick", Path(folder), Path(folder))
        with mock.patch.object(project, "current", lambda: profile):
            report.save(table, "x")
            return report.load("x")["value"].to_numpy()


def explored(explorer):
    """The numbers that an interactive figure shows."""
    shown = pd.read_csv(io.StringIO(explorer.chart.data.values))
    return shown.select_dtypes("number").to_numpy()


def named_points(x=VECTOR, y=VECTOR):
    fig, axis = plt.subplots()
    plotting.name_points(axis, x, y, list(SIX["name"]) * 2)
    return drawn(fig)


def labelled_images(labels):
    arrays = data.LabelledImages("a", "a", "a", tuple("klm"), SQUARES, labels, SQUARES, labels)
    return np.asarray(arrays.y_train)


def tall(rows, value="value", **columns):
    """A table with a row per combination of the columns' values, and random values."""
    index = pd.MultiIndex.from_product(columns.values(), names=columns)
    table = index.to_frame(index=False)
    return table.assign(**{value: np.random.default_rng(1).random(len(table))})[:rows]


QUIET = {"progress": False, "batch_size": 5}
SIX = pd.DataFrame({"name": list("abcdef")})
UNKNOWN = ("NaN", "infinity", "masked")  # figures leave out what is not known
GROUPS = ("strings", "object", "infinity", "complex")  # labels may be anything that sorts
HELD_OUT = (TABLE[::2], CLASSES[::2])
NUMBERS = [
    *rows(
        "sparsity",
        ("Histogram", "edges", lambda x: sparsity.Histogram(x).edges, np.arange(5.0)),
        ("Histogram", "x", histogram, TABLE),
        ("active_fraction", "x", partial(sparsity.active_fraction, axis=1), TABLE),
        ("dead_units", "responses", sparsity.dead_units, TABLE),
        ("gini", "x", partial(sparsity.gini, axis=1), TABLE),
        ("gini", "x", partial(sparsity.gini, axis=1, tolerance=1e-6), RNG.random((2, 5000))),
        ("hoyer", "x", partial(sparsity.hoyer, axis=1), TABLE),
        ("normalise_responses", "responses", sparsity.normalise_responses, TABLE),
        ("psi", "responses", sparsity.psi, TABLE),
        ("psi_null", "responses", sparsity.psi_null, TABLE),
        ("psi_noise", "dead", lambda x: sparsity.psi_noise(4, len(VECTOR), dead=x), VECTOR > 0.5),
        ("treves_rolls", "x", partial(sparsity.treves_rolls, axis=1), TABLE),
    ),
    *rows(
        "similarity",
        ("Patterns", "x", patterns, TABLE),
        ("cka", "grams", lambda x: similarity.cka([x, CORRELATIONS]), CORRELATIONS),
        ("cka", "grams", lambda x: similarity.cka([x, CORRELATIONS], True), CORRELATIONS),
        ("cka", "weights", partial(similarity.cka, [CORRELATIONS] * 2, True), COUNTS),
        ("cluster_order", "correlations", similarity.cluster_order, CORRELATIONS),
        (
            "contrast",
            "correlations",
            lambda x: similarity.contrast([x, CORRELATIONS], CLASSES),
            CORRELATIONS,
            "NaN",
        ),
        ("contrast", "weights", partial(similarity.contrast, [CORRELATIONS], CLASSES), COUNTS),
        ("correlation", "x", partial(similarity.correlation, layer="x"), TABLE),
        ("decorrelation", "correlations", similarity.decorrelation, CORRELATIONS, "NaN"),
        ("decorrelation", "weights", partial(similarity.decorrelation, CORRELATIONS), COUNTS),
        ("effective_dimensions", "gram", similarity.effective_dimensions, CORRELATIONS),
        ("matrices", "x", streamed, TABLE),
        (
            "second_order",
            "correlations",
            lambda x: similarity.second_order([x, CORRELATIONS]),
            CORRELATIONS,
            "NaN",
        ),
        ("second_order", "weights", partial(similarity.second_order, [CORRELATIONS] * 2), COUNTS),
        ("svcca", "activations", lambda x: similarity.svcca([x, TABLE[:, :3]]), TABLE),
        (
            "within_superiority",
            "correlations",
            lambda x: similarity.within_superiority([x, CORRELATIONS], CLASSES),
            CORRELATIONS,
            "NaN",
        ),
    ),
    *rows(
        "intervals",
        ("bootstrap", "sample", partial(intervals.bootstrap, np.mean), VECTOR),
        ("correlation", "x", partial(intervals.correlation, y=VECTOR), TABLE[:, 0]),
        ("correlation", "y", partial(intervals.correlation, VECTOR, method="spearman"), VECTOR**2),
        ("correlation_test", "x", partial(intervals.correlation_test, y=VECTOR), TABLE[:, 0]),
        ("correlation_test", "y", partial(intervals.correlation_test, VECTOR), TABLE[:, 0]),
        ("correlation_trend", "values", partial(intervals.correlation_trend, y=VECTOR), TABLE),
        ("correlation_trend", "y", partial(intervals.correlation_trend, TABLE), VECTOR),
        ("depth_trend", "values", intervals.depth_trend, TABLE),
        ("estimate", "sample", partial(intervals.estimate, np.mean), VECTOR),
        ("holm", "p", intervals.holm, VECTOR, "empty", "0-d"),
        ("mean_estimate", "values", intervals.mean_estimate, VECTOR),
        ("mean_trend", "values", intervals.mean_trend, TABLE),
        (
            "partial_correlation",
            "x",
            partial(intervals.partial_correlation, y=VECTOR, control=TABLE),
            TABLE[:, 0] + VECTOR**2,
        ),
        (
            "partial_correlation",
            "control",
            partial(intervals.partial_correlation, VECTOR, VECTOR**3),
            TABLE,
        ),
        ("r_squared", "predictors", partial(intervals.r_squared, y=VECTOR, folds=3), TABLE),
        ("r_squared", "y", partial(intervals.r_squared, TABLE, folds=3), VECTOR),
        ("superiority", "x", partial(intervals.superiority, y=VECTOR), VECTOR**2),
        ("superiority", "y", partial(intervals.superiority, VECTOR), TABLE[:, 0]),
        (
            "variance_explained",
            "values",
            partial(intervals.variance_explained, groups=CLASSES),
            VECTOR,
        ),
    ),
    *rows(
        "embeddings",
        ("align", "points", partial(embeddings.align, reference=TABLE), TABLE[::-1]),
        ("align", "reference", partial(embeddings.align, TABLE[::-1]), TABLE),
        ("centroid_distances", "x", partial(embeddings.centroid_distances, labels=CLASSES), TABLE),
        ("embed", "x", partial(embeddings.embed, method="pca"), TABLE),
        ("pair_distances", "x", partial(embeddings.pair_distances, labels=CLASSES), TABLE),
        ("pair_distances", "x", partial(embeddings.pair_distances, labels=CLASSES), TABLE[:, :2]),
        ("structure", "x", partial(embeddings.structure, labels=CLASSES, k=3), TABLE),
        ("trustworthiness", "x", partial(embeddings.trustworthiness, points=TABLE, k=3), TABLE**2),
        ("trustworthiness", "points", partial(embeddings.trustworthiness, TABLE, k=3), TABLE**2),
    ),
    *rows(
        "accuracy",
        ("by_category", "correct", partial(accuracy.by_category, labels=CLASSES), VECTOR > 0.5),
        (
            "by_category",
            "chosen",
            partial(accuracy.by_category, VECTOR > 0.5, CLASSES),
            np.arange(12) % 2 == 0,
        ),
        (
            "cross_validated",
            "features",
            partial(accuracy.cross_validated, labels=CLASSES, strengths=[1]),
            TABLE,
        ),
        ("knn_accuracy", "x", partial(accuracy.knn_accuracy, labels=CLASSES, k=3), TABLE),
        (
            "knn_accuracy",
            "test",
            lambda x: accuracy.knn_accuracy(TABLE, CLASSES, 3, test=(x, CLASSES)),
            TABLE,
        ),
        ("linear_probe", "x", partial(accuracy.linear_probe, labels=CLASSES, test=HELD_OUT), TABLE),
        (
            "linear_probe",
            "test",
            lambda x: accuracy.linear_probe(TABLE, CLASSES, (x, CLASSES)),
            TABLE,
        ),
    ),
]
NETWORKS = rows(
    "layers",
    ("CategoryMeans", "chosen", lambda x: category_means(chosen=x), np.arange(12) % 4 < 2),
    ("CategoryMeans", "x|image", category_means, TABLE),
    ("accumulate", "images?", accumulated, TABLE),
    ("activations", "images?", activations, TABLE),
    ("measure", "images?", measured, TABLE),
    ("stream", "images?", streamed_batches, TABLE),
) + rows("models", ("top", "probabilities", top, TABLE))
ORDER = {"all": np.arange(12)}
LETTERS = list("abcdefghijkl")
KNOWN = ("NaN", "masked", "None")  # figures leave out what is not known
CURVE = pd.DataFrame({"layer": LETTERS, "depth": np.arange(12.0), "value": VECTOR})
TABLES = {
    "boxes": tall(12, layer=list("abc"), category=list("klmn")),
    "steps": tall(12, step=[0, 1, 10, 300], layer=list("abc")),
}
for each in TABLES.values():
    each["depth"] = each["layer"].map("abc".index).astype(float)
CATEGORIES = CURVE.assign(network="n", layer="fire2", depth=0, category=LETTERS)
EXPLORED = CURVE.assign(network="n", measure="m", low=0.0, high=1.0)
POINTS = CURVE.assign(x=VECTOR, y=TABLE[:, 0], x_low=VECTOR - 1, x_high=VECTOR + 1)
OUTPUTS = pd.DataFrame({"image": np.repeat([0.0, 1.0], 6), "name": LETTERS, "right": True})
PHOTOS = data.digits(12)
SQUARES = PHOTOS.pixels[..., 0]
FIGURES = rows(
    "plotting",
    (
        "activation_maps",
        "maps",
        lambda x: drawn(plotting.activation_maps(PHOTOS[0], {"a": x}, 1, 1)),
        RNG.random((4, 3, 8)),
    ),
    (
        "activation_maps",
        "image",
        lambda x: drawn(plotting.activation_maps(x, {"a": TABLE[..., None]}, 1, 1)),
        PHOTOS[0],
    ),
    (
        "against_depth",
        "value|rows",
        column(CURVE, "value", lambda table: drawn(plotting.against_depth(table))),
        VECTOR,
        *KNOWN,
        "object",
    ),
    (
        "against_depth",
        "depth|rows",
        column(CURVE, "depth", lambda table: drawn(plotting.against_depth(table))),
        CURVE["depth"].to_numpy(),
        "object",
    ),
    (
        "against_depth",
        "low|rows",
        column(CURVE.assign(high=2), "low", lambda t: drawn(plotting.against_depth(t))),
        VECTOR - 1,
        *KNOWN,
        "object",
    ),
    (
        "against_depth",
        "references",
        column(
            CURVE.assign(name="theirs"),
            "value",
            lambda table: drawn(plotting.against_depth(CURVE, references=table)),
        ),
        VECTOR,
        *KNOWN,
        "object",
    ),
    (
        "boxes_by_layer",
        "value|rows",
        column(TABLES["boxes"], "value", lambda t: drawn(plotting.boxes_by_layer(t, "x"))),
        VECTOR,
        *KNOWN,
        "object",
    ),
    (
        "boxes_by_layer",
        "null",
        column(
            TABLES["boxes"],
            "value",
            lambda table: drawn(plotting.boxes_by_layer(TABLES["boxes"], "x", null=table)),
        ),
        VECTOR,
        *KNOWN,
        "object",
    ),
    (
        "category_map",
        "value|rows",
        column(
            TABLES["boxes"].assign(measure="m"),
            "value",
            lambda table: drawn(plotting.category_map(table, "m")),
        ),
        VECTOR,
        *KNOWN,
        "object",
    ),
    (
        "category_scatter",
        "value|rows|categories|values",
        column(
            CATEGORIES,
            "value",
            lambda t: drawn(plotting.category_scatter(t, {"n": TABLE[:, 0]}, {"n": ["fire2"]})),
        ),
        VECTOR,
        "object",
    ),
    (
        "category_scatter",
        "outcome",
        lambda x: drawn(plotting.category_scatter(CATEGORIES, {"n": x}, {"n": ["fire2"]})),
        TABLE[:, 0],
    ),
    (
        "clustered_matrices",
        "matrix",
        lambda x: drawn(plotting.clustered_matrices({"a": x}, ORDER)),
        CORRELATIONS,
        "NaN",
        "masked",
    ),
    (
        "compared_histograms",
        "sample",
        lambda x: drawn(plotting.compared_histograms({"a": {"b": x}}, "x")),
        TABLE,
        *UNKNOWN,
    ),
    (
        "compared_matrices",
        "matrix",
        lambda x: drawn(plotting.compared_matrices({"a": (x, CORRELATIONS)})),
        CORRELATIONS,
        "NaN",
        "masked",
    ),
    (
        "contact_sheet",
        "groups",
        lambda x: drawn(plotting.contact_sheet(PHOTOS, x)),
        CLASSES,
        *GROUPS,
    ),
    (
        "embedding_explorer",
        "points",
        lambda x: explored(plotting.embedding_explorer({"a": x}, SQUARES, CLASSES, list("klm"))),
        TABLE[:, :2],
    ),
    (
        "embedding_explorer",
        "images|points",
        lambda x: explored(
            plotting.embedding_explorer({"a": TABLE[:, :2]}, x, CLASSES, list("klm"))
        ),
        SQUARES,
    ),
    ("embedding_grid", "points", embedded, TABLE[:, :2]),
    ("embedding_grid", "labels", lambda x: embedded(labels=x), CLASSES),
    (
        "histograms",
        "share",
        lambda x: drawn(plotting.histograms({"a": (np.arange(13.0), x)})),
        VECTOR,
        "NaN",
        "masked",
    ),
    (
        "histograms",
        "edges",
        lambda x: drawn(plotting.histograms({"a": (x, VECTOR[:11])})),
        np.arange(12.0),
    ),
    ("image_grid", "indices", lambda x: drawn(plotting.image_grid(PHOTOS, x, 3)), CLASSES[:3]),
    (
        "layer_explorer",
        "value|rows",
        column(EXPLORED, "value", lambda table: explored(plotting.layer_explorer(table))),
        VECTOR,
        *KNOWN,
        "object",
    ),
    (
        "layer_matrices",
        "matrix",
        lambda x: drawn(plotting.layer_matrices({"a": x}, LETTERS)),
        CORRELATIONS,
        "NaN",
        "masked",
    ),
    (
        "layer_scatter",
        "x|rows",
        column(POINTS, "x", lambda table: drawn(plotting.layer_scatter({"a": table}, "x", "y"))),
        VECTOR,
        "object",
    ),
    ("lorenz", "pattern", lambda x: drawn(plotting.lorenz({"a": x})), VECTOR),
    ("name_points", "x|y", named_points, VECTOR),
    ("name_points", "x|y", lambda y: named_points(y=y), VECTOR),
    (
        "over_steps",
        "value|rows",
        column(TABLES["steps"], "value", lambda table: drawn(plotting.over_steps(table))),
        VECTOR,
        *KNOWN,
        "object",
    ),
    (
        "over_steps",
        "step|rows",
        column(TABLES["steps"], "step", lambda table: drawn(plotting.over_steps(table))),
        TABLES["steps"]["step"].to_numpy(float),
        "object",
    ),
    (
        "rank_agreement",
        "x|rows",
        column(POINTS, "x", lambda table: drawn(plotting.rank_agreement(table, [("x", "y")]))),
        VECTOR,
        *KNOWN,
        "object",
    ),
    (
        "stacked",
        "value|rows",
        column(CURVE, "value", lambda table: drawn(plotting.stacked(table, {"value": "a"}, "x"))),
        VECTOR,
        *KNOWN,
        "object",
    ),
    (
        "stretched",
        "depth|rows",
        column(
            CURVE.assign(network="n"),
            "depth",
            lambda table: in_columns(plotting.stretched({"a": 1, "b": 2}, table, "x")),
        ),
        CURVE["depth"].to_numpy(),
        "object",
    ),
    (
        "top_outputs",
        "probability|rows",
        column(OUTPUTS, "probability", lambda t: drawn(plotting.top_outputs(PHOTOS[:2], t, 2))),
        VECTOR,
        "object",
    ),
)
LABELS = [
    *rows(
        "layers",
        (
            "CategoryMeans",
            "labels",
            lambda x: category_means(labels=x),
            CLASSES,
            "strings",
            "object",
            "infinity",
        ),
    ),
    *rows(
        "similarity",
        ("contrast", "labels", partial(similarity.contrast, [CORRELATIONS]), CLASSES, *GROUPS),
        (
            "within_superiority",
            "labels",
            partial(similarity.within_superiority, [CORRELATIONS]),
            CLASSES,
            *GROUPS,
        ),
    ),
    *rows(
        "intervals",
        (
            "permutation_test",
            "labels",
            partial(intervals.permutation_test, partial(similarity.contrast, [CORRELATIONS])),
            CLASSES,
            *GROUPS,
        ),
        (
            "variance_explained",
            "groups",
            partial(intervals.variance_explained, VECTOR),
            CLASSES,
            *GROUPS,
        ),
    ),
    *rows(
        "embeddings",
        (
            "centroid_distances",
            "labels",
            partial(embeddings.centroid_distances, TABLE),
            CLASSES,
            *GROUPS,
        ),
        ("pair_distances", "labels", partial(embeddings.pair_distances, TABLE), CLASSES, *GROUPS),
        ("structure", "labels", partial(embeddings.structure, TABLE, k=3), CLASSES, *GROUPS),
    ),
    *rows(
        "accuracy",
        (
            "by_category",
            "labels",
            partial(accuracy.by_category, VECTOR > 0.5),
            CLASSES,
            *GROUPS,
        ),
        (
            "cross_validated",
            "labels",
            partial(accuracy.cross_validated, TABLE, strengths=[1]),
            CLASSES,
            *GROUPS,
        ),
        ("knn_accuracy", "labels", partial(accuracy.knn_accuracy, TABLE, k=3), CLASSES, *GROUPS),
        (
            "linear_probe",
            "labels",
            lambda x: accuracy.linear_probe(TABLE, x, (TABLE, x)),
            CLASSES,
            *GROUPS,
        ),
        ("rank_within", "labels", accuracy.rank_within, CLASSES, *GROUPS, "empty"),
    ),
]
OTHERS = rows("data", ("LabelledImages", "y_train|y_test", labelled_images, CLASSES)) + rows(
    "report",
    (
        "save",
        "value",
        column(CURVE, "value", saved),
        VECTOR,
        *KNOWN,
        "object",
        "infinity",
        "strings",
        "empty",
    ),
)
# What the studies' functions are shown here.
PAIRS = {"category": np.repeat(list("abcd"), 3), "related": (("a", "b"), ("c", "d"))}
LIKE = np.equal.outer(CLASSES, CLASSES)
MAPS = RNG.random((12, 3, 3, 4))
PSI = tall(48, category=LETTERS, layer=list("wxyz")).assign(network="n", measure="psi")
PSI["depth"] = PSI["layer"].map("wxyz".index)
TWINS = pd.concat(
    [
        PSI.assign(measure=measure, condition=condition, seed=0)
        for measure in ("psi", "psi, noise")
        for condition in ("intact", "no ReLU")
    ]
)
RECORDED = tall(
    200,
    measure=["CKA with the end", "SVCCA with the end", "PSI", "Gini"],
    seed=[0, 1],
    step=[0, 5],
    layer=["input", "l1", "l2", "l3", "l4", "logits"],
).assign(dataset="digits", network="n", category=0)
RECORDED.loc[RECORDED["measure"].str.contains("end") & (RECORDED["step"] == 5), "value"] = 1.0
RECORDED["depth"] = RECORDED.groupby(["measure", "seed", "step"]).cumcount()
CURVES_OF_PSI = RECORDED[RECORDED["measure"] == "PSI"].reset_index(drop=True)
SETTLED = CURVES_OF_PSI[CURVES_OF_PSI["step"] == 0].assign(settled=1.0)
TRAINED = pd.DataFrame(TABLE, columns=["smoothness", "test accuracy", "width", "a", "b", "c"])
FILTERS = tall(
    12, "kNN", dataset=["d"], condition=["trained"], layer=["l"], seed=[0, 1], filter=range(6)
).assign(live=True, gini=VECTOR, class_sparseness=VECTOR**2)
DESCRIBED = pd.DataFrame(TABLE[:, :3], columns=["misread", "confidence", "ambiguous"]).assign(
    label=CLASSES, outlier=VECTOR > 0.5
)
PLANE = tall(
    12, measure=["d_s", "acc_knn"], part=["filter 1", "filter 2"], layer=["layer1"], filter=range(3)
).assign(dataset="d", condition="trained", method="tsne", live=True, seed=0)
GRID = tall(12, configuration=[cnn.SOURCE, "width × ½"], seed=range(6)).assign(
    dataset="d", condition="trained", layer=cnn.LAYERS[-1], measure="kNN"
)
ANSWERS = tall(24, "correct", module=["nothing", "m"], image=range(12)).assign(
    branch="b", filled="zeros"
)
BRANCHES = tall(12, module=list("abc"), branch=list("wxyz"))
NETWORK = SimpleNamespace(
    arrays=SimpleNamespace(
        x_train=SQUARES, y_train=np.arange(12) % 3, class_names=list("klm"), name="d"
    ),
    probabilities=lambda images: TABLE[:, :3],
    activations=lambda images, keys: dict.fromkeys(keys, MAPS),
    seed=0,
)
RESPONSES = layers.Responses(
    "n",
    np.array(LETTERS[:8]),
    np.repeat(LETTERS[:8], 2),
    {half: {"l": RNG.random((8, 5))} for half in ("all", "even", "odd")},
    None,
)
DRAWS = RNG.random((9, 12))


def profiles():
    found = rupprecht_2017.Profiles()
    found.update(MAPS)
    return found


def seen(**given):
    return SimpleNamespace(**given)


def by_branch(after=None, before=TABLE):
    found = rupprecht_2017_layers.drops_behind(
        before, {"a": [TABLE[:, :4] if after is None else after]}, COUNTS
    )
    return list(found.values())


STUDIES = [
    *rows(
        "guest_love_2017",
        (
            "agreement",
            "ours",
            lambda x: in_columns(
                guest_love_2017.agreement(
                    {"a": x, "b": CORRELATIONS},
                    {"a": CORRELATIONS, "b": CORRELATIONS},
                    PAIRS["category"],
                )
            ),
            CORRELATIONS,
        ),
        (
            "control_trends",
            "value",
            native(
                CURVE.assign(measure="gini", weights="w", seed=0, layer="mixed"),
                "value",
                lambda table: in_columns(guest_love_2017.control_trends(table)),
            ),
            VECTOR,
        ),
        (
            "draw_confidence",
            "x|y|top|gini",
            native(
                CURVE.assign(gini=VECTOR, category="a"),
                "top",
                lambda table: drawn(guest_love_2017.draw_confidence(table, 0.9)),
            ),
            TABLE[:, 0],
            "object",
        ),
        (
            "effect_of_colours",
            "ours",
            lambda x: in_columns(
                guest_love_2017.effect_of_colours({"a": x}, {"a": CORRELATIONS}, ["a"], **PAIRS)
            ),
            CORRELATIONS,
        ),
        (
            "harder_verdict",
            "trends",
            native(
                TRAINED.assign(pairs="p", tau=0.0, low=-1.0),
                "high",
                lambda table: guest_love_2017.harder_verdict(table)[1] is True,
            ),
            -VECTOR,
            "object",
        ),
        (
            "parts_of_gini",
            "gini",
            native(
                TRAINED.assign(active_fraction=0.5),
                "gini",
                lambda table: in_columns(guest_love_2017.parts_of_gini(table)),
            ),
            VECTOR,
            "NaN",
            "masked",
        ),
        (
            "recovery",
            "correlations",
            lambda x: guest_love_2017.recovery([x], **PAIRS),
            CORRELATIONS,
        ),
        (
            "recovery_by_layer",
            "matrices|correlations",
            lambda x: in_columns(
                guest_love_2017.recovery_by_layer({"a": x, "b": CORRELATIONS}, **PAIRS, repeats=9)[
                    0
                ]
            ),
            CORRELATIONS,
        ),
        (
            "share_within",
            "ours",
            lambda x: guest_love_2017.share_within(x, CORRELATIONS, 0.01),
            CORRELATIONS,
        ),
        (
            "share_within",
            "published",
            lambda x: guest_love_2017.share_within(CORRELATIONS, x, 0.01),
            CORRELATIONS,
        ),
        ("to_colours", "r", guest_love_2017.to_colours, CORRELATIONS, "NaN"),
        (
            "to_table",
            "matrices",
            lambda x: in_columns(guest_love_2017.to_table({"a": x})),
            CORRELATIONS,
            "NaN",
        ),
        (
            "trade_off",
            "x",
            lambda x: guest_love_2017.trade_off(x, **PAIRS, powers=[1], repeats=2)[
                ["gini", "value"]
            ].to_numpy(),
            MAPS,
        ),
        (
            "with_and_without_places",
            "x|channels|activations|correlations",
            lambda x: in_columns(
                guest_love_2017.with_and_without_places(
                    {"a": 0.5}, {"a": CORRELATIONS}, {"a": x}, **PAIRS
                )
            ),
            TABLE,
        ),
    ),
    *rows(
        "rupprecht_2017",
        ("alignment", "vectors", lambda x: rupprecht_2017.alignment(x, 3), MAPS[:, 0]),
        (
            "alignment",
            "weights",
            lambda x: rupprecht_2017.alignment(MAPS[:, 0], 3, weights=x),
            DRAWS,
        ),
        (
            "bottleneck",
            "draws",
            lambda x: rupprecht_2017.bottleneck(LETTERS, x, ["l"], ["a"])[1] is True,
            DRAWS - 0.1 * np.arange(12),
        ),
        (
            "by_layer",
            "values",
            lambda x: in_columns(rupprecht_2017.by_layer(LETTERS, "m", x)),
            VECTOR,
            "NaN",
        ),
        (
            "by_layer",
            "draws",
            lambda x: in_columns(rupprecht_2017.by_layer(LETTERS, "m", VECTOR, x)),
            DRAWS,
            "NaN",
        ),
        (
            "common_patterns",
            "correlation",
            lambda x: in_columns(rupprecht_2017.common_patterns(["a"], [x], {"a": profiles()})),
            CORRELATIONS,
        ),
        (
            "compare_pairs",
            "alike|like|groups",
            lambda x: rupprecht_2017.compare_pairs(
                ["a"], seen(pixels=CORRELATIONS, correlations=CORRELATIONS[None]), x, repeats=2
            )["value"].to_numpy(),
            CLASSES,
            *GROUPS,
        ),
        (
            "draw_pair",
            "maps",
            lambda x: drawn(rupprecht_2017.draw_pair(PHOTOS, {"a": x}, "a", 0, 1)),
            MAPS,
        ),
        ("jackknife", "values", rupprecht_2017.jackknife, DRAWS, "NaN"),
        (
            "mantel",
            "correlations",
            lambda x: rupprecht_2017.mantel([x], LIKE, 19),
            CORRELATIONS,
        ),
        (
            "mantel",
            "like",
            lambda x: rupprecht_2017.mantel([CORRELATIONS], x, 19),
            CORRELATIONS**2,
        ),
        ("pairs_of", "matrices", rupprecht_2017.pairs_of, CORRELATIONS, "NaN", "infinity"),
        ("resample_within", "groups", rupprecht_2017.resample_within, CLASSES, *GROUPS),
        ("shared_top", "probabilities", lambda x: rupprecht_2017.shared_top(x, 2), TABLE),
        (
            "split",
            "correlation",
            lambda x: rupprecht_2017.split(x, profiles()),
            CORRELATIONS,
        ),
        (
            "superiority",
            "correlations",
            lambda x: rupprecht_2017.superiority([x], LIKE),
            CORRELATIONS,
        ),
        (
            "superiority",
            "weights",
            lambda x: rupprecht_2017.superiority([CORRELATIONS], LIKE, x),
            COUNTS,
        ),
        ("together", "x", lambda x: rupprecht_2017.together(x, VECTOR), VECTOR**2, "NaN"),
        ("together", "y", lambda y: rupprecht_2017.together(VECTOR, y), VECTOR**2, "NaN"),
        (
            "together_by_part",
            "curves",
            lambda x: in_columns(
                rupprecht_2017.together_by_part((x, VECTOR), (DRAWS, DRAWS**2), {"a": VECTOR < 2})
            ),
            TABLE[:, 0],
        ),
        ("typical", "vectors", lambda x: rupprecht_2017.typical(x, 3), MAPS[:, 0]),
        (
            "without",
            "correlations",
            lambda x: rupprecht_2017.without([x], CORRELATIONS**2),
            CORRELATIONS,
        ),
        (
            "without",
            "control",
            lambda x: rupprecht_2017.without([CORRELATIONS], x),
            CORRELATIONS**2,
        ),
    ),
    *rows(
        "rupprecht_2017_layers",
        ("drops", "matrix", rupprecht_2017_layers.drops, CORRELATIONS, "NaN"),
        ("drops_behind", "after", by_branch, TABLE[:, :5]),
        ("drops_behind", "before", lambda x: by_branch(before=x), TABLE[:, :5]),
        (
            "tabulate",
            "values",
            lambda x: in_columns(rupprecht_2017_layers.tabulate({"m": x}, {"m": DRAWS}, LETTERS)),
            VECTOR,
            "NaN",
        ),
        (
            "tabulate",
            "draws",
            lambda x: in_columns(rupprecht_2017_layers.tabulate({"m": VECTOR}, {"m": x}, LETTERS)),
            DRAWS,
            "NaN",
        ),
        (
            "tightest",
            "correlation",
            lambda x: rupprecht_2017_layers.tightest(x, np.arange(12), 3, 2),
            CORRELATIONS,
            "NaN",
        ),
        (
            "tightest",
            "order",
            lambda x: rupprecht_2017_layers.tightest(CORRELATIONS, x, 3, 2),
            np.arange(12.0)[::-1],
        ),
        (
            "ranks_within",
            "value",
            native(BRANCHES, "value", lambda t: rupprecht_2017_layers.ranks_within(t, "value")),
            VECTOR,
        ),
        (
            "within_modules",
            "x",
            lambda x: rupprecht_2017_layers.within_modules(x, TABLE, 19),
            TABLE**2,
        ),
        (
            "within_modules",
            "y",
            lambda y: rupprecht_2017_layers.within_modules(TABLE, y, 19),
            TABLE**2,
        ),
        (
            "worth",
            "correct",
            native(ANSWERS, "correct", lambda t: in_columns(rupprecht_2017_layers.worth(t))),
            ANSWERS["correct"].to_numpy() > 0.5,
        ),
    ),
    *rows(
        "liu_2020.controls",
        (
            "above_noise",
            "value",
            native(
                TWINS,
                "value",
                lambda table: in_columns(
                    controls.above_noise(table.query("condition == 'intact'"))
                ),
            ),
            np.tile(PSI["value"], 4),
        ),
        (
            "lost",
            "value",
            native(
                TWINS,
                "value",
                lambda t: in_columns(controls.lost(t, {"n": VECTOR}, repeats=4)),
            ),
            np.tile(PSI["value"], 4),
        ),
        (
            "lost",
            "y|sample|shares",
            lambda x: in_columns(controls.lost(TWINS, {"n": x}, repeats=4)),
            VECTOR,
        ),
    ),
    *rows(
        "liu_2020.correlations",
        (
            "across_halves",
            "correct",
            lambda x: in_columns(correlations.across_halves(RESPONSES, x)),
            TABLE.ravel()[:16] > 0.5,
        ),
        ("difference", "x", lambda x: correlations.difference(x, *TABLE.T[:3]), VECTOR),
        ("explained", "predictors", lambda x: correlations.explained(x, VECTOR), TABLE),
        ("explained", "y", lambda y: correlations.explained(TABLE, y), VECTOR),
        ("partial", "x", lambda x: correlations.partial(x, *TABLE.T[:2]), VECTOR),
        ("partial", "control", lambda x: correlations.partial(*TABLE.T[:2], x), VECTOR),
        (
            "partial_correlations",
            "value|sample",
            native(
                PSI,
                "value",
                lambda table: in_columns(
                    correlations.partial_correlations(table, {"n": VECTOR}, {"n": TABLE[:, 0]})
                ),
            ),
            PSI["value"].to_numpy(),
        ),
        ("pearson", "x", lambda x: correlations.pearson(x, VECTOR), TABLE[:, 0]),
        ("pearson", "y", lambda y: correlations.pearson(VECTOR, y), TABLE[:, 0]),
        (
            "with_accuracy",
            "value|x",
            native(
                CATEGORIES,
                "value",
                lambda table: in_columns(correlations.with_accuracy(table, {"n": TABLE[:, 0]})),
            ),
            VECTOR,
        ),
        (
            "with_accuracy",
            "y",
            lambda y: in_columns(correlations.with_accuracy(PSI[::4], {"n": y})),
            VECTOR,
        ),
    ),
    *rows(
        "liu_2020.difficulty",
        ("variance_within", "vectors", lambda x: difficulty.variance_within(x, CLASSES), TABLE),
        (
            "variance_within",
            "labels",
            lambda x: difficulty.variance_within(TABLE, x),
            CLASSES,
            *GROUPS,
        ),
    ),
    *rows(
        "liu_2020.dips",
        (
            "by_measure",
            "value",
            native(PSI, "value", lambda table: in_columns(dips.by_measure(table, ["psi"]))),
            PSI["value"].to_numpy(),
        ),
        ("difference", "values", lambda x: dips.difference(x, TABLE), TABLE**2),
        ("difference", "others", lambda x: dips.difference(TABLE, x), TABLE**2),
        ("dip", "values", dips.dip, TABLE),
        ("recovery", "values", dips.recovery, TABLE),
        (
            "relative",
            "value",
            native(PSI, "value", lambda table: in_columns(dips.relative(table, ["psi"]))),
            PSI["value"].to_numpy(),
        ),
        (
            "steps",
            "value",
            native(PSI, "value", lambda table: in_columns(dips.steps(table, list("aba")))),
            PSI["value"].to_numpy(),
        ),
    ),
    *rows(
        "liu_2020.tables",
        ("matrix", "value", native(PSI, "value", tables.matrix), PSI["value"].to_numpy()),
        ("weibull_shape", "x", tables.weibull_shape, TABLE),
    ),
    *rows(
        "over_learning.dynamics",
        (
            "dips",
            "psi|value",
            native(CURVES_OF_PSI, "value", lambda t: in_columns(dynamics.dips(t, 0))),
            CURVES_OF_PSI["value"].to_numpy(),
        ),
        (
            "first_lasting",
            "by_step|values",
            lambda x: [dynamics.first_lasting({1: x, 2: VECTOR}, 1) or 0],
            VECTOR,
        ),
        ("own_way", "similarity", dynamics.own_way, VECTOR, "NaN"),
        (
            "settling",
            "similarity",
            lambda x: dynamics.settling(x, np.arange(12), 0.1),
            np.sqrt(np.arange(12) / 12),
            "NaN",
        ),
        (
            "settling",
            "steps",
            lambda x: dynamics.settling(np.sqrt(np.arange(12) / 12), x, 0.5),
            np.arange(12.0),
        ),
        (
            "settling_steps",
            "similarity|value",
            native(
                CURVES_OF_PSI,
                "value",
                lambda t: in_columns(dynamics.settling_steps(t, "PSI", 0.5, True)),
            ),
            CURVES_OF_PSI["value"].to_numpy(),
            "NaN",
            "masked",
            "empty",
        ),
    ),
    *rows(
        "over_learning.claims",
        (
            "bottom_up",
            "similarity|value|values|settled",
            native(RECORDED, "value", lambda t: in_columns(learning_claims.bottom_up(t))),
            RECORDED["value"].to_numpy(),
        ),
        (
            "gained",
            "value|values",
            native(
                CURVES_OF_PSI,
                "value",
                lambda t: in_columns(learning_claims.gained(t, "PSI")),
            ),
            CURVES_OF_PSI["value"].to_numpy(),
        ),
        (
            "learned",
            "value|values",
            native(
                CURVES_OF_PSI,
                "value",
                lambda t: in_columns(learning_claims.learned(t, "PSI")),
            ),
            CURVES_OF_PSI["value"].to_numpy(),
        ),
    ),
    *rows(
        "over_learning.smoothness",
        ("partial_rho", "x", lambda x: smoothness.partial_rho(x, *TABLE.T[:3]), VECTOR),
        ("partial_rho", "y", lambda y: smoothness.partial_rho(VECTOR, y), TABLE[:, 0]),
        (
            "partial_rho",
            "controls",
            lambda x: smoothness.partial_rho(*TABLE.T[:2], x),
            VECTOR,
        ),
        (
            "relation",
            "smoothness",
            native(
                TRAINED,
                "smoothness",
                lambda table: smoothness.relation(table, ["width"], repeats=3),
            ),
            VECTOR,
        ),
        ("smoothness", "decorrelation", smoothness.smoothness, VECTOR),
    ),
    *rows(
        "over_learning.training",
        ("correlation", "x|activations|correlations", training.correlation, TABLE),
        ("gini", "x", training.gini, TABLE),
        ("psi", "means", lambda x: training.psi(x, CLASSES), TABLE),
        ("psi", "labels", lambda x: training.psi(TABLE, x), CLASSES, *GROUPS),
    ),
    *rows(
        "ruman_2021.claims",
        ("further_seed", "values", mlp_claims.further_seed, VECTOR),
    ),
    *rows(
        "ruman_2021.scores",
        ("knn_hits", "x", lambda x: scores.knn_hits(x, CLASSES, 3), TABLE),
        ("knn_hits", "labels", lambda x: scores.knn_hits(TABLE, x, 3), CLASSES, *GROUPS),
        ("probe_hits", "features", lambda x: scores.probe_hits(x, CLASSES), TABLE),
        ("trust", "x", lambda x: scores.trust(x, TABLE[:, :2], 3), TABLE**2),
        ("trust", "points", lambda x: scores.trust(TABLE, x, 3), TABLE[:, :2]),
    ),
    *rows(
        "ruman_2021.study",
        ("embed", "x", lambda x: mlp.embed(x, "pca"), TABLE),
        (
            "measure",
            "x",
            lambda x: in_columns(mlp.measure({mlp.INPUT: x}, CLASSES)),
            TABLE,
        ),
        ("pixels", "images", mlp.pixels, SQUARES),
    ),
    *rows(
        "convolutional_embeddings.claims",
        (
            "by_layer",
            "value",
            native(PLANE, "value", lambda table: in_columns(cnn_claims.by_layer(table))),
            VECTOR,
        ),
        (
            "differences",
            "value|values",
            native(GRID, "value", lambda table: in_columns(cnn_claims.differences(table))),
            VECTOR,
        ),
    ),
    *rows(
        "convolutional_embeddings.filters",
        (
            "correlations",
            "gini|filters|x",
            native(FILTERS, "gini", lambda table: in_columns(filters.correlations(table))),
            VECTOR,
        ),
    ),
    *rows(
        "convolutional_embeddings.outliers",
        (
            "against_random",
            "confidence|images",
            native(
                DESCRIBED,
                "confidence",
                lambda table: in_columns(outliers.against_random(table, draws=19)),
            ),
            VECTOR,
        ),
        (
            "describe",
            "points",
            lambda x: in_columns(outliers.describe(NETWORK, x)),
            TABLE[:, :2],
        ),
    ),
    *rows("checks", ("flat", "x", lambda x: checks.flat(x, "x"), MAPS, "NaN", "infinity")),
    *rows(
        "convolutional_embeddings.study",
        ("flat", "x", cnn.flat, MAPS, "NaN", "infinity"),
        (
            "in_the_plane",
            "points",
            lambda x: in_columns(cnn.in_the_plane({(0, "tsne", ("c", "l")): x}, NETWORK)),
            TABLE[:, :2],
        ),
    ),
    *rows("your_network.activity", ("how_sparse", "x", activity.how_sparse, TABLE)),
    *rows(
        "your_network.analyses",
        (
            "summary",
            "value|values",
            native(
                CURVE.assign(network="n", layer="a", depth=0, stage="s"),
                "value",
                lambda table: in_columns(analyses.summary(table)),
            ),
            VECTOR,
            "NaN",
            "masked",
        ),
    ),
    *rows(
        "your_network.recognition",
        ("nearest_mean", "x", lambda x: recognition.nearest_mean(x, CLASSES), TABLE),
        (
            "nearest_mean",
            "labels|category",
            lambda x: recognition.nearest_mean(TABLE, x),
            CLASSES,
            *GROUPS,
        ),
        (
            "psi_and_accuracy",
            "value|x",
            native(
                CATEGORIES.assign(stage="s"),
                "value",
                lambda table: in_columns(
                    recognition.psi_and_accuracy(table, seen(correct=VECTOR > 0.5), LETTERS)
                ),
            ),
            VECTOR,
        ),
    ),
]
ROWS = NUMBERS + NETWORKS + FIGURES + LABELS + OTHERS + STUDIES
# Public functions that take arrays or tables and have no row, by the reason.
WITHOUT = {
    "a check itself, which others' rows test": {
        "checks.classes",
        "checks.finite",
        "checks.flags",
        "checks.one_each",
        "checks.real",
        "checks.require_finite",
        "checks.square_matrices",
        "checks.unmasked",
    },
    "holds what a function with a row has computed": {
        "intervals.PermutationTest",
        "layers.Batch",
        "layers.Responses",
        "similarity.Similarity",
        "similarity.from_products",
    },
    "is fed by a pass of layers, whose functions have rows": {
        "guest_love_2017.controls",
        "layers.Accumulator",
        "layers.KeptPatterns",
        "layers.PerImage",
        "layers.Recorder",
        "layers.channel_means",
        "rupprecht_2017.Profiles",
    },
    "hands its arrays to a function with rows": {
        "convolutional_embeddings.claims.last_layer",
        "convolutional_embeddings.filters.by_layer",
        "convolutional_embeddings.filters.gains",
        "convolutional_embeddings.outliers.beside_others",
        "convolutional_embeddings.study.panels",
        "convolutional_embeddings.study.there_or_drawn",
        "guest_love_2017.beside_pysal",
        "layers.category_responses",
        "rupprecht_2017.sparser_with_depth",
        "rupprecht_2017_layers.compare",
        "rupprecht_2017_layers.compare_branches",
        "rupprecht_2017_layers.curves",
    },
    "has tests of its own, in tests/data and tests/models": {
        "data.ImageSet",
        "data.cached",
        "data.digest",
        "models.train",
    },
    "trains or runs a network: tests/studies": {
        "over_learning.smoothness.train_grid",
        "rupprecht_2017_layers.without_branches",
    },
    "moves a table's rows, which a figure or a judgement takes": {
        "convolutional_embeddings.claims.beside_published",
        "convolutional_embeddings.claims.drawn",
        "convolutional_embeddings.claims.published_table",
        "convolutional_embeddings.claims.silent",
        "convolutional_embeddings.outliers.as_images",
        "convolutional_embeddings.outliers.kinds",
        "convolutional_embeddings.study.beside_mlp",
        "convolutional_embeddings.study.less_mlp",
        "guest_love_2017.draw_trade_off",
        "guest_love_2017.to_matrices",
        "over_learning.claims.subjects",
        "overview.draw",
        "report.in_full",
        "ruman_2021.claims.against_null",
        "ruman_2021.claims.beside_published",
        "ruman_2021.claims.compare",
        "ruman_2021.claims.drawn",
        "ruman_2021.claims.farthest_row",
        "ruman_2021.claims.published_table",
        "ruman_2021.claims.signed",
        "rupprecht_2017.lasting",
        "rupprecht_2017_layers.in_long_form",
    },
    "words a verdict: report.judge refuses one on NaN or infinity": {
        "convolutional_embeddings.claims.in_the_source",
        "convolutional_embeddings.claims.judged",
        "liu_2020.claims.about_accuracy",
        "liu_2020.claims.about_dip",
        "liu_2020.claims.about_steps",
        "liu_2020.claims.about_twins",
        "liu_2020.claims.shown",
        "over_learning.claims.judged",
        "ruman_2021.claims.judged",
        "rupprecht_2017.goes_together",
        "rupprecht_2017_layers.about_branches",
        "rupprecht_2017_layers.about_depth",
        "rupprecht_2017_layers.about_last_drop",
    },
}
ROOMS = ("data", "layers", "models", "plotting", "project", "report")
TAKES = re.compile(r"Array|ndarray|DataFrame|Series|Panels|Histogram|Sequence\[float\]")


def takes_arrays(value) -> bool:
    """Whether a function, or a class or one of its methods, is annotated to take numbers."""
    functions = [value]
    if inspect.isclass(value):
        functions += [m for n, m in vars(value).items() if inspect.isfunction(m) and n[0] != "_"]
    hints = [p.annotation for f in functions for p in inspect.signature(f).parameters.values()]
    return any(TAKES.search(str(hint)) for hint in hints)


def of_notebook(path: Path) -> dict:
    """Return what a notebook takes from its study: "liu_2020.dips.dip" -> the function."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    code = "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "code")
    nodes = list(ast.walk(ast.parse(re.sub(r"^(\s*)[!%].*$", r"\1pass", code, flags=re.MULTILINE))))
    modules = {
        alias.asname or alias.name: f"{node.module}.{alias.name}"
        for node in nodes
        if isinstance(node, ast.ImportFrom) and node.module.startswith("helpers.studies")
        for alias in node.names
    }
    found = {}
    for node in nodes:
        if isinstance(node, ast.Attribute) and getattr(node.value, "id", "") in modules:
            module = modules[node.value.id]
            name = f"{module.removeprefix('helpers.studies.')}.{node.attr}"
            found[name] = getattr(importlib.import_module(module), node.attr)
    return found


def public() -> dict:
    """Return every public function and class of helpers by its name."""
    doors = {room: f"helpers.{room}" for room in ROOMS}
    metrics = importlib.import_module("helpers.metrics").__all__
    doors |= {door: f"helpers.metrics.{door}" for door in metrics}
    found = {}
    for door, module in doors.items():
        shown = importlib.import_module(module)
        found |= {f"{door}.{name}": getattr(shown, name) for name in shown.__all__}
    for path in sorted((project.ROOT / "notebooks").glob("*.ipynb")):
        found |= of_notebook(path)
    errors = {n for n, f in found.items() if inspect.isclass(f) and issubclass(f, Exception)}
    return {
        n: f
        for n, f in found.items()
        if n not in errors and (inspect.isfunction(f) or inspect.isclass(f))
    }


def strided(x, folder):
    wide = np.full(tuple(3 * n for n in x.shape), np.nan, order="F")
    part = wide[tuple(slice(1, None, 3) for _ in x.shape)]
    part[...] = x
    return part


def mapped(x, folder):
    """A map of a file, read-only."""
    path = folder / f"{len(list(folder.iterdir()))}.npy"
    np.save(path, x)
    return np.load(path, mmap_mode="r")


def frame(x, folder):
    if x.ndim > 2:
        return [frame(part, folder) for part in x]
    kind = pd.Series if x.ndim == 1 else pd.DataFrame
    return kind(x, index=np.arange(len(x))[::-1])


def smallest_int8(x, folder):
    x = np.round(x / np.abs(x).max() * 100).astype(np.int8)
    x.flat[np.argmin(x)] = -128
    return x


def large_uint64(x, folder):
    low, high = x.min(), x.max()
    return np.uint64(2**63) + np.round((x - low) / (high - low) * 1000).astype(np.uint64) * 2**50


def spoiled(value):
    def spoil(x, folder):
        x = x.astype(np.result_type(x, type(value)))
        x.flat[1] = value
        return x

    return spoil


def masked(x, folder):
    return np.ma.masked_array(x, np.arange(x.size).reshape(x.shape) == 1)


SAME_NUMBERS = {
    "lists": lambda x, folder: x.tolist(),
    "pandas": frame,
    "float16": lambda x, folder: x.astype(np.float16),
    "int8 at its minimum": smallest_int8,
    "uint64 above 2**63": large_uint64,
    "strided in Fortran order": strided,
    "read-only memory map": mapped,
    "big-endian float32": lambda x, folder: x.astype(">f4"),
}
NO_NUMBERS = {
    "NaN": spoiled(np.nan),
    "infinity": spoiled(np.inf),
    "empty": lambda x, folder: x[:0],
    "0-d": lambda x, folder: x.ravel()[0],
    "object": lambda x, folder: x.astype(object),
    "strings": lambda x, folder: x.astype(str),
    "complex": lambda x, folder: x + 1j,
    "masked": masked,
}
OBJECTS = {"None": lambda x, folder: np.where(x == x.flat[1], None, x.astype(object))}
KINDS = SAME_NUMBERS | NO_NUMBERS | OBJECTS


def names(row: Row) -> str:
    return f"{row.function}({row.argument})"


def outcome(row: Row, given):
    """The value of the call; or None, where it raises an error that names the argument."""
    try:
        return row.call(given)
    except (TypeError, ValueError) as error:
        assert re.search(rf"\b({row.argument})\b", str(error)), f"the error names no array: {error}"
        assert type(error) in (TypeError, ValueError), f"from deep within: {error!r}"
        plt.close("all")
        return None


@cache
def outcome_of_plain(row: Row):
    return outcome(row, np.array(row.x, float))


def assert_same(found, expected):
    if isinstance(expected, dict):
        found, expected = list(found.values()), list(expected.values())
    if isinstance(expected, tuple | list):
        for one, other in zip(found, expected, strict=True):
            assert_same(one, other)
    else:
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("inputs")


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("kind", SAME_NUMBERS)
@pytest.mark.parametrize("row", ROWS, ids=names)
def test_the_same_numbers_have_the_same_value(row, kind, folder):
    x = np.asarray(row.x, float)
    given = KINDS[kind](x, folder)
    plain = np.array(given, float, order="C")
    before = plain.copy()
    same = np.array_equal(plain, x)
    found, expected = outcome(row, given), outcome_of_plain(row) if same else outcome(row, plain)
    assert (found is None) == (expected is None)
    if found is not None:
        assert_same(found, expected)
    np.testing.assert_array_equal(np.array(given, float), before)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("kind", [*NO_NUMBERS, *OBJECTS])
@pytest.mark.parametrize("row", ROWS, ids=names)
def test_what_holds_no_numbers_is_refused_by_name(row, kind, folder):
    x = np.asarray(row.x, float)
    found = outcome(row, KINDS[kind](x, folder))
    assert found is None or kind in row.takes
    if found is not None and kind in ("strings", "object", "complex"):  # the same groups
        assert_same(found, outcome_of_plain(row))


@pytest.mark.parametrize("row", ROWS, ids=names)
def test_every_row_shows_a_value_of_plain_numbers(row):
    assert outcome_of_plain(row) is not None


def test_every_public_function_of_arrays_and_tables_has_a_row_or_a_reason():
    needed = {name for name, value in public().items() if takes_arrays(value)}
    rowed = {row.function for row in ROWS}
    named = [name for names in WITHOUT.values() for name in names]
    assert needed - rowed == set(named)
    assert len(named) == len(set(named))


def test_a_function_without_a_row_is_found():
    assert takes_arrays(sparsity.gini) and takes_arrays(mlp_claims.drawn)
    assert takes_arrays(layers.KeptPatterns)  # by its method
    assert not takes_arrays(report.load)
    assert {"liu_2020.dips.dip", "plotting.save", "checks.finite"} <= set(public())
