"""Accuracy per category, by a linear classifier on a network's features."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

STRENGTHS = (1e-3, 1e-2, 1e-1, 1.0)


def rank_within(labels: ArrayLike) -> NDArray[np.int64]:
    """Return each image's place (0, 1, …) among the images of its category.

    `rank_within(labels) % 2` gives two interleaved folds, `rank_within(labels) < n`
    the first n images of every category.
    """
    _, index, counts = np.unique(np.asarray(labels), return_inverse=True, return_counts=True)
    places = np.empty(len(index), np.int64)
    starts = np.repeat(np.cumsum(counts) - counts, counts)
    places[np.argsort(index, kind="stable")] = np.arange(len(index)) - starts
    return places


def cross_validated(
    features: ArrayLike, labels: ArrayLike, strengths: Sequence[float] = STRENGTHS
) -> NDArray[np.bool_]:
    """Say of every image whether a classifier that never saw it names its category.

    Multinomial logistic regression on standardised features in two interleaved
    folds (every second image of a category), each classified by the other, as
    in Liu, Zhen & Liu 2020; the inverse regularisation C is chosen in the same
    way within the training fold.

    Args:
        features: (images, features).
        labels: (images,) categories, at least 4 images of each.
        strengths: candidates for C; of equals the first wins.

    Returns:
        (images,) booleans.

    Raises:
        ValueError: a category has fewer than 4 images, or features hold NaN or infinity.
    """
    features, labels = np.asarray(features), np.asarray(labels)
    categories, counts = np.unique(labels, return_counts=True)
    if counts.min() < 4:
        raise ValueError(
            f"category {str(categories[counts.argmin()])!r} has {counts.min()} images: "
            "two folds within each of two folds need at least 4"
        )
    if not np.isfinite(features).all():
        raise ValueError("features hold NaN or infinity: there is nothing to classify")
    correct = np.empty(len(labels), bool)
    for test in _folds(labels):
        train = features[~test], labels[~test]
        best = max(strengths, key=lambda c, train=train: _score(*train, c))
        correct[test] = _predict(*train, features[test], best) == labels[test]
    return correct


def by_category(
    correct: ArrayLike, labels: ArrayLike, chosen: ArrayLike | None = None
) -> NDArray[np.float64]:
    """Return the share of correctly classified images, (categories,) in sorted order.

    Args:
        correct: (images,) booleans.
        labels: (images,) categories.
        chosen: (images,) booleans, which images count; None for all.
    """
    chosen = slice(None) if chosen is None else np.asarray(chosen, bool)
    shares = pd.Series(np.asarray(correct, float)[chosen]).groupby(np.asarray(labels)[chosen])
    return shares.mean().to_numpy()


def _folds(labels: NDArray) -> list[NDArray[np.bool_]]:
    odd = rank_within(labels) % 2 == 1
    return [~odd, odd]


def _score(features: NDArray, labels: NDArray, strength: float) -> float:
    """Return the share of images that the other fold's classifier names rightly."""
    hits = [
        _predict(features[~test], labels[~test], features[test], strength) == labels[test]
        for test in _folds(labels)
    ]
    return float(np.concatenate(hits).mean())


def _predict(x: NDArray, labels: NDArray, new: NDArray, strength: float) -> NDArray:
    scaler = StandardScaler().fit(x)
    x, new = scaler.transform(x), scaler.transform(new)
    if x.shape[1] > len(x):
        # The penalty keeps the weights in the span of the training images: the
        # same classifier, found in fewer dimensions.
        basis, coordinates = np.linalg.qr(x.T)
        x, new = coordinates.T, new @ basis
    # Products of this size gain little from more threads, which on a busy machine wait
    # for each other many times as long.
    with warnings.catch_warnings(), threadpool_limits(1):
        # Stopped at max_iter, weakly regularised fits classify as well as converged ones.
        warnings.simplefilter("ignore", ConvergenceWarning)
        classifier = LogisticRegression(C=strength, max_iter=100, tol=1e-3).fit(x, labels)
    return classifier.predict(new)
