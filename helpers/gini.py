"""The Gini coefficient of activations, exact and fast (re-exported by `sparsity`)."""

from __future__ import annotations

from math import prod
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Axis = int | tuple[int, ...] | None
Negative = Literal["raise", "shift"]


def gini(
    x: ArrayLike, axis: Axis = None, negative: Negative = "raise", offset: float = 0.0
) -> NDArray | float:
    """Return the Gini coefficient, sum_i (2i - n - 1) x_i / (n sum_i x_i) for rising x_i.

    0 when all values are equal (all zero too, and a single value), 1 - 1/n when
    one value alone is not zero.
    Source: Guest & Love 2017, eLife 6:e21397, and Hurley & Rickard 2009, IEEE
    Trans. Inf. Theory 55:4723, on why it measures sparsity well.

    Args:
        x: activations of any shape and real dtype; not modified.
        axis: axis or axes to reduce; None for all.
        negative: "raise", or "shift" to subtract the minimum where it is
            negative, as the source does (the value then depends on n).
        offset: added to every value, after the shift; the source adds 1e-7.

    Returns:
        The coefficient, 0..1, one per entry of the axes that are left.

    Raises:
        ValueError: x is empty, a single number, or holds NaN, infinity or,
            with negative="raise", a negative value.
    """
    if negative not in ("raise", "shift"):
        raise ValueError(f"gini: negative={negative!r}: choose 'raise' or 'shift'")
    table, shape = rows(x, axis, "gini")
    table = np.sort(table.astype(np.float64), axis=1)
    low = table[:, :1]
    if negative == "raise" and low.min() < 0:
        raise ValueError(
            f"gini: x holds negative values (minimum {low.min():g}); "
            "negative='shift' subtracts the minimum, as Guest & Love 2017 did"
        )
    table -= np.minimum(low, 0)
    n = table.shape[1]
    weighted = table @ (2 * np.arange(1, n + 1) - n - 1.0)
    total = n * (table.sum(axis=1) + n * offset)
    value = np.divide(weighted, total, out=np.zeros_like(total), where=total > 0)
    return value.reshape(shape) if shape else float(value[0])


gini_fast = gini


def rows(x: ArrayLike, axis: Axis, measure: str) -> tuple[NDArray, tuple[int, ...]]:
    """Bring the reduced axes last: (rows, values), and the shape of what is left.

    Raises:
        ValueError: x is empty, a single number, or holds NaN or infinity.
        TypeError: x does not hold real numbers.
    """
    x = np.asarray(x)
    if x.dtype.kind not in "biuf":
        raise TypeError(f"{measure}: x holds {x.dtype}, not real numbers")
    if x.ndim == 0:
        raise ValueError(f"{measure}: x is a single number, not an array")
    if x.size == 0:
        raise ValueError(f"{measure}: x is empty (shape {x.shape})")
    if np.isnan(x).any():
        raise ValueError(f"{measure}: x holds NaN")
    if np.isinf(x).any():
        raise ValueError(f"{measure}: x holds infinity")
    axes = tuple(range(x.ndim)) if axis is None else np.atleast_1d(axis)
    axes = tuple(int(a) % x.ndim for a in axes)
    kept = tuple(a for a in range(x.ndim) if a not in axes)
    shape = tuple(x.shape[a] for a in kept)
    return x.transpose(kept + axes).reshape(prod(shape), -1), shape
