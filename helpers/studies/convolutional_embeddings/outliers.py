"""Points of an embedding that lie among another class: who are they?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from sklearn.neighbors import KNeighborsClassifier

from helpers import data
from helpers.metrics import checks, intervals
from helpers.studies.convolutional_embeddings.study import (
    LAYERS,
    Network,
    flat,
    mean_interval,
    pixels,
)

# Column -> what is asked of the outliers; and whether more of it (+1) or less is expected.
ASKED = {
    "misread": ("misread by the network", 1),
    "confidence": ("probability of the own class", -1),
    "ambiguous": ("distance to the own mean / to the nearest other mean", 1),
}
# Column -> what is asked beside these, of outliers and of other images.
BESIDE = {
    "strangers": "in layer 3, most of ten neighbours of another class",
    "mixed": "in layer 3, ten neighbours of more than one class",
    "by_others": "misread by the networks that are not drawn",
}
SURE = 0.9
KINDS = ("suspect label", "misread", "ambiguous", "none of these")


def describe(network: Network, points: np.ndarray, others: Sequence[Network] = ()) -> pd.DataFrame:
    """Describe every embedded training image.

    Args:
        network: whose last trained layer was embedded.
        points: (n, 2) positions of the first n training images.
        others: networks trained with other seeds.

    Returns:
        A row per image: label, near (the most frequent class of its ten nearest neighbours, itself
        left out), outlier (near is not label), read (the network's answer), misread, confidence
        (the network's probability of the label), ambiguous (in pixels: distance to the mean image
        of the own class / distance to that of the nearest other class); strangers and mixed: of the
        ten nearest neighbours in the layer's own numbers, the most frequent class is another, and
        not all are of one class; by_others, the share of the other networks that misread it, NaN
        without any.

    Raises:
        TypeError: points are no real numbers.
        ValueError: NaN, infinity, or another shape.
    """
    checks.finite(points, "points", ("images", "2"))
    points = np.asarray(points)
    n = len(points)
    images, labels = network.arrays.x_train[:n], network.arrays.y_train[:n].astype(int)
    near = KNeighborsClassifier(10).fit(points, labels).predict(None)
    key = ("trained", LAYERS[-1])
    in_layer = KNeighborsClassifier(10).fit(flat(network.activations(images, [key])[key]), labels)
    around = labels[in_layer.kneighbors(return_distance=False)]
    probabilities = network.probabilities(images)
    wrong = [other.probabilities(images).argmax(axis=1) != labels for other in others]
    x = flat(pixels(images))
    classes = range(len(network.arrays.class_names))
    means = np.array([x[labels == c].mean(axis=0) for c in classes])
    distances = np.linalg.norm(x[:, None] - means, axis=2)
    rows = np.arange(n)
    own = distances[rows, labels]
    distances[rows, labels] = np.inf
    read = probabilities.argmax(axis=1)
    return pd.DataFrame(
        {
            "label": labels,
            "near": near,
            "outlier": near != labels,
            "read": read,
            "misread": read != labels,
            "confidence": probabilities[rows, labels],
            "ambiguous": own / distances.min(axis=1),
            "strangers": in_layer.predict(None) != labels,
            "mixed": (around != around[:, :1]).any(axis=1),
            "by_others": np.mean(wrong, axis=0) if wrong else np.nan,
        }
    )


def against_random(described: pd.DataFrame, draws: int = 9999, seed: int = 0) -> pd.DataFrame:
    """Compare the outliers' means with those of random images of the same classes.

    Every draw takes, of each class, as many of its images as it has outliers, at random among all
    of the class.

    Args:
        described: as `describe` returns it, with outliers.
        draws: of the null.
        seed: of the draws.

    Returns:
        A row per question of ASKED: outliers, random (their means), low, high (95 % of the
        draws), p (one-sided), p_holm (corrected for all questions).

    Raises:
        TypeError: a column of ASKED holds no real numbers.
        ValueError: there are no outliers, or a column holds NaN or infinity.
    """
    asked = {column: checks.finite(described[column], column, ("images",)) for column in ASKED}
    if not described["outlier"].any():
        raise ValueError("no point lies among another class: there is nothing to compare")
    rng = np.random.default_rng(seed)
    values = np.column_stack(list(asked.values()))
    counts = described.loc[described["outlier"], "label"].value_counts()
    total = np.zeros((draws, len(ASKED)))
    for label, count in counts.items():
        own = values[described["label"] == label]
        order = rng.random((draws, len(own))).argpartition(count - 1, axis=1)[:, :count]
        total += own[order].sum(axis=1)
    null = total / counts.sum()
    found = values[described["outlier"]].mean(axis=0)
    signs = np.array([sign for _, sign in ASKED.values()])
    p = (1 + (null * signs >= found * signs).sum(axis=0)) / (1 + draws)
    low, high = np.quantile(null, [0.025, 0.975], axis=0)
    return pd.DataFrame(
        {
            "question": list(ASKED),
            "outliers": found,
            "random": null.mean(axis=0),
            "low": low,
            "high": high,
            "p": p,
            "p_holm": intervals.holm(p),
        }
    )


def beside_others(described: pd.DataFrame) -> pd.DataFrame:
    """Ask outliers, and the images that are none, what BESIDE asks.

    Args:
        described: as `describe` returns it, with outliers.

    Returns:
        A row per question: outliers (their share), low, high (its 95 % interval over images),
        others (the share of the images that are no outliers, with the outliers' mix of classes).
    """
    outlier = described["outlier"]
    mix = described.loc[outlier, "label"].value_counts(normalize=True)
    rest = described[~outlier].groupby("label")[list(BESIDE)].mean().loc[mix.index]
    rows = {
        text: (*mean_interval(described.loc[outlier, column]), mix @ rest[column].astype(float))
        for column, text in BESIDE.items()
        if described[column].notna().all()
    }
    columns = ["outliers", "low", "high", "others"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns)


def kinds(described: pd.DataFrame, networks: Sequence[Network]) -> pd.Series:
    """Sort outliers into kinds that exclude each other.

    Args:
        described: as `describe` returns it.
        networks: several, trained with different seeds.

    Returns:
        (n,) "" for images that are no outliers; else "suspect label" where every network gives
        the same other class a probability of at least 0.9, "misread" where the embedded network
        reads another class, "ambiguous" where the nearest mean image is another class', and
        "none of these" for the rest, which the network reads right.
    """
    n = len(described)
    images = networks[0].arrays.x_train[:n]
    by_network = np.array([network.probabilities(images) for network in networks])
    answers = by_network.argmax(axis=2)
    agreed = (answers == answers[0]).all(axis=0) & (answers[0] != described["label"])
    sure = by_network.max(axis=2).min(axis=0) >= SURE
    kind = np.select(
        [~described["outlier"], agreed & sure, described["misread"], described["ambiguous"] > 1],
        ["", *KINDS[:3]],
        KINDS[3],
    )
    return pd.Series(kind, name="kind")


def as_images(
    arrays: data.LabelledImages, described: pd.DataFrame, kind: pd.Series, each: int
) -> tuple[data.ImageSet, list[str]]:
    """Collect outliers of every kind for `plotting.image_grid`, the least confident first.

    Returns:
        The images, and a label for each: its class, and that of its neighbours.
    """
    order = described["confidence"].argsort(kind="stable").to_numpy()
    present = [name for name in KINDS if (kind == name).any()]
    chosen = [i for name in present for i in order[kind.to_numpy()[order] == name][:each]]
    names = arrays.class_names
    texts = [f"{names[r.label]} → {names[r.near]}" for r in described.loc[chosen].itertuples()]
    images = data.ImageSet(
        arrays.name, arrays.title, arrays.licence, np.array(chosen).astype(str),
        kind.to_numpy()[chosen].astype(str), pixels=255 - arrays.x_train[chosen][..., None],
    )  # fmt: skip
    return images, texts
