"""Correlations over categories, with intervals, nulls and controls."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from helpers.metrics.intervals import bootstrap


def correlation(
    x: ArrayLike, y: ArrayLike, method: str = "pearson", repeats: int = 1000, seed: int = 0
) -> dict[str, float]:
    """Correlate two measures of the same units, with a bootstrap interval and a null.

    Args:
        x: (n,) one value a unit (here: a category).
        y: (n,).
        method: "pearson", or "spearman" (Pearson's r of the ranks).
        repeats: bootstrap samples, and permutations.
        seed: of both.

    Returns:
        r; low and high, its 95 % interval over resampled units; null, the 95 %
        quantile of |r| when y is permuted; p, (1 + permutations with |r| at
        least as large) / (1 + repeats). All NaN where x or y is constant.

    Raises:
        ValueError: another method, fewer than 3 units, or vectors of different length.
    """
    x, y = _checked(x, y, method)
    names = ("r", "low", "high", "null", "p")
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return dict.fromkeys(names, np.nan)
    r = float(_pearson(_ranked(x, method), _ranked(y, method)))
    rng = np.random.default_rng(seed)
    drawn = rng.integers(len(x), size=(repeats, len(x)))
    boot = _pearson(_ranked(x[drawn], method), _ranked(y[drawn], method))
    shuffled = rng.permuted(np.tile(_ranked(y, method), (repeats, 1)), axis=1)
    null = np.abs(_pearson(_ranked(x, method)[None], shuffled))
    low, high = np.nanquantile(boot, [0.025, 0.975])
    p = (1 + np.count_nonzero(null >= abs(r) - 1e-12)) / (1 + repeats)
    return dict(zip(names, (r, low, high, np.quantile(null, 0.95), p), strict=True))


def with_accuracy(
    table: pd.DataFrame,
    accuracy: Mapping[str, ArrayLike],
    method: str = "pearson",
    seed: int = 0,
) -> pd.DataFrame:
    """Correlate a measure with accuracy over categories, layer by layer.

    Args:
        table: one row a category and layer, with columns network, layer, depth, value
            (and condition, seed where there are any); categories sorted within a layer.
        accuracy: network -> (categories,) in sorted order.
        method: see `correlation`.
        seed: see `correlation`.

    Returns:
        The same columns but for value, a row a layer, and method, r, low, high, null, p.
    """
    keys = [key for key in ("network", "condition", "seed", "layer", "depth") if key in table]
    rows = []
    for key, layer in table.groupby(keys, sort=False):
        found = correlation(layer["value"], accuracy[key[0]], method, seed=seed)
        rows.append(dict(zip(keys, key, strict=True)) | {"method": method} | found)
    return pd.DataFrame(rows)


def rise(
    values: ArrayLike, accuracy: ArrayLike, repeats: int = 1000, seed: int = 0
) -> tuple[float, float, float]:
    """Return Kendall's tau between depth and the layers' correlation with accuracy.

    Args:
        values: (categories, layers) a measure, layers in depth order.
        accuracy: (categories,).
        repeats: bootstrap samples over categories.
        seed: of the resampling.

    Returns:
        Tau (1: each layer correlates more than the one before), and the ends of its
        95 % bootstrap interval over categories. NaN where all accuracies are equal.
    """
    values, accuracy = np.asarray(values, float), np.asarray(accuracy, float)
    if np.ptp(accuracy) == 0:
        return np.nan, np.nan, np.nan
    earlier, later = np.triu_indices(values.shape[1], k=1)

    def tau(chosen: NDArray) -> float:
        r = _pearson(values[chosen].T, accuracy[chosen][None])
        return np.sign(r[later] - r[earlier]).mean()

    everything = np.arange(len(accuracy))
    return (float(tau(everything)), *bootstrap(tau, len(accuracy), repeats, seed=seed))


def partial(x: ArrayLike, y: ArrayLike, control: ArrayLike) -> float:
    """Return Pearson's r of x and y when a third measure is held fixed.

    The correlation of what is left of x and of y after linear regression on the control.

    Args:
        x: (n,).
        y: (n,).
        control: (n,) or (n, controls).

    Raises:
        ValueError: fewer than 3 units, or vectors of different length.
    """
    x, y = _checked(x, y, "pearson")
    design = np.column_stack([np.ones(len(x)), np.asarray(control, float)])
    left = [v - design @ np.linalg.lstsq(design, v, rcond=None)[0] for v in (x, y)]
    # What regression leaves of a measure that the control determines is rounding.
    gone = any(rest.std() <= 1e-9 * v.std() for rest, v in zip(left, (x, y), strict=True))
    return np.nan if gone else float(_pearson(*left))


def explained(
    predictors: ArrayLike, y: ArrayLike, folds: int = 10, repeats: int = 20, seed: int = 0
) -> tuple[float, float]:
    """Return how much of y a linear regression explains, in the sample and out of it.

    Args:
        predictors: (n, predictors).
        y: (n,).
        folds: parts of the cross-validation.
        repeats: random divisions into folds, averaged over.
        seed: of the divisions.

    Returns:
        R² in the sample, and R² of predictions for units that the fit did not see
        (below 0 where the mean of y would predict better). NaN where y is constant.

    Raises:
        ValueError: fewer units than folds.
    """
    y = np.asarray(y, float)
    design = np.column_stack([np.ones(len(y)), np.asarray(predictors, float)])
    if len(y) < folds:
        raise ValueError(f"{folds} folds need at least as many units, got {len(y)}")
    total = ((y - y.mean()) ** 2).sum()
    if total == 0:
        return np.nan, np.nan

    def missed(fitted: NDArray, left_out: NDArray) -> float:
        weights = np.linalg.lstsq(design[fitted], y[fitted], rcond=None)[0]
        return ((y[left_out] - design[left_out] @ weights) ** 2).sum()

    everything = np.ones(len(y), bool)
    rng = np.random.default_rng(seed)
    errors = []
    for _ in range(repeats):
        fold = rng.permutation(np.arange(len(y)) % folds)
        errors.append(sum(missed(fold != k, fold == k) for k in range(folds)))
    return float(1 - missed(everything, everything) / total), float(1 - np.mean(errors) / total)


def depth_trend(
    values: ArrayLike, repeats: int = 200, seed: int = 0
) -> tuple[float, float, float, float]:
    """Return Kendall's tau between layer index and the values of all categories together.

    Args:
        values: (categories, layers), layers in depth order.
        repeats: bootstrap samples over categories.
        seed: of the resampling.

    Returns:
        Tau-b (Kendall 1938), the ends of its 95 % bootstrap interval over categories,
        and the p value of its asymptotic test, which takes all values as independent.
    """
    values = np.asarray(values, float)
    depth = np.broadcast_to(np.arange(values.shape[1]), values.shape)

    def tau(chosen: NDArray) -> float:
        return stats.kendalltau(depth.ravel(), values[chosen].ravel()).statistic

    found = stats.kendalltau(depth.ravel(), values.ravel())
    low, high = bootstrap(tau, len(values), repeats, seed=seed)
    return float(found.statistic), low, high, float(found.pvalue)


def dips(values: ArrayLike, repeats: int = 1000, seed: int = 0) -> list[tuple[int, int]]:
    """Return the layers whose median lies below the interval of an earlier layer's median.

    Args:
        values: (categories, layers), layers in depth order.
        repeats: bootstrap samples over categories.
        seed: of the resampling.

    Returns:
        Pairs (layer, earlier layer) by index; of the earlier layers the one with the
        highest lower end.
    """
    values = np.asarray(values, float)
    medians = np.median(values, axis=0)
    drawn = np.random.default_rng(seed).integers(len(values), size=(repeats, len(values)))
    lows = [np.quantile(np.median(column[drawn], axis=1), 0.025) for column in values.T]
    before = [int(np.argmax(lows[:k])) for k in range(1, len(lows))]
    return [(k, i) for k, i in enumerate(before, start=1) if medians[k] < lows[i]]


def _checked(x: ArrayLike, y: ArrayLike, method: str) -> tuple[NDArray, NDArray]:
    if method not in ("pearson", "spearman"):
        raise ValueError(f"method={method!r}: choose 'pearson' or 'spearman'")
    x, y = np.asarray(x, float), np.asarray(y, float)
    if x.ndim != 1 or x.shape != y.shape or len(x) < 3:
        raise ValueError(f"two vectors of one length, at least 3, needed: {x.shape}, {y.shape}")
    return x, y


def _ranked(x: NDArray, method: str) -> NDArray:
    return stats.rankdata(x, axis=-1) if method == "spearman" else x


def _pearson(x: NDArray, y: NDArray) -> NDArray:
    """Correlate along the last axis; NaN where one side is constant."""
    x = x - x.mean(axis=-1, keepdims=True)
    y = y - y.mean(axis=-1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        return (x * y).sum(axis=-1) / np.sqrt((x**2).sum(axis=-1) * (y**2).sum(axis=-1))
