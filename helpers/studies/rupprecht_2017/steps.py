"""Do two curves over depth move together, or do both just change with depth?"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
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
    given_depth = (xy - xd * yd) / np.sqrt((1 - xd**2) * (1 - yd**2))
    return Together(xy, _spearman(np.diff(x), np.diff(y)), given_depth)


def _spearman(x: Array, y: Array) -> Array:
    x, y = (rankdata(v, axis=-1) for v in (x, y))
    x, y = (v - v.mean(axis=-1, keepdims=True) for v in (x, y))
    return (x * y).sum(axis=-1) / np.sqrt((x**2).sum(axis=-1) * (y**2).sum(axis=-1))
