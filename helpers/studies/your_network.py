"""Notebook 08: all the project's analyses of any network and any folder of images, in one pass."""

from __future__ import annotations

import pickle
import shutil
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import pandas as pd
import psutil
import tensorflow as tf
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from helpers import data, layers, models, plotting, report
from helpers.metrics import accuracy, intervals, similarity, sparsity

Array = NDArray[np.float64]

# Where a layer has negative values, no unit is exactly silent: silent is what is at most this
# share of the root mean square (RMS) of the image's activations in that layer.
THRESHOLD = 0.1
# Bins of the histograms, in units of the RMS.
EDGES = tuple(np.arange(-4, 12.25, 0.25).tolist())
OWN = {"SqueezeNet": models.squeezenet, "mini-Inception": models.mini_inception}
RANGES = {"0..255": (1.0, 0.0), "0..1": (1 / 255, 0.0), "-1..1": (1 / 127.5, -1.0)}
SCALING = ("Rescaling", "Normalization")
# Layers of the Inception-v3 of 2015 that rest on re-estimated weights (notebook 04).
APPROXIMATE = ("mixed9", "mixed10", "avg_pool", "predictions")


def network(name: str, weights: str = "imagenet", pixels: str = "") -> keras.Model:
    """Build or load a network, with its card.

    Args:
        name: a .keras file; "SqueezeNet" or "mini-Inception"; or a network of
            keras.applications, as "MobileNetV2".
        weights: for keras.applications: "imagenet", or "none" for random ones.
        pixels: for a .keras file: what pixels are scaled to, "0..255", "0..1" or "-1..1"; may be
            left empty where the model scales them itself.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: no such network; or a model that does not take one image of a fixed size, or
            does not say how pixels are scaled.
        ConnectionError: weights that Keras does not have and cannot fetch.
    """
    if name in OWN:
        return OWN[name]()
    if not name.endswith(".keras"):
        if weights not in ("imagenet", "none"):
            raise ValueError(f"weights={weights!r}: choose 'imagenet' or 'none' (random)")
        return models.application(name, None if weights == "none" else weights)
    path = Path(name)
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}: save the model with model.save({path.name!r})")
    model = keras.saving.load_model(path, compile=False)
    height, width, channels = image_shape(model)
    card = models.Card(
        path.stem,
        path.name,
        partial(preprocess, size=(height, width), channels=channels, pixels=_pixels(model, pixels)),
        data.sha256(path),
    )
    model.card = card
    return model


def image_shape(model: keras.Model) -> tuple[int, int, int]:
    """Return (height, width, channels) of the images that a model takes.

    Raises:
        ValueError: it takes several inputs, no image, or images of any size.
    """
    if len(model.inputs) != 1:
        raise ValueError(
            f"{model.name!r} has {len(model.inputs)} inputs: this notebook shows each image to one "
            "input; `layers.accumulate` takes a tuple of arrays, one per input"
        )
    shape = tuple(model.inputs[0].shape[1:])
    if len(shape) != 3 or shape[2] not in (1, 3) or None in shape:
        raise ValueError(
            f"{model.name!r} takes inputs of shape {shape}, not (height, width, 1 or 3): build it "
            "for images of a fixed size, channels last"
        )
    return shape


def preprocess(image: tf.Tensor, size: tuple[int, int], channels: int, pixels: str) -> tf.Tensor:
    """Resize an image (bilinear, antialiased), and scale its pixels.

    Args:
        image: uint8 (height, width, 1 or 3).
        size: (height, width) that the network takes.
        channels: 1 for a network of grey images, else 3.
        pixels: "0..255", "0..1" or "-1..1".
    """
    image = tf.image.resize(image, size, antialias=True)
    if channels == 1 and image.shape[-1] == 3:
        image = tf.image.rgb_to_grayscale(image)
    if channels == 3 and image.shape[-1] == 1:
        image = tf.image.grayscale_to_rgb(image)
    factor, offset = RANGES[pixels]
    return image * factor + offset


