"""Small CNNs before and after training, their layers without an embedding and in the plane."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import keras
import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from helpers import data, layers, models, report
from helpers.metrics import accuracy, checks, embeddings, intervals
from helpers.studies.ruman_2021 import claims as mlp_claims
from helpers.studies.ruman_2021 import scores, store
from helpers.studies.ruman_2021 import study as mlp_study

LAYERS = mlp_study.LAYERS  # input, layer1, layer2, layer3, as in the MLP
FILTERED = LAYERS[1:3]  # layers with maps; layer3's maps are single numbers
CONDITIONS = mlp_study.CONDITIONS
INPUT, KEYS = mlp_study.INPUT, mlp_study.KEYS
Key = mlp_study.Key
CACHE = mlp_study.CACHE
SEEDS = (0, 1, 2)
EPOCHS = 5
IMAGES = 5000  # that the source embeds
TEST_IMAGES = store.REPLICATION_SIZE
LIVE = 0.05  # a filter is live if at least this share of its activations is above zero
METHODS = store.METHODS
# What UMAP embeds of the first network: what the source calls very similar to t-SNE, no filters.
BY_UMAP = (INPUT, ("trained", LAYERS[-1]), ("untrained", LAYERS[-1]))
# In the plane, every eighth filter of layer 2 stands for all: an embedding takes 10 to 20 seconds.
STEPS = {"layer1": 1, "layer2": 8}
SOURCE = "source's net"
# Name -> width and loss: a star around the source's network, not all combinations.
CONFIGURATIONS = {
    SOURCE: (1, "cross-entropy"),
    "width × ½": (0.5, "cross-entropy"),
    "width × 4": (4, "cross-entropy"),
    "label smoothing": (1, "label smoothing"),
    "squared error": (1, "squared error"),
}
GRID_COLUMNS = ["dataset", "configuration", "seed", "condition", "layer", "depth", "measure"]


@dataclass(frozen=True, eq=False)
class Network:
    """A small CNN before and after training, with its learning curve."""

    arrays: data.LabelledImages
    seed: int
    untrained: keras.Model
    trained: keras.Model
    curve: pd.DataFrame

    def activations(self, images: np.ndarray, keys: Iterable[Key] = KEYS) -> dict[Key, np.ndarray]:
        """Return (condition, layer) → (n, height, width, channels) for images of 0..255."""
        x = pixels(images)
        keys = list(keys)
        found = {INPUT: x} if INPUT in keys else {}
        for condition in CONDITIONS:
            names = [layer for c, layer in keys if c == condition]
            if names:
                model = getattr(self, condition)
                own = layers.activations(model, x, names, batch_size=1000, progress=False)
                found |= {(condition, layer): a for layer, a in own.items()}
        return {key: found[key] for key in keys}

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        """Return (n, classes): the trained network's softmax of its logits."""
        logits = layers.activations(
            self.trained, pixels(images), ["logits"], batch_size=1000, progress=False
        )["logits"]
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        return odds / odds.sum(axis=1, keepdims=True)


def at_28(arrays: data.LabelledImages) -> data.LabelledImages:
    """Return the 8 × 8 digits as 28 × 28: each pixel as 3 × 3, with a frame of 2; others as is."""
    if arrays.x_train.shape[1:] == (28, 28):
        return arrays

    def enlarged(x: np.ndarray) -> np.ndarray:
        return np.pad(x.repeat(3, axis=1).repeat(3, axis=2), ((0, 0), (2, 2), (2, 2)))

    return replace(arrays, x_train=enlarged(arrays.x_train), x_test=enlarged(arrays.x_test))


def pixels(images: np.ndarray) -> np.ndarray:
    """Return images (n, 28, 28) of 0..255 as float32 (n, 28, 28, 1) of 0..1, as the source does."""
    return (images / np.float32(255))[..., None]


def flat(x: np.ndarray) -> np.ndarray:
    """Return activations (n, ...) as (n, units)."""
    return checks.flat(x, "x")


def live(x: np.ndarray) -> np.ndarray:
    """Tell live filters from dead and nearly silent ones.

    Args:
        x: (n, height, width, filters) activations.

    Returns:
        (filters,) whether at least a share LIVE of the filter's activations is above zero.
    """
    return (x > 0).mean(axis=(0, 1, 2)) >= LIVE


def mean_interval(values: ArrayLike) -> intervals.Estimate:
    """Return the mean with its 95 % t interval, whose ends are NaN for a single value."""
    values = np.asarray(values, float)
    if len(values) < 2:
        return intervals.Estimate(float(values.mean()), np.nan, np.nan)
    return intervals.mean_estimate(values)


def learning_rate(dataset: str) -> float:
    """Return the source's step size: 0.01 for MNIST, 0.03 for the others."""
    return 0.01 if dataset == "mnist" else 0.03


