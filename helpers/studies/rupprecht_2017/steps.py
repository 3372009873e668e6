"""Do two curves over depth move together, or do both just change with depth?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata

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
    """
    x, y = np.asarray(x, float), np.asarray(y, float)
    depth = np.broadcast_to(np.arange(x.shape[-1]), x.shape)
    xy, xd, yd = _spearman(x, y), _spearman(x, depth), _spearman(y, depth)
    with np.errstate(invalid="ignore"):  # NaN where depth alone orders a curve
        given_depth = (xy - xd * yd) / np.sqrt((1 - xd**2) * (1 - yd**2))
    return Together(xy, _spearman(np.diff(x), np.diff(y)), given_depth)


def together_by_part(
    curves: tuple[ArrayLike, ArrayLike],
    draws: tuple[ArrayLike, ArrayLike],
    parts: Mapping[str, ArrayLike],
) -> pd.DataFrame:
    """Tabulate `together` with its 95 % intervals, over several sets of layers.

    Args:
        curves: two curves (layers,).
        draws: their resamples (resamples, layers).
        parts: name -> which layers, booleans (layers,).

    Returns:
        Columns part, layers (their number), correlation, rho, low, high.
    """
    rows = []
    for part, at in parts.items():
        values = together(*(np.asarray(curve)[at] for curve in curves))
        resampled = together(*(np.asarray(curve)[:, at] for curve in draws))
        for name, rho, drawn in zip(values._fields, values, resampled, strict=True):
            ends = np.nanquantile(drawn, [0.025, 0.975])
            rows.append((part, int(np.sum(at)), name, float(rho), *ends))
    return pd.DataFrame(rows, columns=["part", "layers", "correlation", "rho", "low", "high"])


def _spearman(x: Array, y: Array) -> Array:
    x, y = (rankdata(v, axis=-1) for v in (x, y))
    x, y = (v - v.mean(axis=-1, keepdims=True) for v in (x, y))
    return (x * y).sum(axis=-1) / np.sqrt((x**2).sum(axis=-1) * (y**2).sum(axis=-1))
