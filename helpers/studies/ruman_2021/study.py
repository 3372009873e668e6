"""The layers of one MLP, trained and untrained: what Ruman 2021 compares, and how we judge it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import pandas as pd
from sklearn.metrics import silhouette_score

from helpers import models, project
from helpers.data import LabelledImages
from helpers.layers import activations
from helpers.metrics import embeddings
from helpers.models import training

HIDDEN = (512, 256, 128)
LAYERS = ("input", *(f"layer{i + 1}" for i in range(len(HIDDEN))))
CONDITIONS = ("trained", "untrained")
LEARNING_RATE = {"mnist": 0.1}
OTHER_LEARNING_RATE = 0.05

CACHE = project.ROOT / "data" / "downloads" / "embeddings"
PASS = {"batch_size": 1000, "progress": False}
COLUMNS = ["dataset", "seed", "method", "condition", "layer", "depth", "measure", "value"]

Representations = dict[tuple[str, str], np.ndarray]


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
    trained, curve = training.train(
        untrained,
        x,
        arrays.y_train,
        test,
        learning_rate=LEARNING_RATE.get(arrays.name, OTHER_LEARNING_RATE),
        seed=seed,
        cache=cache,
    )
    return Pair(arrays, untrained, trained, curve.assign(dataset=arrays.name, seed=seed))


def tabulate(
    panels: Mapping[tuple[str, str], np.ndarray], measure: Callable[..., Mapping[str, float]]
) -> pd.DataFrame:
    """Apply measures to every layer; an array under two names is measured once.

    Returns:
        Columns condition, layer, depth, measure, value.
    """
    found: dict[int, Mapping[str, float]] = {}
    rows = []
    for (condition, layer), x in panels.items():
        if id(x) not in found:
            found[id(x)] = measure(x)
        rows += [
            (condition, layer, LAYERS.index(layer), name, value)
            for name, value in found[id(x)].items()
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
        method: as in `embeddings.embed`.
        layers: which of LAYERS.
        n: only the first n images; default: all.
        cache: folder that keeps weights and embeddings.

    Returns:
        (condition, layer) → (n, 2) positions, and the five measures of each in the
        columns of `Replication.table`.
    """
    pair = train_pair(arrays, 0, cache)
    x = pixels(arrays.x_train[:n])
    points: Representations = {}
    for condition, model in zip(CONDITIONS, (pair.trained, pair.untrained), strict=True):
        for layer in layers:
            if layer != "input":
                # One layer at a time: all of them together would take half a gigabyte.
                raw = activations(model, x, layer, **PASS)[layer]
            elif points:
                points[condition, layer] = points[CONDITIONS[0], layer]
                continue
            else:
                raw = x
            found = embeddings.embed(raw, method, seed=42, cache=cache)
            reference = next(iter(points.values()), found)
            points[condition, layer] = embeddings.align(found, reference)
    table = tabulate(points, lambda x: embeddings.structure(x, arrays.y_train[:n]))
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
    tests = {id(raw[key]): (test[key], arrays.y_test[asked]) for key in raw}

    def of_raw(x: np.ndarray) -> dict[str, float]:
        return embeddings.structure(x, labels) | {
            "held-out kNN": embeddings.knn_accuracy(x, labels, test=tests[id(x)]),
            "linear probe": embeddings.linear_probe(x, labels, tests[id(x)]),
            "silhouette": float(silhouette_score(x, labels)),
        }

    tables = [tabulate(raw, of_raw).assign(method="raw")]
    points = {}
    for method in methods:
        points[method] = embeddings.embed_all(raw, method, seed=42 + seed, cache=cache)
        sources = {id(points[method][key]): raw[key] for key in raw}

        def of_points(p: np.ndarray, sources: dict = sources) -> dict[str, float]:
            x = sources[id(p)]
            return embeddings.structure(p, labels) | {
                "held-out kNN": embeddings.knn_accuracy(p, labels, leave_one_out=True),
                "silhouette": float(silhouette_score(p, labels)),
                "trustworthiness": embeddings.trustworthiness(x, p),
                "continuity": embeddings.trustworthiness(p, x),
            }

        tables.append(tabulate(points[method], of_points).assign(method=method))
    table = pd.concat(tables, ignore_index=True).assign(dataset=arrays.name, seed=seed)
    return Replication(table[COLUMNS], images, labels, points)
