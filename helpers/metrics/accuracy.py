"""How well classes can be read off features: linear classifiers and nearest neighbours."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from helpers.metrics._distances import labelled
from helpers.metrics.checks import classes, finite, flags, one_each

__all__ = ["by_category", "cross_validated", "knn_accuracy", "linear_probe", "rank_within"]

STRENGTHS = (1e-3, 1e-2, 1e-1, 1.0)


def cross_validated(
    features: ArrayLike, labels: ArrayLike, strengths: Sequence[float] = STRENGTHS
) -> NDArray[np.bool_]:
    """Return for every image whether a classifier that was not trained on it is right.

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
        ValueError: a category has fewer than 4 images, there is only one, or features hold NaN
            or infinity.
    """
    features, labels = labelled(features, labels, "features")
    categories, labels, counts = np.unique(labels, return_inverse=True, return_counts=True)
    if counts.min() < 4:
        raise ValueError(
            f"labels: category {str(categories[counts.argmin()])!r} has {counts.min()} images: "
            "two folds within each of two folds need at least 4"
        )
    if len(categories) < 2:
        raise ValueError("all labels are of one category: there is nothing to classify")
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
        chosen: (images,) booleans, which images count; None for all. Categories of which
            none is chosen are left out.

    Raises:
        ValueError: arrays of different length, or NaN or infinity.
    """
    correct = finite(correct, "correct", ("images",))
    labels = one_each(labels, len(correct))
    if chosen is not None:
        chosen = flags(chosen, len(correct), "chosen")
        correct, labels = correct[chosen], labels[chosen]
    _, index, counts = np.unique(labels, return_inverse=True, return_counts=True)
    return np.bincount(index, correct) / counts


def rank_within(labels: ArrayLike) -> NDArray[np.int64]:
    """Return each image's place (0, 1, …) among the images of its category.

    `rank_within(labels) % 2` gives two interleaved folds, `rank_within(labels) < n`
    the first n images of every category.

    Args:
        labels: (images,) categories.

    Raises:
        ValueError: labels are no vector, masked or NaN.
    """
    labels = classes(labels)
    labels = one_each(labels, labels.size)
    _, index, counts = np.unique(labels, return_inverse=True, return_counts=True)
    ranks = np.empty(len(index), np.int64)
    first = np.repeat(np.cumsum(counts) - counts, counts)
    ranks[np.argsort(index, kind="stable")] = np.arange(len(index)) - first
    return ranks


def knn_accuracy(
    x: ArrayLike,
    labels: ArrayLike,
    k: int = 10,
    *,
    test: tuple[ArrayLike, ArrayLike] | None = None,
    leave_one_out: bool = False,
) -> float:
    """Return the share of points whose class the majority of their k nearest neighbours has.

    Args:
        x: (n, d) positions that the neighbours are looked for among.
        labels: (n,) their classes.
        k: neighbours; a tie goes to the class that sorts first.
        test: positions and classes to score on; default: x itself, where each point is among
            its own neighbours, as in Ruman 2021.
        leave_one_out: score x itself, no point being its own neighbour.

    Raises:
        ValueError: NaN or infinity, shapes that do not fit, or fewer than k neighbours.
    """
    x, labels = labelled(x, labels)
    if test is not None and leave_one_out:
        raise ValueError("leave_one_out scores x itself: give it or test, not both")
    asked, truth = (x, labels) if test is None else labelled(*test, "test", "labels of test")
    if not 1 <= k <= len(x) - leave_one_out:
        raise ValueError(f"k={k} neighbours of {len(x)} points")
    names, codes = np.unique(labels, return_inverse=True)  # scikit-learn takes not every dtype
    classifier = KNeighborsClassifier(k).fit(x, codes)
    return float(np.mean(names[classifier.predict(None if leave_one_out else asked)] == truth))


def linear_probe(
    x: ArrayLike, labels: ArrayLike, test: tuple[ArrayLike, ArrayLike], l2: float = 1.0
) -> float:
    """Return the accuracy on test of a multinomial logistic regression fitted to x.

    Units are scaled to unit variance on x (Alain & Bengio 2016 for the idea).

    Args:
        x: (n, units) activations.
        labels: (n,) classes.
        test: activations and classes of other images.
        l2: strength of the penalty on the weights, above 0.

    Raises:
        ValueError: NaN or infinity, shapes that do not fit, or l2 out of range.
    """
    x, labels = labelled(x, labels)
    if not 0 < l2 < np.inf:
        raise ValueError(f"l2={l2!r}: choose a finite number above 0")
    asked, truth = labelled(*test, "test", "labels of test")
    names, codes = np.unique(labels, return_inverse=True)
    probe = make_pipeline(StandardScaler(), LogisticRegression(C=1 / l2, max_iter=200, tol=1e-3))
    return float(np.mean(names[probe.fit(x, codes).predict(asked)] == truth))


def _folds(labels: NDArray) -> list[NDArray[np.bool_]]:
    odd = rank_within(labels) % 2 == 1
    return [~odd, odd]


def _score(features: NDArray, labels: NDArray, strength: float) -> float:
    """Return the share of images that the other fold's classifier gets right."""
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
