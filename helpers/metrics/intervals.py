"""Bootstrap intervals: the uncertainty that every figure shows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats


def bootstrap_mean(
    values: ArrayLike, repeats: int = 2000, level: float = 0.95, seed: int = 0
) -> tuple[float, float, float]:
    """Return the mean with its percentile bootstrap interval.

    Args:
        values: (n,) one value for each unit of replication (an image, a seed).
        repeats: bootstrap samples.
        level: coverage of the interval.
        seed: of the resampling.

    Returns:
        Mean, lower and upper end of the interval (Efron 1979, percentile method).

    Raises:
        ValueError: values is empty, not one-dimensional, or holds NaN.
    """
    values = _checked(values)
    drawn = np.random.default_rng(seed).integers(len(values), size=(repeats, len(values)))
    low, high = _interval(values[drawn].mean(axis=1), level)
    return float(values.mean()), low, high


def bootstrap(
    statistic: Callable[[np.ndarray], float],
    n: int,
    repeats: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> tuple[float, float]:
    """Return the percentile bootstrap interval of a statistic of n units of replication.

    Args:
        statistic: takes the indices (n,) of a resample, gives a number.
        n: how many units there are.
        repeats: bootstrap samples.
        level: coverage of the interval.
        seed: of the resampling.

    Returns:
        Lower and upper end; resamples whose statistic is NaN are left out.

    Raises:
        ValueError: n is below 2, or every resample gave NaN.
    """
    if n < 2:
        raise ValueError(f"a bootstrap needs at least 2 units of replication, got {n}")
    rng = np.random.default_rng(seed)
    drawn = np.array([statistic(rng.integers(n, size=n)) for _ in range(repeats)], float)
    if np.isnan(drawn).all():
        raise ValueError("the statistic is NaN in every bootstrap sample")
    return _interval(drawn[~np.isnan(drawn)], level)


def trend(
    values: ArrayLike, repeats: int = 1000, level: float = 0.95, seed: int = 0
) -> tuple[float, float, float]:
    """Return Kendall's tau between depth and the mean over images, with its interval.

    Args:
        values: (images, layers), the layers in depth order.
        repeats: bootstrap samples over images.
        level: coverage of the interval.
        seed: of the resampling.

    Returns:
        Tau of the means (Kendall 1938, tau-b), lower and upper end of the interval.
    """
    values = np.asarray(values, float)
    depth = np.arange(values.shape[1])

    def tau(images: np.ndarray) -> float:
        return stats.kendalltau(depth, values[images].mean(axis=0)).statistic

    everything = np.arange(len(values))
    return (tau(everything), *bootstrap(tau, len(values), repeats, level, seed))


def variance_explained(
    values: ArrayLike, groups: ArrayLike, permutations: int = 999, seed: int = 0
) -> tuple[float, float, float]:
    """Return how much of the variance over images lies between groups, against a null.

    Args:
        values: (n,) one value an image.
        groups: (n,) the group of each image.
        permutations: shuffles of the group labels.
        seed: of the shuffles.

    Returns:
        Eta squared, 0..1 (Fisher 1925: between over total sum of squares); its mean
        under shuffled labels; and the p value, (1 + shuffles at least as large) / (1 + shuffles).
    """
    values, groups = _checked(values), np.unique(np.asarray(groups), return_inverse=True)[1]
    centred = values - values.mean()
    sizes, total = np.bincount(groups), (centred**2).sum()
    if total == 0:
        return 0.0, 0.0, 1.0

    def between(labels: np.ndarray) -> float:
        return (np.bincount(labels, centred) ** 2 / sizes).sum() / total

    rng = np.random.default_rng(seed)
    found = between(groups)
    shuffled = np.array([between(rng.permutation(groups)) for _ in range(permutations)])
    at_least = np.count_nonzero(shuffled >= found - 1e-12)
    return float(found), float(shuffled.mean()), (1 + at_least) / (1 + permutations)


def _checked(values: ArrayLike) -> np.ndarray:
    values = np.asarray(values, float)
    if values.ndim != 1 or values.size == 0:
        raise ValueError(f"values must be a non-empty vector, got shape {values.shape}")
    if np.isnan(values).any():
        raise ValueError("values hold NaN: drop or explain them before the bootstrap")
    return values


def _interval(drawn: np.ndarray, level: float) -> tuple[float, float]:
    tail = (1 - level) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail])
    return float(low), float(high)