def silenced(x: np.ndarray, threshold: float = THRESHOLD) -> NDArray[np.float32]:
    """Return magnitudes of activations, 0 where a unit counts as silent.

    In an image whose activations hold no negative value, as after ReLU, that is where they are
    0. In any other, it is where they are at most `threshold` times their root mean square.

    Args:
        x: (images, ...), one layer.
        threshold: share of the root mean square.

    Returns:
        (images, units).
    """
    x = x.reshape(len(x), -1).astype(np.float32, copy=False)
    signed = x.min(axis=1) < 0
    if not signed.any():
        return x
    magnitudes = np.abs(x)
    limit = np.where(signed, threshold * root_mean_square(x), 0)
    magnitudes[magnitudes <= limit[:, None]] = 0
    return magnitudes


def root_mean_square(x: np.ndarray) -> NDArray[np.float32]:
    """Return each image's root mean square over all units, (images,)."""
    x = x.reshape(len(x), -1)
    return np.sqrt(np.array([np.dot(row, row) / len(row) for row in x], np.float32))


def how_sparse(x: np.ndarray, threshold: float = THRESHOLD) -> Array:
    """Return each image's sparseness in one layer, for `layers.PerImage`.

    Returns:
        (images, 3): the Gini coefficient of the magnitudes; the share of active units; the share
        of units that are active and negative.
    """
    sizes = silenced(x, threshold)
    x = x.reshape(len(x), -1)
    negative = [((row < 0) & (size > 0)).sum() for row, size in zip(x, sizes, strict=True)]
    columns = [
        sparsity.gini(sizes, axis=1, tolerance=1e-5),
        sparsity.active_fraction(sizes, axis=1),
        np.array(negative) / x.shape[1],
    ]
    return np.stack(columns, axis=1)


def channel_means(x: np.ndarray) -> NDArray[np.float32]:
    """Return each channel's mean over places, (images, channels), for `layers.PerImage`."""
    return x.reshape(len(x), -1, x.shape[-1]).mean(axis=1)


class ScaledHistogram(sparsity.Histogram):
    """Counts of activations in units of their image's root mean square in the layer."""

    def update(self, x: ArrayLike) -> None:
        """Count the next images (images, ...)."""
        x = np.asarray(x)
        scale = root_mean_square(x)
        scale[scale == 0] = 1
        super().update(x.reshape(len(x), -1) / scale[:, None])


@dataclass(frozen=True, eq=False)
class Seen:
    """What one pass over the images found.

    Attributes:
        network: title.
        places: a row per layer, as `layers.describe` returns it.
        images: the image set.
        sparseness: layer -> (images, 3), see `how_sparse`.
        channels: layer -> (images, channels) means over places.
        histograms: layer -> counts in units of the RMS.
        similar: layer -> the correlations of all pairs of images, and their inner products.
    """

    network: str
    places: pd.DataFrame
    images: data.ImageSet
    sparseness: Mapping[str, Array]
    channels: Mapping[str, NDArray[np.float32]]
    histograms: Mapping[str, ScaledHistogram]
    similar: Mapping[str, similarity.Similarity]


def examples(full: bool) -> data.ImageSet:
    """Return the images of the notebook: five of each category of Caltech-101, or 300 digits."""
    return data.caltech101(5) if full else data.digits(300)


def check(images: data.ImageSet) -> None:
    """Refuse an image set that the analyses cannot take, before anything is computed.

    Raises:
        ValueError: fewer than 3 images or 3 categories, or a category with one image.
    """
    names, counts = np.unique(images.category, return_counts=True)
    if len(names) < 3:
        raise ValueError(
            f"{len(images)} images of {len(names)} categories: put them into sub-folders, one per "
            "category, at least 3 of them"
        )
    if counts.min() < 2:
        alone = names[counts < 2]
        raise ValueError(
            f"categories with one image only: {', '.join(map(str, alone[:5]))}; each needs two"
        )