def train_network(
    arrays: data.LabelledImages,
    seed: int = 0,
    configuration: str = SOURCE,
    images: int | None = None,
    epochs: int = EPOCHS,
    cache: Path | str | None = None,
) -> Network:
    """Train a network as the source did: batches of 64, SGD with momentum 0.9.

    Args:
        arrays: the data set, at 28 × 28.
        seed: of the initial weights and of the order of the images.
        configuration: one of CONFIGURATIONS.
        images: only the first training images; default: all.
        epochs: passes over them.
        cache: folder that keeps the trained weights.
    """
    width, loss = CONFIGURATIONS[configuration]
    untrained = models.small_cnn(width, len(arrays.class_names), seed)
    trained, curve = models.train(
        untrained,
        pixels(arrays.x_train[:images]),
        arrays.y_train[:images],
        (pixels(arrays.x_test), arrays.y_test),
        learning_rate=learning_rate(arrays.name),
        epochs=epochs,
        seed=seed,
        loss=loss,
        cache=cache,
    )
    return Network(arrays, seed, untrained, trained, curve.assign(dataset=arrays.name, seed=seed))


def replicate(network: Network, n: int = TEST_IMAGES) -> mlp_study.Replication:
    """Score every layer's activations on test images that no network has seen.

    They are the images that the MLP's replication of the same seed was scored on.

    Args:
        network: one of the source's.
        n: test images.
    """
    chosen = mlp_study.draw(network.arrays, network.seed, n)
    labels = network.arrays.y_test[chosen]
    hits, found = {}, {}
    for key, x in network.activations(network.arrays.x_test[chosen]).items():
        knn = hits["raw", key, "kNN"] = scores.knn_hits(flat(x), labels)
        probe = hits["raw", key, "probe"] = scores.probe_hits(flat(x), labels)
        found[key] = {"kNN": knn.mean(), "probe": probe.mean()}
        found[key]["d_s"] = embeddings.structure(flat(x), labels)["d_s"]
    table = mlp_study.tabulate(found).assign(
        method="raw", dataset=network.arrays.name, seed=network.seed
    )
    return mlp_study.Replication(table[mlp_study.COLUMNS], hits, {}, labels)


def beside_mlp(table: pd.DataFrame) -> pd.DataFrame:
    """Put the kNN of the MLP's layers, as notebook 05 stored it, beside that of the CNN's.

    Args:
        table: of the CNN's replications, as `replicate` makes it.

    Returns:
        For `plotting.against_depth`: columns layer, depth, value, seed, condition, data set,
        network; the pixels under both conditions. Data sets that notebook 05 has not are there
        with the CNN alone.
    """
    mlp = report.load("05_measures", committed=True)
    both = [table.assign(network="CNN"), mlp.assign(network="MLP (notebook 05)")]
    rows = pd.concat(both).query("method == 'raw' and measure == 'kNN'")
    rows = mlp_study.under_both(rows[rows["dataset"].isin(table["dataset"])])
    return rows.assign(**{"data set": rows["dataset"].map(mlp_claims.TITLES)})


def less_mlp(beside: pd.DataFrame) -> pd.DataFrame:
    """Compare the last layers of the CNN and the MLP, paired by seed and so by test images.

    Args:
        beside: as `beside_mlp` returns it.

    Returns:
        A row per data set and condition: difference (CNN less MLP, mean over seeds), low, high
        (t interval); no rows where notebook 05 has not the data set.
    """
    last = beside[beside["layer"] == LAYERS[-1]]
    keys = ["data set", "condition", "seed"]
    wide = last.pivot(index=keys, columns="network", values="value").dropna()
    if len(wide.columns) < 2:
        return pd.DataFrame(columns=["difference", "low", "high"])
    gap = wide["CNN"] - wide.drop(columns="CNN").squeeze(axis=1)
    found = {place: mean_interval(own) for place, own in gap.groupby(keys[:2], sort=False)}
    return pd.DataFrame(found, index=["difference", "low", "high"]).T


def grid(
    arrays: data.LabelledImages,
    seeds: Sequence[int],
    images: int,
    epochs: int,
    n: int = TEST_IMAGES,
    cache: Path | str | None = None,
) -> pd.DataFrame:
    """Train every configuration with every seed, and score its layers on test images.

    Args:
        arrays: the data set, at 28 × 28.
        seeds: of the networks; all configurations see the same test images for one seed.
        images: training images.
        epochs: passes over them.
        n: test images.
        cache: folder that keeps the trained weights.

    Returns:
        Columns GRID_COLUMNS and value: kNN and d_s of every layer before and after training, and
        the trained network's accuracy on all test images (layer "logits").
    """
    rows = []
    for configuration in CONFIGURATIONS:
        for seed in seeds:
            network = train_network(arrays, seed, configuration, images, epochs, cache)
            chosen = mlp_study.draw(arrays, seed, n)
            labels = arrays.y_test[chosen]
            about = (arrays.name, configuration, seed)
            for key, x in network.activations(arrays.x_test[chosen]).items():
                place = (*about, *key, LAYERS.index(key[1]))
                right = accuracy.knn_accuracy(flat(x), labels, leave_one_out=True)
                rows.append((*place, "kNN", right))
                rows.append((*place, "d_s", embeddings.structure(flat(x), labels)["d_s"]))
            right = network.curve["accuracy"].iloc[-1]
            rows.append((*about, "trained", "logits", len(LAYERS), "accuracy", right))
    return pd.DataFrame(rows, columns=[*GRID_COLUMNS, "value"])


