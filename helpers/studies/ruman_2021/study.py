"""The layers of one MLP, before and after training, in the plane and without it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import keras
import numpy as np
import pandas as pd

from helpers import data, layers, models, project
from helpers.metrics import checks, embeddings
from helpers.studies.ruman_2021 import scores

HIDDEN = (512, 256, 128)
LAYERS = ("input", *(f"layer{i + 1}" for i in range(len(HIDDEN))))
CONDITIONS = ("trained", "untrained")
Key = tuple[str, str]  # condition, layer
INPUT: Key = ("pixels", "input")
KEYS: tuple[Key, ...] = (INPUT, *((c, layer) for c in CONDITIONS for layer in LAYERS[1:]))
# The source's seed of t-SNE; a replication adds its own seed to it.
EMBEDDING_SEED = 42

PASS = {"batch_size": 1000, "progress": False}
CACHE = project.ROOT / "data" / "downloads" / "embeddings"
COLUMNS = ["dataset", "seed", "method", "condition", "layer", "depth", "measure", "value"]

Representations = dict[Key, np.ndarray]


@dataclass(frozen=True, eq=False)
class Pair:
    """One network before and after training, with its learning curve."""

    arrays: data.LabelledImages
    untrained: keras.Model
    trained: keras.Model
    curve: pd.DataFrame

    def activations(self, images: np.ndarray, keys: Iterable[Key] = KEYS) -> Representations:
        """Return (condition, layer) → (n, units) for images (n, height, width) of 0..255.

        The pixels are the same before and after training and stand there once, as INPUT.
        """
        x = pixels(images)
        found: Representations = {}
        for key in keys:
            condition, layer = key
            if key == INPUT:
                found[key] = x
            else:
                model = self.trained if condition == "trained" else self.untrained
                found[key] = layers.activations(model, x, [layer], **PASS)[layer]
        return found


def pixels(images: np.ndarray) -> np.ndarray:
    """Return images (n, height, width) of 0..255 as float32 vectors of 0..1, as the source does.

    Raises:
        TypeError: no real numbers.
        ValueError: another shape, NaN or infinity.
    """
    images = checks.real(images, "images")
    if images.ndim != 3 or not images.size:
        raise ValueError(f"images must be (n, height, width), got shape {images.shape}")
    checks.require_finite(images, "images")
    return images.reshape(len(images), -1) / np.float32(255)


def learning_rate(dataset: str) -> float:
    """Return the source's step size: 0.1 for MNIST, 0.05 for the others."""
    return 0.1 if dataset == "mnist" else 0.05


def train_pair(
    arrays: data.LabelledImages,
    seed: int = 0,
    cache: Path | str | None = None,
    relu_on_logits: bool = False,
) -> Pair:
    """Train the source's MLP on a data set: 5 epochs, batches of 64, SGD with momentum 0.9.

    Args:
        arrays: the data set.
        seed: of the initial weights and of the order of the images.
        cache: folder that keeps the trained weights.
        relu_on_logits: put a ReLU after the last layer, too, as the source did.
    """
    untrained = initial(arrays, seed)
    if relu_on_logits:
        untrained = keras.Model(untrained.inputs, keras.layers.ReLU()(untrained.output))
    trained, curve = models.train(
        untrained,
        pixels(arrays.x_train),
        arrays.y_train,
        (pixels(arrays.x_test), arrays.y_test),
        learning_rate=learning_rate(arrays.name),
        seed=seed,
        cache=cache,
    )
    return Pair(arrays, untrained, trained, curve.assign(dataset=arrays.name, seed=seed))


def initial(arrays: data.LabelledImages, seed: int = 0) -> keras.Model:
    """Return the source's MLP for a data set, at its initialisation."""
    return models.mlp((arrays.x_train[0].size, *HIDDEN, len(arrays.class_names)), seed)


def embed(
    x: np.ndarray,
    method: str,
    seed: int = EMBEDDING_SEED,
    cache: Path | str | None = None,
    compute: Callable[[np.ndarray, str, int], np.ndarray] | None = None,
) -> np.ndarray:
    """Embed activations in the plane, or find them in a folder that keeps embeddings.

    Args:
        x: (n, units) activations.
        method: "tsne", "umap" or "pca", as in `metrics.embeddings.embed`.
        seed: of the method.
        cache: folder in which an embedding is kept by a digest of x, method, version, seed and
            settings; None computes it in any case.
        compute: makes the positions from x, method and seed; default: `metrics.embeddings.embed`.

    Returns:
        (n, 2) float32 positions.
    """
    compute = compute or embeddings.embed
    if cache is None or method == "pca":
        return compute(x, method, seed)
    key = {
        "kind": method,
        "x": data.digest(x),
        "version": version(embeddings.PACKAGES[method]),
        "seed": seed,
        **embeddings.DEFAULTS[method],
    }
    return data.cached(cache, key, lambda: {"points": compute(x, method, seed)})["points"]