def look(
    model: keras.Model,
    images: data.ImageSet,
    chosen: Sequence[str],
    folder: str | Path | None = None,
    **options: Any,
) -> Seen:
    """Show all images to a network once, and keep what the notebook asks of them.

    Args:
        model: the network, with a card.
        images: at least 3 images.
        chosen: names of layers.
        folder: where finished shards and the images' patterns are kept: after an interruption
            the pass goes on there (it needs Zarr). None: nothing outlasts the pass.
        **options: client (with a folder), batch_size and progress of `layers.accumulate`.

    Raises:
        ValueError: see `check`, or as `layers.accumulate`.
        OSError: the disk has no room for the patterns.
    """
    check(images)
    places = layers.describe(model, chosen)
    if folder is None:
        with similarity.pattern_store(len(images)) as patterns:
            found = layers.accumulate(model, images, chosen, _kept(patterns), **options)
            similar = {n: each["patterns"].similarity(n) for n, each in found.items()}
    else:
        shards, patterns = Path(folder) / "shards", Path(folder) / "patterns"
        if not shards.exists():
            patterns.mkdir(parents=True, exist_ok=True)
            _check_disk(4 * int(places["units"].sum()) * len(images), patterns)
        kept = _kept(partial(layers.KeptPatterns, patterns))
        found = layers.accumulate(model, images, chosen, kept, keep=shards, **options)
        client = options.get("client")
        similar = {n: each["patterns"].similarity(n, client) for n, each in found.items()}
    return Seen(
        model.card.title,
        places,
        images,
        {layer: each["images"]["sparse"] for layer, each in found.items()},
        {layer: each["images"]["channels"] for layer, each in found.items()},
        {layer: each["histogram"] for layer, each in found.items()},
        similar,
    )


def _kept(patterns: Callable[[], layers.Accumulator]) -> dict[str, Callable]:
    """Return what makes a layer's accumulators."""
    functions = {"sparse": how_sparse, "channels": channel_means}
    return {
        "images": partial(layers.PerImage, functions),
        "histogram": partial(ScaledHistogram, EDGES),
        "patterns": patterns,
    }


def sparseness(seen: Seen) -> pd.DataFrame:
    """Tabulate every image's Gini coefficient and its parts in every layer.

    With a share a of active units and their own Gini coefficient g, the Gini coefficient of all
    is (1 - a) + a g (notebook 01).

    Returns:
        Columns network, layer, depth, stage, image, category, measure, value; measures gini,
        active, gini_active and negative.
    """
    parts = []
    for row in seen.places.itertuples():
        gini, active, negative = seen.sparseness[row.layer].T
        own = np.divide(gini - (1 - active), active, out=np.full(len(gini), np.nan),
                        where=active > 0)  # fmt: skip
        measures = {"gini": gini, "active": active, "gini_active": own, "negative": negative}
        about = {
            "network": seen.network,
            "layer": row.layer,
            "depth": row.depth,
            "stage": row.stage,
            "image": seen.images.names,
            "category": seen.images.category,
        }
        parts += [pd.DataFrame(about | {"measure": m, "value": v}) for m, v in measures.items()]
    return pd.concat(parts, ignore_index=True)


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Return each layer's mean with Student's 95 % interval, over images or categories.

    Args:
        table: columns network, layer, depth, stage, value, and perhaps measure, null_low and
            null_high.
    """
    keys = ["network", "measure", "layer", "depth", "stage", "null_low", "null_high"]
    rows = []
    for key, part in table.groupby([k for k in keys if k in table], sort=False):
        found = intervals.mean_estimate(part["value"].dropna().to_numpy())
        rows.append([*key, found.value, found.low, found.high])
    return pd.DataFrame(rows, columns=[*(k for k in keys if k in table), "value", "low", "high"])


def responses(seen: Seen, layer: str) -> Array:
    """Return each channel's mean response to each category, (categories, channels)."""
    categories, index = np.unique(seen.images.category, return_inverse=True)
    sums = np.zeros((len(categories), seen.channels[layer].shape[1]))
    np.add.at(sums, index, seen.channels[layer])
    return sums / np.bincount(index)[:, None]


def category_psi(seen: Seen, seed: int = 0) -> pd.DataFrame:
    """Tabulate the PSI of every category in every layer, and its level under noise (notebook 04).

    Returns:
        Columns network, layer, depth, stage, category, value, null_low, null_high: the ends of
        the 95 % interval of the mean PSI of Gaussian noise with as many channels, as many of
        them dead.
    """
    parts = []
    for row in seen.places.itertuples():
        table = responses(seen, row.layer)
        noise = sparsity.psi_noise(*table.shape, seed, 20, sparsity.dead_units(table))
        low, high = np.quantile(noise.mean(axis=1), [0.025, 0.975])
        about = {
            "network": seen.network,
            "layer": row.layer,
            "depth": row.depth,
            "stage": row.stage,
            "category": np.unique(seen.images.category),
            "value": sparsity.psi(sparsity.normalise_responses(table)),
        }
        parts.append(pd.DataFrame(about | {"null_low": low, "null_high": high}))
    return pd.concat(parts, ignore_index=True)


