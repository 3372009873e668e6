"""Bootstrap intervals: the uncertainty that every figure shows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike


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