def measure(points: Mapping[Key, np.ndarray], labels: np.ndarray) -> pd.DataFrame:
    """Return the source's five measures of each layer.

    Args:
        points: (condition, layer) → (n, d) positions or activations.
        labels: (n,) classes.

    Returns:
        Columns condition, layer, depth, measure, value.
    """
    return tabulate({key: embeddings.structure(x, labels) for key, x in points.items()})


def tabulate(found: Mapping[Key, Mapping[str, float]]) -> pd.DataFrame:
    """Turn (condition, layer) → measure → value into a table.

    Returns:
        Columns condition, layer, depth, measure, value.
    """
    rows = [
        (condition, layer, LAYERS.index(layer), measure, value)
        for (condition, layer), values in found.items()
        for measure, value in values.items()
    ]
    return pd.DataFrame(rows, columns=COLUMNS[3:])


def under_both(table: pd.DataFrame) -> pd.DataFrame:
    """Repeat the rows of the pixels under both conditions, to draw or to compare them with."""
    own = table["condition"] == INPUT[0]
    repeated = [table[own].assign(condition=condition) for condition in CONDITIONS]
    return pd.concat([*repeated, table[~own]], ignore_index=True)


def relu_on_logits(
    arrays: data.LabelledImages, seeds: Iterable[int], n: int, cache: Path | str | None = None
) -> pd.DataFrame:
    """Train with the source's ReLU on the logits; embed the last hidden layer by t-SNE.

    Args:
        arrays: the data set.
        seeds: of the networks; initial weights, order of training, test images and embedding are
            those of the replications, see `replicate`.
        n: test images of each.
        cache: folder that keeps weights and embeddings.

    Returns:
        Index seed; columns accuracy, on all test images; never, how many classes the network
        answers for none of them; and the source's five measures.
    """
    key, rows = (CONDITIONS[0], LAYERS[-1]), {}
    for seed in seeds:
        pair = train_pair(arrays, seed, cache, relu_on_logits=True)
        answers = pair.trained.predict(pixels(arrays.x_test), 1000, verbose=0).argmax(axis=1)
        chosen = draw(arrays, seed, n)
        layer = pair.activations(arrays.x_test[chosen], [key])[key]
        points = embed(layer, "tsne", EMBEDDING_SEED + seed, cache)
        rows[seed] = {
            "accuracy": np.mean(answers == arrays.y_test),
            "never": len(arrays.class_names) - len(np.unique(answers)),
            **embeddings.structure(points, arrays.y_test[chosen]),
        }
    return pd.DataFrame(rows).T.rename_axis("seed")


@dataclass(frozen=True, eq=False)
class Replication:
    """The study done once: one network, some test images, one embedding of every layer.

    Attributes:
        table: columns dataset, seed, method, condition, layer, depth, measure, value; method
            "raw" stands for the activations themselves.
        hits: (method, (condition, layer), score) → (n,) whether each image's class is found,
            for the scores "kNN" and "probe".
        trust: (method, (condition, layer)) → (n,) trustworthiness of each image's neighbours.
        labels: (n,) classes.
    """

    table: pd.DataFrame
    hits: dict[tuple[str, Key, str], np.ndarray]
    trust: dict[tuple[str, Key], np.ndarray]
    labels: np.ndarray


def draw(arrays: data.LabelledImages, seed: int, n: int) -> np.ndarray:
    """Draw the indices of n test images."""
    size = min(n, len(arrays.y_test))
    return np.random.default_rng(seed).choice(len(arrays.y_test), size, replace=False)


def replicate(
    pair: Pair, seed: int, chosen: np.ndarray, points: Mapping[str, Representations]
) -> Replication:
    """Measure the layers of one network on test images, in the plane and without it.

    The activations and every embedding are scored alike: by the source's five measures, and by
    two scores on images of which neither the network nor the classifier has seen the label,
    `scores.knn_hits` and `scores.probe_hits`. PCA comes along for contrast.

    Args:
        pair: the network before and after training.
        seed: of the replication.
        chosen: (n,) indices of test images.
        points: method → (condition, layer) → (n, 2) positions of these images.
    """
    labels = pair.arrays.y_test[chosen]
    raw = pair.activations(pair.arrays.x_test[chosen])
    pca = {key: embeddings.embed(x, "pca") for key, x in raw.items()}
    spaces = {"raw": raw, **points, "pca": pca}
    hits, trust, tables = {}, {}, []
    for method, space in spaces.items():
        found = {}
        for key, x in space.items():
            knn = hits[method, key, "kNN"] = scores.knn_hits(x, labels)
            probe = hits[method, key, "probe"] = scores.probe_hits(x, labels)
            found[key] = embeddings.structure(x, labels)
            found[key] |= {"kNN": float(knn.mean()), "probe": float(probe.mean())}
            if method != "raw":
                trust[method, key] = scores.trust(raw[key], x)
                found[key]["trustworthiness"] = float(trust[method, key].mean())
        tables.append(tabulate(found).assign(method=method))
    table = pd.concat(tables, ignore_index=True).assign(dataset=pair.arrays.name, seed=seed)
    return Replication(table[COLUMNS], hits, trust, labels)