class Recognised(NamedTuple):
    """Which images were recognised.

    Attributes:
        correct: (images,) booleans.
        how: by what, in words.
    """

    correct: NDArray[np.bool_]
    how: str


def recognised(seen: Seen) -> Recognised:
    """Say of every image whether its category was recognised.

    By the network itself where it has one output per category (taken in alphabetical order, as
    Keras numbers the sub-folders of a folder), or ImageNet's 1,000 outputs and categories called
    by WordNet ids. Else by the nearest mean (`nearest_mean`) in the last hidden layer.

    Raises:
        ValueError: the nearest mean is needed, and a category has one image only.
    """
    last = seen.places["layer"].iloc[-1]
    outputs = seen.channels[last]
    categories, index = np.unique(seen.images.category, return_inverse=True)
    if outputs.shape[1] == len(categories):
        return Recognised(outputs.argmax(axis=1) == index, f"the network's own answer ({last})")
    if outputs.shape[1] == 1000 and all(c.startswith("n0") or c.startswith("n1")
                                        for c in categories):  # fmt: skip
        wnids = data.imagenet_classes()["wnid"].to_numpy()
        answers = wnids[outputs.argmax(axis=1)]
        return Recognised(answers == seen.images.category, f"the network's own answer ({last})")
    layer = last_hidden(seen)
    correct = nearest_mean(seen.channels[layer], seen.images.category)
    return Recognised(correct, f"the nearest mean of the other images' channels in {layer}")


def last_hidden(seen: Seen) -> str:
    """Return the last layer that has not as many channels as the output; else the output."""
    widths = {name: x.shape[1] for name, x in seen.channels.items()}
    output = list(widths.values())[-1]
    return ([name for name, width in widths.items() if width != output] or list(widths))[-1]


def nearest_mean(x: ArrayLike, labels: ArrayLike) -> NDArray[np.bool_]:
    """Say for every point whether it lies nearest to the mean of the others of its class.

    Features are scaled to unit variance; those that do not vary are left out.

    Args:
        x: (points, features).
        labels: (points,) classes of at least two points each.

    Returns:
        (points,) booleans.

    Raises:
        ValueError: a class of one point.
    """
    x = np.asarray(x, float)
    x = x[:, x.std(axis=0) > 0]
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    names, index, counts = np.unique(np.asarray(labels), return_inverse=True, return_counts=True)
    if counts.min() < 2:
        raise ValueError(
            f"category {str(names[counts.argmin()])!r} has one image: the nearest mean needs two"
        )
    sums = np.zeros((len(names), x.shape[1]))
    np.add.at(sums, index, x)
    means = sums / counts[:, None]
    square = (means**2).sum(axis=1) - 2 * x @ means.T  # less the point's own, equal for all
    own = (sums[index] - x) / (counts[index] - 1)[:, None]
    square[np.arange(len(x)), index] = (own**2).sum(axis=1) - 2 * (x * own).sum(axis=1)
    return square.argmin(axis=1) == index


def psi_and_accuracy(psi: pd.DataFrame, found: Recognised, labels: ArrayLike) -> pd.DataFrame:
    """Correlate PSI with the share of recognised images over categories, layer by layer.

    Returns:
        Columns network, layer, depth, stage, value (Pearson's r), low, high (95 % bootstrap
        interval over categories), null_low, null_high (permutations), p, p_holm, significant.
        NaN where all categories are recognised alike.
    """
    shares = accuracy.by_category(found.correct, labels)
    rows = []
    keys = ["network", "layer", "depth", "stage"]
    for key, part in psi.groupby(keys, sort=False):
        values = part["value"].to_numpy()
        test = intervals.correlation_test(values, shares, repeats=2000)
        about = dict(zip(keys, key, strict=True))
        rows.append(about | {"value": test.r, "low": test.low, "high": test.high, "p": test.p,
                             "null_low": -test.null, "null_high": test.null})  # fmt: skip
    table = pd.DataFrame(rows)
    known = table["p"].notna()
    table["p_holm"] = np.nan
    if known.any():
        table.loc[known, "p_holm"] = intervals.holm(table.loc[known, "p"])
    return table.assign(significant=table["p_holm"] < 0.05)


