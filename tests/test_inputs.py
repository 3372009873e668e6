"""Every public function on every kind of array: the right value, or an error that names the array.

A row of ROWS is one array argument of one function, in an example call. KINDS are what may be
given instead of a plain array: for the first ones the value must be that of the same numbers in a
plain float64 array, unless the function refuses them; the last ones hold no usable numbers.
"""

import importlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, partial

import keras
import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from matplotlib.patches import StepPatch

from helpers import layers, models, plotting
from helpers.metrics import accuracy, embeddings, intervals, similarity, sparsity

matplotlib.use("agg")
RNG = np.random.default_rng(0)
TABLE = RNG.random((12, 6))
VECTOR = RNG.random(12)
CLASSES = np.arange(12.0) % 3
CORRELATIONS = np.corrcoef(RNG.random((12, 40)))
COUNTS = similarity.resample(12, repeats=4)


@dataclass(frozen=True)
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
    return [Row(f"{door}.{name}", *rest[:3], frozenset(rest[3:])) for name, *rest in table]


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
    plt.close(fig)
    return found


def embedded(x=TABLE[:, :2], labels=CLASSES):
    return drawn(plotting.embedding_grid({("a", "b"): x}, labels, list("klm")))


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
FIGURES = rows(
    "plotting",
    (
        "activation_maps",
        "maps",
        lambda x: drawn(plotting.activation_maps(TABLE, {"a": x}, 1, 1)),
        RNG.random((4, 3, 8)),
    ),
    (
        "clustered_matrices",
        "matrix",
        lambda x: drawn(plotting.clustered_matrices({"a": x}, ORDER)),
        CORRELATIONS,
        *UNKNOWN,
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
        *UNKNOWN,
    ),
    ("embedding_grid", "points", embedded, TABLE[:, :2]),
    ("embedding_grid", "labels", lambda x: embedded(labels=x), CLASSES),
    (
        "histograms",
        "share",
        lambda x: drawn(plotting.histograms({"a": (np.arange(13.0), x)})),
        VECTOR,
        *UNKNOWN,
    ),
    (
        "histograms",
        "edges",
        lambda x: drawn(plotting.histograms({"a": (x, VECTOR[:11])})),
        np.arange(12.0),
    ),
    (
        "layer_matrices",
        "matrix",
        lambda x: drawn(plotting.layer_matrices({"a": x}, list("abcdefghijkl"))),
        CORRELATIONS,
        *UNKNOWN,
    ),
    ("lorenz", "pattern", lambda x: drawn(plotting.lorenz({"a": x})), VECTOR),
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
ROWS = NUMBERS + NETWORKS + FIGURES + LABELS
# Public names of metrics that take no array, or only what another one has made.
NO_ARRAYS = {
    "similarity.Similarity",
    "similarity.from_products",
    "similarity.pattern_store",
    "similarity.products",
    "similarity.resample",
    "intervals.CorrelationTest",
    "intervals.Estimate",
    "intervals.Interval",
    "intervals.PermutationTest",
    "intervals.RSquared",
    "intervals.VarianceExplained",
    "embeddings.DEFAULTS",
    "embeddings.PACKAGES",
}
METRICS = ("sparsity", "similarity", "intervals", "embeddings", "accuracy")


def read_only(x, folder):
    x = x.copy()
    x.flags.writeable = False
    return x


def strided(x, folder):
    wide = np.full(tuple(3 * n for n in x.shape), np.nan)
    part = wide[tuple(slice(1, None, 3) for _ in x.shape)]
    part[...] = x
    return part


def mapped(x, folder):
    np.save(folder / "x.npy", x)
    return np.load(folder / "x.npy", mmap_mode="r")


def frame(x, folder):
    if x.ndim == 3:
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
    "read-only": read_only,
    "strided": strided,
    "Fortran order": lambda x, folder: np.asfortranarray(x),
    "memory-mapped": mapped,
    "big-endian": lambda x, folder: x.astype(">f8"),
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
        return None


def assert_same(found, expected):
    if isinstance(expected, dict):
        found, expected = list(found.values()), list(expected.values())
    if isinstance(expected, tuple | list):
        for one, other in zip(found, expected, strict=True):
            assert_same(one, other)
    else:
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("kind", SAME_NUMBERS)
@pytest.mark.parametrize("row", ROWS, ids=names)
def test_the_same_numbers_have_the_same_value(row, kind, tmp_path):
    x = np.asarray(row.x, float)
    given = KINDS[kind](x, tmp_path)
    plain = np.array(given, float, order="C")
    before = plain.copy()
    found, expected = outcome(row, given), outcome(row, plain)
    assert (found is None) == (expected is None)
    if found is not None:
        assert_same(found, expected)
    np.testing.assert_array_equal(np.array(given, float), before)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("kind", [*NO_NUMBERS, *OBJECTS])
@pytest.mark.parametrize("row", ROWS, ids=names)
def test_what_holds_no_numbers_is_refused_by_name(row, kind, tmp_path):
    x = np.asarray(row.x, float)
    found = outcome(row, KINDS[kind](x, tmp_path))
    assert found is None or kind in row.takes
    if found is not None and kind in ("strings", "object", "complex"):  # the same groups
        assert_same(found, row.call(x))


def test_every_public_name_of_metrics_has_a_row():
    public = {
        f"{door}.{name}"
        for door in METRICS
        for name in importlib.import_module(f"helpers.metrics.{door}").__all__
    }
    rows_of_metrics = {row.function for row in ROWS if row.function.split(".")[0] in METRICS}
    assert rows_of_metrics | NO_ARRAYS == public
