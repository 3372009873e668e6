"""Histograms of activations that take in batch after batch (`sparsity` offers them)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from helpers.metrics import _kernels
from helpers.metrics._rows import as_rows, not_finite, over_rows
from helpers.metrics.checks import finite, real


class Histogram:
    """Exact counts of activations in fixed bins, keeping no activation.

    A bin holds left <= value < right, the last one its right edge too, as in
    `numpy.histogram`. Zeros are counted apart: no bin holds them.

    Attributes:
        edges: (bins + 1,) float64, the bins' edges.
        counts: (bins,) int64, counts of the values that are not zero.
        zeros, below, above: number of zeros, and of values that are not zero under the
            first and over the last edge.
    """

    def __init__(self, edges: ArrayLike) -> None:
        """Make an empty histogram.

        Args:
            edges: (bins + 1,) finite, rising edges, evenly spaced or not.

        Raises:
            TypeError: edges are not real numbers.
            ValueError: fewer than two edges, NaN or infinity, or edges that do not rise.
        """
        self.edges = finite(edges, "Histogram: edges", ("bins + 1",), least=2).copy()
        if (np.diff(self.edges) <= 0).any():
            raise ValueError("Histogram: edges must rise")
        self.counts = np.zeros(self.edges.size - 1, np.int64)
        self.zeros = self.below = self.above = 0
        self._active: list[NDArray[np.float64]] = []
        self._lefts, self._nearest = _lookup(self.edges)

    def update(self, x: ArrayLike) -> None:
        """Count the next images.

        Args:
            x: activations (images, ...) of any real dtype.

        Raises:
            TypeError: x does not hold real numbers.
            ValueError: x is empty, a single number, or holds NaN or infinity; nothing of
                it is counted then.
        """
        x = real(x, "Histogram: x")
        table, _ = as_rows(x, tuple(range(1, x.ndim)), "Histogram")
        counts, active = self._count(table)
        self.below += int(counts[0])
        self.above += int(counts[-1])
        self.counts += counts[1:-1]
        self.zeros += table.size - int(active.sum())
        self._active.append(active / table.shape[1])

    def merge(self, other: Histogram) -> None:
        """Add the counts of another histogram, whose images come after those seen.

        Raises:
            ValueError: its edges are others.
        """
        if not np.array_equal(self.edges, other.edges):
            raise ValueError("Histogram: only one with the same edges can be merged")
        self.counts += other.counts
        self.zeros += other.zeros
        self.below += other.below
        self.above += other.above
        self._active += other._active

    def __getstate__(self) -> dict:
        # Without what the edges give: half a megabyte, for every layer of every shard.
        return {k: v for k, v in vars(self).items() if k not in ("_lefts", "_nearest")}

    def __setstate__(self, state: dict) -> None:
        vars(self).update(state)
        self._lefts, self._nearest = _lookup(self.edges)

    @property
    def total(self) -> int:
        """Number of values seen."""
        return int(self.counts.sum()) + self.zeros + self.below + self.above

    @property
    def active_fraction(self) -> float:
        """Share of the values seen that are not zero; NaN before the first."""
        return 1 - self.zeros / self.total if self.total else np.nan

    @property
    def active_per_image(self) -> NDArray[np.float64]:
        """(images,) share of each image's values that are not zero."""
        return np.concatenate([np.empty(0), *self._active])

    def _count(self, table: NDArray) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return counts below, in each bin and above, and each row's number of active values."""
        if table.dtype != np.float32:
            return self._count_double(table)
        active = np.empty(len(table), np.int64)
        bits = table.view(np.uint32)
        parts = []

        def count(part: slice) -> None:
            counts = np.zeros(len(self._lefts) - 1, np.int64)
            finite = _kernels.count_bins(
                bits[part], self._nearest, self._lefts, counts, active[part]
            )
            if not finite:
                raise not_finite(table, "Histogram")
            parts.append(counts)

        over_rows(count, table)
        return np.sum(parts, axis=0), active

    def _count_double(self, table: NDArray) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        if not np.isfinite(table).all():
            raise not_finite(table, "Histogram")
        values = table[table != 0]
        below, above = (values < self.edges[0]).sum(), (values > self.edges[-1]).sum()
        counts = [below, *np.histogram(values, self.edges)[0], above]
        return np.array(counts), np.count_nonzero(table, axis=1)


def _lookup(edges: NDArray[np.float64]) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Return what `_kernels.count_bins` needs; bin 0 holds what is below, the last what is above.

    Rounding each left edge up to a float32 changes the place of no float32 value.
    """
    past_last = np.nextafter(edges[-1], np.inf)
    lefts = np.array([-np.inf, *edges[:-1], past_last, np.nan])
    with np.errstate(over="ignore"):
        rounded = lefts.astype(np.float32)
    rounded = np.where(rounded < lefts, np.nextafter(rounded, np.float32(np.inf)), rounded)
    upper = np.arange(1 << 16, dtype=np.uint32) << 16
    # Of the values that share their upper bits, the smallest: a negative number's has all low bits.
    smallest = np.where(upper >> 31, upper | 0xFFFF, upper).astype(np.uint32).view(np.float32)
    nearest = np.searchsorted(rounded[1:-1], smallest, side="right")
    return rounded, np.where(np.isnan(smallest), 0, nearest).astype(np.int32)