def decorrelation(seen: Seen, repeats: int = 500, seed: int = 0) -> pd.DataFrame:
    """Tabulate 1 - r of pairs of images in every layer, with a bootstrap interval over images.

    Returns:
        Columns network, layer, depth, stage, value, low, high.
    """
    weights = similarity.resample(len(seen.images), repeats, seed)
    rows = []
    for row in seen.places.itertuples():
        matrix = seen.similar[row.layer].correlation
        low, high = np.quantile(similarity.decorrelation(matrix, weights), [0.025, 0.975])
        about = {"network": seen.network, "layer": row.layer, "depth": row.depth}
        rows.append(about | {"stage": row.stage, "value": similarity.decorrelation(matrix),
                             "low": low, "high": high})  # fmt: skip
    return pd.DataFrame(rows)


def layer_by_layer(seen: Seen) -> tuple[list[str], dict[str, Array]]:
    """Compare layers by what they make of all pairs of images.

    Returns:
        The layers in which images differ, and two (layers, layers) matrices by name: second-order
        r (Kriegeskorte et al. 2008) and debiased CKA (Kornblith et al. 2019).
    """
    usable = [n for n, s in seen.similar.items() if np.isfinite(s.correlation).any()]
    matrices = [seen.similar[n].correlation for n in usable]
    grams = [seen.similar[n].gram for n in usable]
    cka = similarity.cka(grams, debiased=len(seen.images) > 3)
    return usable, {"second-order r": similarity.second_order(matrices), "CKA": cka}


def references(measure: str, seen: Seen) -> pd.DataFrame:
    """Place the curves of the notebooks' networks over a network's depth.

    The first layer falls on the first; the last one on the last or, where the output was not
    measured (notebook 04), the last hidden layer on the last hidden layer.

    Args:
        measure: "gini", "active", "gini_active" or "decorrelation" (Inception-v3: notebooks 01
            and 02), "psi" or "r" (SqueezeNet, GoogLeNet and Inception-v3: notebook 04).
        seen: the network's pass.

    Returns:
        Columns layer, depth, value, name (with the number of the notebook). Layers that rest on
        re-estimated weights are left out.
    """
    load = partial(report.load, committed=True)
    if measure in ("psi", "r"):
        name = "04_psi_by_category" if measure == "psi" else "04_r_by_layer"
        known = load(name).query("measure == 'psi'")
    elif measure == "decorrelation":
        known = load("02_decorrelation_and_activity").query("measure == 'decorrelation'")
        known = known.assign(network="Inception-v3 (2015)")
    else:
        known = load("01_gini_by_image").query("network == 'Inception-v3 (2015)'")
        wide = known.pivot_table("value", ["network", "layer", "depth"], "measure").reset_index()
        silent = 1 - wide["active_fraction"]
        wide["gini_active"] = (wide["gini"] - silent) / wide["active_fraction"]
        known = wide.rename(columns={"active_fraction": "active"})
        known = known.assign(value=known[measure])
    curves = known.groupby(["network", "layer", "depth"], sort=False)["value"].mean()
    curves = curves.reset_index()
    span = curves.groupby("network")["depth"].transform("max")
    places = seen.places.set_index("layer")["depth"]
    last = places[last_hidden(seen)] if measure in ("psi", "r") else places.max()
    curves["depth"] *= last / span
    guessed = curves["network"].str.startswith("Inception") & curves["layer"].isin(APPROXIMATE)
    notebook = {"psi": "04", "r": "04", "decorrelation": "02"}.get(measure, "01")
    curves["name"] = curves["network"].str.split(" ").str[0] + f", notebook {notebook}"
    return curves[~guessed].drop(columns="network")


def draw_histograms(seen: Seen, threshold: float = THRESHOLD) -> Figure:
    """Draw every layer's activations in units of the RMS, and what counts as silent."""
    shown, zeros, signed = {}, {}, {}
    for layer, histogram in seen.histograms.items():
        total = histogram.total
        shown[layer] = histogram.edges, histogram.counts / total
        signed[layer] = bool(histogram.below or histogram.counts[histogram.edges[:-1] < 0].any())
        if histogram.zeros:
            zeros[layer] = histogram.zeros / total
    beyond = {n: (h.below + h.above) / h.total for n, h in seen.histograms.items()}
    texts = {n: f"beyond: {100 * b:.1g} %" for n, b in beyond.items() if b >= 1e-4}
    fig = plotting.histograms(shown, texts, zeros, wrap=5, label="activation / RMS")
    for axis, layer in zip(fig.axes, shown, strict=False):
        if signed[layer]:
            axis.axvspan(-threshold, threshold, color="0.5", linewidth=0, alpha=0.6)
    return fig


