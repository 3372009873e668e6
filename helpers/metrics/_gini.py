"""The Gini coefficient of activations, exact or within a tolerance (`sparsity` offers it)."""

from __future__ import annotations

import threading
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from helpers.metrics import _kernels
from helpers.metrics._rows import Axis, as_rows, as_shape, not_finite, over_rows

Negative = Literal["raise", "shift"]

LEAST_TOLERANCE = 1e-6  # from which counting in bins pays: with less, more rows are sorted
SHORT_ROW = 4096  # rows up to this length are sorted together, zeros and all
_of_thread = threading.local()
LARGE = 1e250  # magnitudes from which sums in float64 could overflow


def gini(
    x: ArrayLike,
    axis: Axis = None,
    negative: Negative = "raise",
    offset: float = 0.0,
    tolerance: float = 0.0,
) -> NDArray[np.float64] | float:
    """Return the Gini coefficient, sum_i (2i - n - 1) x_i / (n sum_i x_i) for rising x_i.

    0 when all values are equal (all zero too, and a single value), 1 - 1/n when one value
    alone is not zero. Sums are in float64.
    Source: Guest & Love 2017, eLife 6:e21397; as a measure of sparsity Hurley & Rickard
    2009, IEEE Trans. Inf. Theory 55:4723.

    Exact (tolerance below 1e-6), the values that are not zero are sorted. With a tolerance of
    1e-6 or more, rows over 4,096 values of non-negative float32 (or float16, or integers up to
    16 bits) are counted instead, in bins of their upper 17 bits (256 per octave). Sums of the
    low bits keep every bin's total exact, so only the order within bins is unknown. It adds to
    the weighted sum, for a bin of m values of which the share p of its width w is filled on
    average, something between 0 and p (1 - p) m^2 w; 2/3 of that is taken, the value for
    evenly spread numbers. A row whose bins together leave more than the tolerance in doubt
    (much of it crowds into few bins) is sorted. On activations of convolutional networks the
    error is about 1e-8 or less, and one row in a thousand is sorted.

    Args:
        x: activations of any shape and real dtype; not modified.
        axis: axis or axes to reduce; None for all.
        negative: "raise", or "shift" to subtract the minimum where it is negative, as the
            source does (the value then depends on n).
        offset: added to every value after the shift, 0 or more; the source adds 1e-7.
        tolerance: the largest absolute error allowed, 0 or more.

    Returns:
        The coefficient, 0..1, one per entry of the axes that are left.

    Raises:
        TypeError: x does not hold real numbers.
        ValueError: x is empty, a single number, masks values, or holds NaN, infinity or, with
            negative="raise", a negative value.
    """
    if negative not in ("raise", "shift"):
        raise ValueError(f"gini: negative={negative!r}: choose 'raise' or 'shift'")
    for name, value in {"offset": offset, "tolerance": tolerance}.items():
        if not 0 <= value < np.inf:
            raise ValueError(f"gini: {name}={value!r}: choose a finite number, 0 or more")
    table, shape = as_rows(x, axis, "gini")
    countable = table.dtype == np.float32 and SHORT_ROW < table.shape[1] <= _kernels.LONGEST_ROW
    if tolerance < LEAST_TOLERANCE or not countable:
        return as_shape(_exact(table, negative, offset), shape)
    sums = np.zeros((len(table), 3))
    bits = table.view(np.uint32)

    def count(part: slice) -> None:
        _kernels.binned_sums(bits[part], _bins(), sums[part])

    over_rows(count, table)
    weighted, total, doubt = sums.T
    scale = table.shape[1] * (total + table.shape[1] * offset)
    values = _divided(weighted, scale)
    unsure = ~(doubt <= tolerance * scale)
    if unsure.any():
        values[unsure] = _exact(table[unsure], negative, offset)
    return as_shape(values, shape)


def _bins() -> NDArray[np.int64]:
    """Return this thread's zeros for `_kernels.binned_sums`, which leaves them zero."""
    if not hasattr(_of_thread, "bins"):
        _of_thread.bins = np.zeros(_kernels.BINS, np.int64)
    return _of_thread.bins


def _exact(table: NDArray, negative: Negative, offset: float) -> NDArray[np.float64]:
    values = np.empty(len(table))
    n = table.shape[1]

    def sort_together(part: slice) -> None:
        values[part] = _sorted_gini(np.sort(table[part], axis=1), 0, negative, offset)

    def sort_active(part: slice) -> None:
        space = np.empty(n, table.dtype)
        for i in range(part.start, part.stop):
            active = space[: _kernels.compress(table[i], space)]
            active.sort()
            zeros = n - len(active)
            if zeros and len(active) and active[0] < 0:
                active, zeros = np.sort(table[i]), 0
            values[i] = _sorted_gini(active[None], zeros, negative, offset)[0]

    over_rows(sort_together if n <= SHORT_ROW else sort_active, table)
    return values


def _sorted_gini(
    rising: NDArray, zeros: int, negative: Negative, offset: float
) -> NDArray[np.float64]:
    """Return the Gini of rows in rising order from which `zeros` leading zeros were left out."""
    if rising.shape[1] == 0:
        return np.zeros(len(rising))
    n = zeros + rising.shape[1]
    # NaN is sorted to the end, so that the two ends show whether all values are finite.
    low, high = rising[:, 0].astype(np.float64), rising[:, -1].astype(np.float64)
    if not (np.isfinite(low).all() and np.isfinite(high).all()):
        raise not_finite(rising, "gini")
    if negative == "raise" and low.min() < 0:
        raise ValueError(
            f"gini: x holds negative values (minimum {low.min():g}); negative='shift' "
            "subtracts the minimum, as Guest & Love 2017 did"
        )
    largest = np.maximum(high, -low)
    if largest.max() > LARGE:
        unit = np.where(largest > LARGE, largest, 1.0)
        rising, low, offset = rising / unit[:, None], low / unit, offset / unit
    sums = np.empty((len(rising), 2))
    _kernels.rank_sums(rising, zeros, sums)
    weighted, excess = sums.T
    floor = np.zeros_like(low) if zeros else np.maximum(low, 0)
    return _divided(weighted, n * (excess + n * (floor + offset)))


def _divided(weighted: NDArray, scale: NDArray) -> NDArray[np.float64]:
    return np.divide(weighted, scale, out=np.zeros(len(scale)), where=scale > 0)
