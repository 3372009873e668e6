"""The layers of one MLP, trained and untrained: what Ruman 2021 compares, and how we judge it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import pandas as pd
from sklearn.metrics import silhouette_score

from helpers import embeddings, models, training
from helpers.data import Arrays

HIDDEN = (512, 256, 128)
LAYERS = ("input", *(f"layer{i + 1}" for i in range(len(HIDDEN))))
CONDITIONS = ("trained", "untrained")
LEARNING_RATE = {"mnist": 0.1}
OTHER_LEARNING_RATE = 0.05

# Which way is better: more (+1) or less (-1).
BETTER = {
    "d_s": -1,
    "d_d": 1,
    "c_s": -1,
    "c_d": 1,
    "acc_knn": 1,
    "held-out kNN": 1,
    "linear probe": 1,
    "silhouette": 1,
}
PUBLISHED_MEASURES = ("d_s", "d_d", "c_s", "c_d", "acc_knn")

Representations = dict[tuple[str, str], np.ndarray]


@dataclass(frozen=True, eq=False)
class Pair:
    """One network before and after training, with its learning curve."""

    arrays: Arrays
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
            hidden = training.activations(model, x, LAYERS[1:])
            found |= {(condition, layer): a for layer, a in ({"input": x} | hidden).items()}
        return found


def pixels(images: np.ndarray) -> np.ndarray:
    """Return images (n, height, width) of 0..255 as float32 vectors of 0..1, as the source does."""
    return images.reshape(len(images), -1) / np.float32(255)


def train_pair(arrays: Arrays, seed: int = 0, cache: Path | str | None = None) -> Pair:
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
    return Pair(arrays, untrained, trained, curve.assign(dataset=arrays.title, seed=seed))


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


def replicate(
    arrays: Arrays,
    seed: int,
    n: int,
    methods: Iterable[str] = ("tsne", "umap", "pca"),
    cache: Path | str | None = None,
) -> pd.DataFrame:
    """Repeat the whole study with another seed on n random images; one row a number.

    The seed draws the initial weights, the order of training, the images and the
    embedding: one replication. Methods are measured by `embeddings.structure`,
    by leave-one-out kNN ("held-out kNN"), silhouette, trustworthiness and
    continuity; "raw", the activations themselves, by the same five measures, by
    silhouette, and by kNN and a linear probe that are scored on 5 n test images.

    Returns:
        Columns dataset, seed, method, condition, layer, depth, measure, value.
    """
    pair = train_pair(arrays, seed, cache)
    rng = np.random.default_rng(seed)
    chosen, asked = (
        rng.choice(len(y), min(size, len(y)), replace=False)
        for y, size in ((arrays.y_train, n), (arrays.y_test, 5 * n))
    )
    labels = arrays.y_train[chosen]
    raw = pair.activations(arrays.x_train[chosen])
    test = pair.activations(arrays.x_test[asked])
    tests = {id(raw[key]): (test[key], arrays.y_test[asked]) for key in raw}

    def of_raw(x: np.ndarray) -> dict[str, float]:
        return embeddings.structure(x, labels) | {
            "held-out kNN": embeddings.knn_accuracy(x, labels, test=tests[id(x)]),
            "linear probe": embeddings.linear_probe(x, labels, tests[id(x)]),
            "silhouette": float(silhouette_score(x, labels)),
        }

    tables = [tabulate(raw, of_raw).assign(method="raw")]
    for method in methods:
        points = embeddings.embed_all(raw, method, seed=42 + seed, cache=cache)
        sources = {id(points[key]): raw[key] for key in raw}

        def of_points(p: np.ndarray, sources: dict = sources) -> dict[str, float]:
            x = sources[id(p)]
            return embeddings.structure(p, labels) | {
                "held-out kNN": embeddings.knn_accuracy(p, labels, leave_one_out=True),
                "silhouette": float(silhouette_score(p, labels)),
                "trustworthiness": embeddings.trustworthiness(x, p),
                "continuity": embeddings.trustworthiness(p, x),
            }

        tables.append(tabulate(points, of_points).assign(method=method))
    table = pd.concat(tables, ignore_index=True).assign(dataset=arrays.name, seed=seed)
    order = ["dataset", "seed", "method", "condition", "layer", "depth", "measure", "value"]
    return table[order]


def trends(table: pd.DataFrame) -> pd.DataFrame:
    """Return for every replication how each measure changes with depth and with training.

    Returns:
        Columns dataset, method, measure, seed, and, all signed so that more is
        better: trained and untrained (least-squares slope over the layers, per
        layer) and gap (the smallest lead of the trained network over the
        untrained one among the hidden layers).
    """
    rows = []
    keys = ["dataset", "method", "measure", "seed"]
    judged = table[table["measure"].isin(BETTER)]
    for key, group in judged.groupby(keys, sort=False):
        by_depth = group.pivot(index="depth", columns="condition", values="value")
        by_depth = by_depth.sort_index() * BETTER[key[2]]
        slope = {c: np.polyfit(by_depth.index, by_depth[c], 1)[0] for c in CONDITIONS}
        gap = (by_depth["trained"] - by_depth["untrained"]).loc[1:].min()
        rows.append((*key, slope["trained"], slope["untrained"], gap))
    return pd.DataFrame(rows, columns=[*keys, *CONDITIONS, "gap"])


def unanimous(values: Iterable[float], sign: int = 1) -> bool | None:
    """Return whether all values have the sign: True, False if all have the other one, else None."""
    values = np.asarray(list(values), float) * sign
    if (values > 0).all():
        return True
    return False if (values < 0).all() else None