class Costs(NamedTuple):
    """What a pass costs, measured on a few images.

    Attributes:
        seconds: per image, all analyses but the matrices.
        result: bytes per image and layer that come back from a worker.
        patterns: bytes per image and layer on the shared disk.
        network: bytes of the weights, which every worker gets once.
        memory: bytes that the process took at its peak.
        products: multiplications and additions of the matrices per second.
    """

    seconds: float
    result: float
    patterns: float
    network: float
    memory: float
    products: float


def costs(model: keras.Model, images: data.ImageSet, chosen: Sequence[str]) -> Costs:
    """Measure what a pass costs, once all is compiled."""
    with similarity.pattern_store(len(images)) as patterns:
        start = time.perf_counter()
        found = layers.accumulate(model, images, chosen, _kept(patterns), progress=False)
        between = time.perf_counter()
        for each in found.values():
            each.pop("patterns").similarity()
        end = time.perf_counter()
    units = layers.describe(model, chosen)["units"]
    count = len(images) * len(chosen)
    return Costs(
        seconds=(between - start) / len(images),
        result=len(pickle.dumps(found)) / count,
        patterns=4 * float(units.mean()),
        network=float(sum(weight.nbytes for weight in model.get_weights())),
        memory=_peak_memory(),
        products=2 * len(images) ** 2 * float(units.sum()) / (end - between),
    )


def on_workers(
    measured: Costs,
    images: int = 50_000,
    depth: int = 18,
    workers: Sequence[int] = (1, 8, 64),
    shard: int = 64,
) -> pd.DataFrame:
    """Reckon what a pass costs on a cluster whose workers are like this process.

    Args:
        measured: from `costs`.
        images: how many.
        depth: how many layers.
        workers: how many there are; a row for each.
        shard: images per task.

    Returns:
        Columns workers; pass_hours; traffic_gb (results to the client, and the network to every
        worker); worker_gb (peak memory of each); disk_tb (patterns); matrix_hours; reads_tb (of
        patterns, for the tiles of the matrices); client_gb (the matrices of one layer).
    """
    count, units = np.array(workers, float), measured.patterns / 4
    tiles = images / shard * (images / shard + 1) / 2
    reads = depth * tiles * 2 * shard * measured.patterns
    flops = depth * images**2 * units  # half of the pairs, two operations each
    return pd.DataFrame(
        {
            "workers": workers,
            "pass_hours": images * measured.seconds / count / 3600,
            "traffic_gb": (images * depth * measured.result + count * measured.network) / 1e9,
            "worker_gb": measured.memory / 1e9,
            "disk_tb": images * depth * measured.patterns / 1e12,
            "matrix_hours": flops / measured.products / count / 3600,
            "reads_tb": reads / 1e12,
            "client_gb": 4 * 8 * images**2 / 1e9,
        }
    )


def weights_sha256(model: keras.Model) -> str:
    """Return the SHA-256 of a model's weights: their dtypes, shapes and bytes, in Keras' order."""
    return data.digest(*model.get_weights())


def _pixels(model: keras.Model, pixels: str) -> str:
    if pixels and pixels not in RANGES:
        raise ValueError(f"pixels={pixels!r}: choose {', '.join(map(repr, RANGES))}")
    if pixels:
        return pixels
    if any(type(layer).__name__ in SCALING for layer in model._flatten_layers()):
        return "0..255"
    raise ValueError(
        f"{model.name!r} has no Rescaling or Normalization layer: say what pixels are scaled to, "
        f"PIXELS = {' or '.join(map(repr, RANGES))}"
    )


def _peak_memory() -> float:
    """Return the most memory that this process has taken, in bytes."""
    if sys.platform == "win32":
        return float(psutil.Process().memory_info().peak_wset)
    import resource  # Windows has none

    unit = 1 if sys.platform == "darwin" else 1024
    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit)


def _check_disk(needed: int, folder: Path) -> None:
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise OSError(
            f"the patterns take {needed / 1e9:.1f} GB, and {folder} has {free / 1e9:.1f} GB left: "
            "choose fewer images or layers, or another folder (KEEP)"
        )