def embed(
    networks: Sequence[Network],
    n: int = IMAGES,
    steps: Mapping[str, int] = STEPS,
    cache: Path | str | None = None,
    processes: int = 2,
    methods: Sequence[str] = METHODS,
) -> dict[store.Name, np.ndarray]:
    """Embed the first n training images by t-SNE and UMAP, with the source's settings.

    By t-SNE of the first network the pixels, every layer as a whole, filters one by one, and of
    the others the last trained layer. By UMAP the same without the filters and the layers between.

    Args:
        networks: of one data set.
        n: images.
        steps: layer → take every so many-th filter; dead ones are left out.
        cache: folder that keeps the embeddings; it must be there.
        processes: how many embeddings are computed at a time.
        methods: "tsne", "umap" or both.

    Returns:
        (seed, method, (condition, layer)) → (n, 2) positions; the third filter of layer 2 is
        the layer "layer2, filter 3".
    """
    return store.compute(_jobs(networks, n, steps, methods), cache, processes)


def _jobs(
    networks: Sequence[Network], n: int, steps: Mapping[str, int], methods: Sequence[str]
) -> Iterator[store.Job]:
    first, *others = networks
    images = first.arrays.x_train[:n]
    for key, x in first.activations(images).items():
        for method in methods:
            if method == "tsne" or key in BY_UMAP:
                yield (first.seed, method, key), flat(x)
        condition, layer = key
        for number, part in maps(x, steps[layer]) if layer in steps else ():
            yield (first.seed, "tsne", (condition, f"{layer}, filter {number}")), part
    key = ("trained", LAYERS[-1])
    for network in others:
        x = flat(network.activations(images, [key])[key])
        yield from (((network.seed, method, key), x) for method in methods)


def maps(x: np.ndarray, step: int = 1) -> Iterator[tuple[int, np.ndarray]]:
    """Go through the maps of a layer's filters; dead ones, equal for all images, are left out.

    Args:
        x: (n, height, width, filters).
        step: take every step-th filter.

    Yields:
        The filter's number from 1, and its map (n, height * width).
    """
    for i in range(0, x.shape[-1], step):
        part = flat(x[..., i])
        if (part != part[0]).any():
            yield i + 1, part


def in_the_plane(points: Mapping[store.Name, np.ndarray], network: Network) -> pd.DataFrame:
    """Take the source's measures of every embedding.

    Args:
        points: as `embed` returns it.
        network: the first one that was embedded.

    Returns:
        Columns dataset, seed, method, condition, layer, part ("whole" or "filter 3"), live (of
        a filter, on these images; True of the others), measure, value.
    """
    for p in points.values():
        checks.finite(p, "points", ("images", "2"))
    n = len(next(iter(points.values())))
    labels = network.arrays.y_train[:n]
    keys = [(c, layer) for c in CONDITIONS for layer in FILTERED]
    found = network.activations(network.arrays.x_train[:n], keys).items()
    silent = {
        (condition, f"{layer}, filter {number}")
        for (condition, layer), x in found
        for number in np.flatnonzero(~live(x)) + 1
    }
    rows = []
    for (seed, method, (condition, name)), p in points.items():
        layer, _, part = name.partition(", ")
        about = (network.arrays.name, seed, method, condition, layer, part or "whole")
        about = (*about, (condition, name) not in silent)
        rows += [(*about, m, v) for m, v in embeddings.structure(p, labels).items()]
    columns = ["dataset", "seed", "method", "condition", "layer", "part", "live"]
    return pd.DataFrame(rows, columns=[*columns, "measure", "value"])


def there_or_drawn(
    network: Network, points: Mapping[store.Name, np.ndarray], n: int = IMAGES
) -> pd.DataFrame:
    """Ask the same images for their neighbours in the activations and in the t-SNE plane.

    No point is its own neighbour. The trained network has seen these images.

    Returns:
        Columns dataset, condition, layer, depth, space ("activations", "t-SNE"), value: the share
        of images whose own class is the most frequent of their ten nearest neighbours.
    """
    labels = network.arrays.y_train[:n]
    rows = []
    for key, x in network.activations(network.arrays.x_train[:n]).items():
        spaces = {"activations": flat(x), "t-SNE": points[network.seed, "tsne", key]}
        for space, q in spaces.items():
            right = accuracy.knn_accuracy(q, labels, leave_one_out=True)
            rows.append((network.arrays.name, *key, LAYERS.index(key[1]), space, right))
    columns = ["dataset", "condition", "layer", "depth", "space", "value"]
    return pd.DataFrame(rows, columns=columns)


def panels(points: Mapping[store.Name, np.ndarray], seed: int = 0) -> dict[Key, np.ndarray]:
    """Return the whole layers' embeddings of one network, all aligned with that of the pixels."""
    reference = points[seed, "tsne", INPUT]
    return {key: embeddings.align(points[seed, "tsne", key], reference) for key in KEYS}
