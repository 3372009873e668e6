"""Do two curves over depth move together, or do both just change with depth?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata

from helpers.metrics import checks, intervals

Array = NDArray[np.float64]


class Together(NamedTuple):
    """How two curves over the layers go together, as Spearman's ρ.

    Attributes:
        levels: (...) of the values themselves.
        steps: (...) of the changes from each layer to the next.
        given_depth: (...) of the values, depth held constant (partial rank correlation).
    """

    levels: Array
    steps: Array
    given_depth: Array


def together(x: ArrayLike, y: ArrayLike) -> Together:
    """Correlate two curves over depth in three ways.

    Args:
        x: (..., layers), layers in depth order, such as one row per bootstrap sample.
        y: (..., layers).

    Returns:
        NaN where a curve has one, or depth alone orders it.

    Raises:
        TypeError: no real numbers.
        ValueError: curves of different shape, or infinity.
    """
    x, y = checks.finite(x, "x", missing=True), checks.finite(y, "y", missing=True)
    if x.shape != y.shape:
        raise ValueError(f"x and y differ in shape: {x.shape}, {y.shape}")
    depth = np.broadcast_to(np.arange(x.shape[-1]), x.shape)
    return Together(_spearman(x, y), _spearman(np.diff(x), np.diff(y)), _given(x, y, depth))


def together_by_part(
    curves: tuple[ArrayLike, ArrayLike],
    draws: tuple[ArrayLike, ArrayLike],
    parts: Mapping[str, ArrayLike],
    seed: int = 0,
) -> pd.DataFrame:
    """Tabulate `together` over several sets of layers, with two kinds of 95 % intervals.

    Over layers (or the steps between them), resampled as in `intervals.bootstrap`: what other
    layers of such a network might give. Over images: how sure these layers' values are.

    Args:
        curves: two curves (layers,).
        draws: their resamples over images (resamples, layers).
        parts: name -> which layers, booleans (layers,).
        seed: of the resampling of layers.

    Returns:
        Columns part, layers (their number), correlation, rho, low and high (over layers; NaN
        for fewer than 8 layers or steps), low_images, high_images.

    Raises:
        TypeError: no real numbers.
        ValueError: another shape, infinity, or NaN in the curves.
    """
    curves = [checks.finite(x, "curves", ("layers",)) for x in curves]
    draws = [checks.finite(x, "draws", ("resamples", "layers"), missing=True) for x in draws]
    rows = []
    for part, at in parts.items():
        x, y = (curve[at] for curve in curves)
        units = {"levels": (x, y), "steps": (np.diff(x), np.diff(y))}
        units["given_depth"] = x, y, np.arange(len(x))
        found, resampled = together(x, y), together(*(curve[:, at] for curve in draws))
        for name, over_images in resampled._asdict().items():
            over_layers = _interval(*units[name], seed=seed)
            ends = np.nanquantile(over_images, [0.025, 0.975])
            rho = float(getattr(found, name))
            rows.append((part, len(x), name, rho, *over_layers, *ends))
    ends = ["low", "high", "low_images", "high_images"]
    return pd.DataFrame(rows, columns=["part", "layers", "correlation", "rho", *ends])


def _interval(*units: Array, seed: int) -> intervals.Interval:
    """Return the interval of a rank correlation, of two measures or with a third held constant."""
    if len(units[0]) < intervals.FEWEST_RESAMPLED:
        return intervals.Interval(np.nan, np.nan)

    def statistic(*resampled: Array, axis: int) -> Array:
        return (_spearman if len(units) == 2 else _given)(*resampled)

    return intervals.bootstrap(statistic, *units, seed=seed, vectorized=True)


def _given(x: Array, y: Array, depth: Array) -> Array:
    """Return the partial rank correlation, NaN where depth alone orders x or y."""
    xy, xd, yd = _spearman(x, y), _spearman(x, depth), _spearman(y, depth)
    left = (1 - xd**2) * (1 - yd**2)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(left > 1e-12, (xy - xd * yd) / np.sqrt(left), np.nan)


def _spearman(x: Array, y: Array) -> Array:
    x, y = (rankdata(v, axis=-1) for v in (x, y))
    x, y = (v - v.mean(axis=-1, keepdims=True) for v in (x, y))
    with np.errstate(invalid="ignore"):  # NaN where all are equal
        return (x * y).sum(axis=-1) / np.sqrt((x**2).sum(axis=-1) * (y**2).sum(axis=-1))
