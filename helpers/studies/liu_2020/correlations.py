"""Correlations of a measure with accuracy over categories, layer by layer."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from helpers.layers import Responses
from helpers.metrics import accuracy, checks, intervals
from helpers.studies.liu_2020 import tables

KEYS = ["network", "layer", "depth"]


def with_accuracy(
    table: pd.DataFrame,
    shares: Mapping[str, ArrayLike],
    method: str = "pearson",
    seed: int = 0,
) -> pd.DataFrame:
    """Correlate a measure with accuracy over categories, layer by layer.

    Args:
        table: one row per category and layer, with columns network, layer, depth, value
            (and measure, condition, seed where there are any); categories sorted within a layer.
        shares: network -> (categories,) accuracy, in sorted order.
        method: see `intervals.correlation`.
        seed: see `intervals.correlation_test`.

    Returns:
        The same columns but for category, one row per layer: value (r), low, high, null_low
        and null_high (what 95 % of permutations stay within), p.

    Raises:
        TypeError: values are no real numbers.
        ValueError: the categories of a layer are not sorted; NaN, infinity, or no rows.
    """
    table = table.assign(value=checks.finite(table["value"], "value", ("rows",)))
    keys = [key for key in ("measure", "condition", "seed", *KEYS) if key in table]
    rows = []
    for key, layer in table.groupby(keys, sort=False):
        if "category" in layer and not layer["category"].is_monotonic_increasing:
            raise ValueError(f"the categories of {key} are not sorted, as those of accuracy are")
        about = dict(zip(keys, key, strict=True))
        y = shares[about["network"]]
        test = intervals.correlation_test(layer["value"], y, method, repeats=2000, seed=seed)
        found = {"value": test.r, "low": test.low, "high": test.high}
        found |= {"null_low": -test.null, "null_high": test.null, "p": test.p}
        rows.append(about | found)
    return pd.DataFrame(rows)


def pearson(x: NDArray, y: NDArray, axis: int = -1) -> NDArray[np.float64]:
    """Return Pearson's r along an axis; 0 where one side is constant and nothing correlates.

    Raises:
        TypeError: no real numbers.
        ValueError: empty, NaN or infinity.
    """
    x, y = checks.finite(x, "x"), checks.finite(y, "y")
    x, y = (v - v.mean(axis=axis, keepdims=True) for v in (x, y))
    size = np.sqrt((x**2).sum(axis=axis) * (y**2).sum(axis=axis))
    product = (x * y).sum(axis=axis)
    return np.divide(product, size, out=np.zeros_like(product), where=size > 1e-12)


def difference(x: NDArray, y: NDArray, other_x: NDArray, other_y: NDArray, axis: int = -1):
    """Return r of x and y less r of the others, all of the same categories."""
    return pearson(x, y, axis) - pearson(other_x, other_y, axis)


def explained(predictors: NDArray, y: NDArray) -> float:
    """Return R² of a linear regression in the sample it was fitted to.

    The in_sample of `intervals.r_squared`, without its cross-validation.
    """
    y = checks.finite(y, "y", ("units",))
    predictors = checks.finite(predictors, "predictors")
    design = np.column_stack([np.ones(len(y)), predictors])
    left = y - design @ np.linalg.lstsq(design, y, rcond=None)[0]
    return float(1 - left.var() / y.var()) if y.var() else np.nan


def crosswise(psi_a: NDArray, y_a: NDArray, psi_b: NDArray, y_b: NDArray, axis: int = -1):
    """Return the mean r of PSI on one half of the images and accuracy on the other.

    Args:
        psi_a: (..., categories) from the one half.
        y_a: (..., categories) accuracy on it.
        psi_b: from the other half.
        y_b: accuracy on it.
        axis: of the categories.
    """
    return (pearson(psi_a, y_b, axis) + pearson(psi_b, y_a, axis)) / 2


def partial(x: NDArray, y: NDArray, control: NDArray, axis: int = -1) -> NDArray[np.float64]:
    """Return the correlation of x and y with one control held constant, from the three r.

    (r_xy - r_xc r_yc) / sqrt((1 - r_xc²) (1 - r_yc²)), Yule 1907, Proc. R. Soc. A 79:182; for
    one control the same as `intervals.partial_correlation`.
    """
    control = checks.finite(control, "control")
    xc, yc = pearson(x, control, axis), pearson(y, control, axis)
    return (pearson(x, y, axis) - xc * yc) / np.sqrt((1 - xc**2) * (1 - yc**2))


def across_halves(
    responses: Responses, correct: ArrayLike, layers: list[str] | None = None, seed: int = 0
) -> pd.DataFrame:
    """Correlate PSI with the accuracy on images that it did not see.

    Args:
        responses: with two halves of the images as its subsets even and odd, in which the images
            of a category take turns.
        correct: (images,) from `accuracy.cross_validated`.
        layers: which of its layers; None for all.
        seed: of the bootstrap over categories.

    Returns:
        Columns network, layer, depth, value (`crosswise`), low, high.
    """
    odd = accuracy.rank_within(responses.labels) % 2 == 1
    shares = [accuracy.by_category(correct, responses.labels, half) for half in (~odd, odd)]
    one, other = (
        tables.psi(responses, layers, half).query("measure == 'psi'") for half in ("even", "odd")
    )
    about = one.drop_duplicates("layer")[KEYS].to_dict("records")
    pairs = zip(tables.matrix(one).T, tables.matrix(other).T, strict=True)
    found = [
        _estimate(crosswise, a, shares[0], b, shares[1], seed=seed)._asdict() for a, b in pairs
    ]
    return pd.DataFrame([a | f for a, f in zip(about, found, strict=True)])


def partial_correlations(
    table: pd.DataFrame,
    shares: Mapping[str, ArrayLike],
    control: Mapping[str, ArrayLike],
    seed: int = 0,
) -> pd.DataFrame:
    """Correlate PSI with accuracy, another property of the categories held constant.

    Args:
        table: rows of `tables.psi` of one measure.
        shares: network -> (categories,) accuracy.
        control: network -> (categories,) the property.
        seed: of the bootstrap over categories.

    Returns:
        Columns network, layer, depth, value (`partial`), low, high.

    Raises:
        TypeError: no real numbers.
        ValueError: NaN, infinity, or no rows.
    """
    table = table.assign(value=checks.finite(table["value"], "value", ("rows",)))
    rows = []
    for key, group in table.groupby(KEYS, sort=False):
        samples = group["value"].to_numpy(), shares[key[0]], control[key[0]]
        found = _estimate(partial, *samples, seed=seed)
        rows.append(dict(zip(KEYS, key, strict=True)) | found._asdict())
    return pd.DataFrame(rows)


def stability(responses: Responses, layers: list[str] | None = None) -> pd.Series:
    """Return, layer by layer, the correlation of the PSI of the even and odd images.

    Returns:
        Layer -> Pearson's r over categories (split-half reliability).
    """
    one, other = (
        tables.psi(responses, layers, half).query("measure == 'psi'") for half in ("even", "odd")
    )
    r = pearson(tables.matrix(one), tables.matrix(other), axis=0)
    return pd.Series(r, index=one["layer"].unique())


def _estimate(statistic, *samples: ArrayLike, seed: int) -> intervals.Estimate:
    arrays = [checks.finite(sample, "a sample") for sample in samples]
    return intervals.estimate(statistic, *arrays, seed=seed, vectorized=True)
