"""Scores that mean the same for activations and for their embedding, image by image."""

from __future__ import annotations

import numpy as np
from sklearn.metrics import pairwise_distances
from sklearn.neighbors import KNeighborsClassifier, NearestNeighbors

from helpers.metrics import accuracy, checks

NEIGHBOURS = 10
# The inverse strength of the probe's penalty, scikit-learn's default, the same for every space.
PENALTY = (1.0,)


def knn_hits(x: np.ndarray, labels: np.ndarray, k: int = NEIGHBOURS) -> np.ndarray:
    """Return for each point whether the majority of its k nearest neighbours has its class.

    No point is among its own neighbours; the mean is
    `metrics.accuracy.knn_accuracy(..., leave_one_out=True)`.

    Args:
        x: (n, d) activations or positions.
        labels: (n,) classes.
        k: neighbours.

    Returns:
        (n,) booleans.

    Raises:
        TypeError: x holds no real numbers, or labels neither text nor numbers.
        ValueError: NaN, infinity, another shape, or not one label per point.
    """
    checks.finite(x, "x", ("points", "dimensions"))
    x, labels = np.asarray(x), checks.one_each(labels, len(x))
    classes = np.unique(labels, return_inverse=True)[1]
    return KNeighborsClassifier(k).fit(x, classes).predict(None) == classes


def probe_hits(x: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return for each point whether a linear classifier fitted to the other half is right.

    Logistic regression on standardised features in two folds, as
    `metrics.accuracy.cross_validated`, with one strength of the penalty.

    Args:
        x: (n, d) activations or positions.
        labels: (n,) classes.

    Returns:
        (n,) booleans.
    """
    return accuracy.cross_validated(x, labels, PENALTY)


def trust(x: np.ndarray, points: np.ndarray, k: int = NEIGHBOURS) -> np.ndarray:
    """Return how far each point's k neighbours in the plane are its neighbours in x as well.

    Their mean is `metrics.embeddings.trustworthiness` (Venna & Kaski 2001, eq. 1). Memory grows
    with n².

    Args:
        x: (n, units) activations.
        points: (n, 2) their embedding.
        k: neighbours.

    Returns:
        (n,) values, 1 where all neighbours in the plane are among the k nearest in x.

    Raises:
        TypeError: no real numbers.
        ValueError: NaN, infinity, or another shape.
    """
    checks.finite(x, "x", ("points", "units"))
    checks.finite(points, "points", ("points", "2"))
    x, points = np.asarray(x), np.asarray(points)
    n = len(x)
    if len(points) != n:
        raise ValueError(f"x has {n} points, points {len(points)}: one position for each")
    distances = pairwise_distances(x)
    np.fill_diagonal(distances, np.inf)
    ranks = np.empty((n, n), int)
    np.put_along_axis(ranks, distances.argsort(axis=1), np.arange(1, n + 1)[None], axis=1)
    near = NearestNeighbors(n_neighbors=k).fit(points).kneighbors(return_distance=False)
    too_far = np.maximum(np.take_along_axis(ranks, near, axis=1) - k, 0).sum(axis=1)
    return 1 - 2 * too_far / (k * (2 * n - 3 * k - 1))


def matched(
    a: np.ndarray, b: np.ndarray, bins: int = 20, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Choose as many of a as of b such that both are distributed alike.

    Within each bin (quantiles of both together) as many are drawn of either as the rarer has.

    Args:
        a: (n,) values of one group, such as `trust` in a trained layer.
        b: (m,) values of the other.
        bins: of the matching.
        seed: of the draw.

    Returns:
        Indices into a and into b, of equal number.
    """
    rng = np.random.default_rng(seed)
    edges = np.quantile(np.concatenate([a, b]), np.linspace(0, 1, bins + 1)[1:-1])
    chosen: tuple[list, list] = ([], [])
    groups = [np.digitize(values, edges) for values in (a, b)]
    for bin_ in range(bins):
        members = [rng.permutation(np.flatnonzero(group == bin_)) for group in groups]
        size = min(map(len, members))
        for indices, own in zip(chosen, members, strict=True):
            indices.extend(own[:size])
    return np.array(chosen[0], int), np.array(chosen[1], int)
