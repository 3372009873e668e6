"""The layers of one MLP, trained and untrained, and the measures that Ruman 2021 compares."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TypeVar

import keras
import numpy as np
import pandas as pd
from sklearn.metrics import silhouette_score
from tqdm.auto import tqdm

from helpers import data, models, project
from helpers.data import LabelledImages
from helpers.layers import activations
from helpers.metrics import accuracy, embeddings

HIDDEN = (512, 256, 128)
LAYERS = ("input", *(f"layer{i + 1}" for i in range(len(HIDDEN))))
CONDITIONS = ("trained", "untrained")
LEARNING_RATE = {"mnist": 0.1}
OTHER_LEARNING_RATE = 0.05

CACHE = project.ROOT / "data" / "downloads" / "embeddings"
PASS = {"batch_size": 1000, "progress": False}
COLUMNS = ["dataset", "seed", "method", "condition", "layer", "depth", "measure", "value"]

Key = tuple[str, str]  # condition, layer
Representations = dict[Key, np.ndarray]
T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Pair:
    """One network before and after training, with its learning curve."""

    arrays: LabelledImages
    untrained: keras.Model
    trained: keras.Model
    curve: pd.DataFrame

    def activations(self, images: np.ndarray) -> Representations:
        """Return (condition, layer) → (n, units) for images (n, height, width) of 0..255.

        Layer "input" is the pixels, one array under both conditions.
        """
        x = pixels(images)
        found: Representations = {}
        for condition, model in zip(CONDITIONS, (self.trained, self.untrained), strict=True):
            hidden = activations(model, x, LAYERS[1:], **PASS)
            found |= {(condition, layer): a for layer, a in ({"input": x} | hidden).items()}
        return found


def pixels(images: np.ndarray) -> np.ndarray:
    """Return images (n, height, width) of 0..255 as float32 vectors of 0..1, as the source does."""
    return images.reshape(len(images), -1) / np.float32(255)


def train_pair(arrays: LabelledImages, seed: int = 0, cache: Path | str | None = None) -> Pair:
    """Train the source's MLP on a data set: 5 epochs, batches of 64, SGD with momentum 0.9.

    Args:
        arrays: the data set; its name decides the learning rate (MNIST 0.1, others 0.05).
        seed: of the initial weights and of the order of the images.
        cache: folder that keeps the trained weights.
    """
    x, test = pixels(arrays.x_train), (pixels(arrays.x_test), arrays.y_test)
    classes = len(arrays.class_names)
    untrained = models.mlp((x.shape[1], *HIDDEN, classes), seed)
    trained, curve = models.train(
        untrained,
        x,
        arrays.y_train,
        test,
        learning_rate=LEARNING_RATE.get(arrays.name, OTHER_LEARNING_RATE),
        seed=seed,
        cache=cache,
    )
    return Pair(arrays, untrained, trained, curve.assign(dataset=arrays.name, seed=seed))


def of_each(representations: Iterable[Key], function: Callable[[Key], T]) -> dict[Key, T]:
    """Return (condition, layer) -> the function's result.

    The input is the same before and after training: the function is called for it once.
    """
    found: dict[Key, T] = {}
    for condition, layer in representations:
        same = (CONDITIONS[0], layer)
        shared = layer == "input" and same in found
        found[condition, layer] = found[same] if shared else function((condition, layer))
    return found


def embed(
    x: np.ndarray,
    method: str,
    seed: int = 42,
    cache: Path | str | None = None,
    **settings: object,
) -> np.ndarray:
    """Return `embeddings.embed`, kept on disk.

    Args:
        x: see `embeddings.embed`.
        method: see `embeddings.embed`.
        seed: see `embeddings.embed`.
        cache: folder that keeps embeddings under the digest of x, the method, its version,
            seed and settings; None for none.
        settings: numbers and text, see `embeddings.embed`.
    """
    if cache is None:
        return embeddings.embed(x, method, seed, **settings)
    package, settings = embeddings.PACKAGES[method], embeddings.DEFAULTS[method] | settings
    key = {"kind": method, "x": data.digest(x), "version": version(package), "seed": seed}

    def run() -> dict[str, np.ndarray]:
        return {"points": embeddings.embed(x, method, seed, **settings)}

    return data.cached(cache, key | settings, run)["points"]


def embed_all(
    representations: Representations,
    method: str,
    seed: int = 42,
    cache: Path | str | None = None,
    **settings: object,
) -> Representations:
    """Embed several layers of the same images and align them all with the first.

    Args:
        representations: (condition, layer) → (n, units).
        method: see `embed`.
        seed: of every embedding.
        cache: see `embed`.
        settings: see `embed`.

    Returns:
        (condition, layer) → (n, 2) positions, in the same order.
    """
    reference = None

    def run(key: Key) -> np.ndarray:
        nonlocal reference
        points = embed(representations[key], method, seed, cache, **settings)
        reference = points if reference is None else reference
        return embeddings.align(points, reference)

    shown = tqdm(representations, desc=method, disable=None, leave=False)
    return of_each(shown, run)


def tabulate(
    representations: Iterable[Key], measure: Callable[[Key], Mapping[str, float]]
) -> pd.DataFrame:
    """Apply measures to every layer.

    Args:
        representations: (condition, layer) of each.
        measure: (condition, layer) -> name -> value.

    Returns:
        Columns condition, layer, depth, measure, value.
    """
    rows = [
        (condition, layer, LAYERS.index(layer), name, value)
        for (condition, layer), found in of_each(representations, measure).items()
        for name, value in found.items()
    ]
    return pd.DataFrame(rows, columns=["condition", "layer", "depth", "measure", "value"])


def embed_training_images(
    arrays: LabelledImages,
    method: str,
    layers: Iterable[str] = LAYERS,
    n: int | None = None,
    cache: Path | str | None = None,
) -> tuple[Representations, pd.DataFrame]:
    """Embed the training images as the source does: one network (seed 0), embedding seed 42.

    Args:
        arrays: the data set.
        method: see `embed`.
        layers: which of LAYERS.
        n: only the first n images; default: all.
        cache: folder that keeps weights and embeddings.

    Returns:
        (condition, layer) → (n, 2) positions, and the five measures of each in the
        columns of `Replication.table`.
    """
    pair = train_pair(arrays, 0, cache)
    x = pixels(arrays.x_train[:n])
    models_of = dict(zip(CONDITIONS, (pair.trained, pair.untrained), strict=True))
    reference = None

    def run(key: Key) -> np.ndarray:
        nonlocal reference
        condition, layer = key
        raw = x
        if layer != "input":
            # One layer at a time: all of them together would take half a gigabyte.
            raw = activations(models_of[condition], x, layer, **PASS)[layer]
        found = embed(raw, method, cache=cache)
        aligned = embeddings.align(found, found if reference is None else reference)
        reference = aligned if reference is None else reference
        return aligned

    points = of_each([(c, layer) for c in CONDITIONS for layer in layers], run)
    table = tabulate(points, lambda key: embeddings.structure(points[key], arrays.y_train[:n]))
    return points, table.assign(dataset=arrays.name, method=method, seed=0)[COLUMNS]


@dataclass(frozen=True, eq=False)
class Replication:
    """The study done once: with one network, some images, and one embedding of every layer.

    Attributes:
        table: columns dataset, seed, method, condition, layer, depth, measure, value.
        images: (n, height, width) uint8.
        labels: (n,) their classes.
        points: method → (condition, layer) → (n, 2) positions.
    """

    table: pd.DataFrame
    images: np.ndarray
    labels: np.ndarray
    points: dict[str, Representations]


def replicate(
    arrays: LabelledImages,
    seed: int,
    n: int,
    methods: Iterable[str] = ("tsne", "umap", "pca"),
    cache: Path | str | None = None,
) -> Replication:
    """Do the whole study with a seed of its own on n random training images.

    The seed draws the initial weights, the order of training, the images and the
    embedding: one replication. Methods are measured by `embeddings.structure`,
    by leave-one-out kNN ("held-out kNN"), silhouette, trustworthiness and
    continuity; "raw", the activations themselves, by the same five measures, by
    silhouette, and by kNN and a linear probe that are scored on 5 n test images.
    """
    pair = train_pair(arrays, seed, cache)
    rng = np.random.default_rng(seed)
    chosen, asked = (
        rng.choice(len(y), min(size, len(y)), replace=False)
        for y, size in ((arrays.y_train, n), (arrays.y_test, 5 * n))
    )
    images, labels = arrays.x_train[chosen], arrays.y_train[chosen]
    raw = pair.activations(images)
    test = pair.activations(arrays.x_test[asked])

    def of_raw(key: Key) -> dict[str, float]:
        x, held_out = raw[key], (test[key], arrays.y_test[asked])
        return embeddings.structure(x, labels) | {
            "held-out kNN": accuracy.knn_accuracy(x, labels, test=held_out),
            "linear probe": accuracy.linear_probe(x, labels, held_out),
            "silhouette": float(silhouette_score(x, labels)),
        }

    tables = [tabulate(raw, of_raw).assign(method="raw")]
    points = {}
    for method in methods:
        embedded = points[method] = embed_all(raw, method, 42 + seed, cache)

        def of_points(key: Key, embedded: Representations = embedded) -> dict[str, float]:
            x, p = raw[key], embedded[key]
            return embeddings.structure(p, labels) | {
                "held-out kNN": accuracy.knn_accuracy(p, labels, leave_one_out=True),
                "silhouette": float(silhouette_score(p, labels)),
                "trustworthiness": embeddings.trustworthiness(x, p),
                "continuity": embeddings.trustworthiness(p, x),
            }

        tables.append(tabulate(embedded, of_points).assign(method=method))
    table = pd.concat(tables, ignore_index=True).assign(dataset=arrays.name, seed=seed)
    return Replication(table[COLUMNS], images, labels, points)
