"""Compiled loops over rows of activations: what the measures of sparsity need in one pass.

They run without the interpreter's lock, so that `_rows.over_rows` can use plain threads.
Their rows are read-only and contiguous, as `_rows.as_rows` makes them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from helpers.metrics._compiled import compiled

BLOCK = 2048  # values that stay in the first-level cache between two loops over them
MAGNITUDE = np.uint32(0x7FFFFFFF)  # all bits of a float32 but its sign
NOT_FINITE = 0x7F800000  # bits of infinity; NaNs and negative numbers lie above
MANTISSA_BITS = 23  # of a float32; those above are its exponent
LOW_BITS = 15  # of a float32's 32 bits, those that tell apart the values of one bin
BINS = NOT_FINITE >> LOW_BITS
BINS_PER_OCTAVE = 1 << (MANTISSA_BITS - LOW_BITS)
LOW_MASK = (1 << LOW_BITS) - 1
COUNT_SHIFT = 40  # a bin packs its count above, the sum of its values' low bits below
ONE = 1 << COUNT_SHIFT
LONGEST_ROW = (1 << 23) - 1  # so that neither part of a packed bin overflows
SMALLEST_UNIT = 1e-290  # its inverse is finite


@compiled()
def compress(values: NDArray, active: NDArray) -> int:
    """Copy the values that are not zero to the front of `active` and count them."""
    count = 0
    for value in values:
        active[count] = value
        count += value != 0
    return count


@compiled(fastmath={"reassoc", "nsz"})
def rank_sums(rising: NDArray, zeros: int, sums: NDArray) -> None:
    """Sum each row's values, less its smallest, with weights 2i - n - 1 and without.

    Args:
        rising: (rows, values) in rising order, without `zeros` zeros that come first.
        zeros: how many zeros were left out of each row; n counts them.
        sums: (rows, 2) float64, filled with the weighted sum and the plain one.
    """
    weight = np.float64(zeros - rising.shape[1] + 1)
    for row in range(rising.shape[0]):
        values = rising[row]
        smallest = 0.0 if zeros else np.float64(values[0])
        weighted = 0.0
        excess = 0.0
        for i in range(values.size):
            above = np.float64(values[i]) - smallest
            weighted += (weight + 2 * i) * above
            excess += above
        sums[row, 0] = weighted
        sums[row, 1] = excess


@compiled(fastmath={"reassoc", "nsz"})
def moments(rows: NDArray, sums: NDArray) -> None:
    """Sum powers of each row's values, scaled so that none over- or underflows.

    Args:
        rows: (rows, values).
        sums: (rows, 4) float64, filled with the minimum and the maximum, and of scaled
            values the sums of |x| and x^2; of a row that is not finite, with NaN in the first
            place.
    """
    for row in range(rows.shape[0]):
        values = rows[row]
        low = np.float64(values[0])
        high = low
        finite = True
        for value in values:
            low = min(low, np.float64(value))
            high = max(high, np.float64(value))
            finite &= abs(value) < np.inf
        if not finite:
            sums[row, 0] = np.nan
            continue
        largest = max(-low, high)
        scale = 1 / largest if largest > SMALLEST_UNIT else 1 / SMALLEST_UNIT
        magnitude = 0.0
        square = 0.0
        for value in values:
            scaled = np.float64(value) * scale
            magnitude += abs(scaled)
            square += scaled * scaled
        sums[row, 0] = low
        sums[row, 1] = high
        sums[row, 2] = magnitude
        sums[row, 3] = square


@compiled()
def binned_sums(rows: NDArray, bins: NDArray, sums: NDArray) -> None:
    """Estimate the sums of `rank_sums` without sorting, from one pass over float32 values.

    The smallest is not taken off here. Values are counted in bins of their upper 17 bits,
    whose order is that of the values, and their low bits are summed, which keeps each bin's
    total exact. What is unknown is the order within a bin. Its part of the weighted sum
    lies between 0 and what values pushed to the bin's ends would give: p (1 - p) m^2 w for
    m values in a bin of width w whose mean lies at the share p of it. 2/3 of that is taken,
    as for evenly spread values, so 2/3 of it is the largest error.

    Args:
        rows: (rows, values) uint32, bits of non-negative float32.
        bins: (BINS,) int64 zeros to work on, zeros again afterwards.
        sums: (rows, 3) float64, filled with the weighted sum, the plain one, and the
            largest error of the former; of a row that holds NaN, infinity or a negative
            value, with NaN in the last place.
    """
    active = np.empty(BLOCK, np.uint32)
    for row in range(rows.shape[0]):
        count, lowest, highest = _fill_bins(rows[row], active, bins)
        if highest >= NOT_FINITE:
            bins[:] = 0
            sums[row, 2] = np.nan
        else:
            _empty_bins(bins, lowest, highest, rows.shape[1], count, sums[row])


@compiled()
def _fill_bins(values: NDArray, active: NDArray, bins: NDArray) -> tuple[int, int, int]:
    """Count in bins the values that are not zero; return how many, the lowest and the highest."""
    count = 0
    lowest = np.uint32(0xFFFFFFFF)
    highest = np.uint32(0)
    for start in range(0, values.size, BLOCK):
        filled = _keep_active(values[start : start + BLOCK], active)
        count += filled
        for i in range(filled):
            lowest = min(lowest, active[i])
            highest = max(highest, active[i])
        if highest >= NOT_FINITE:
            break
        for i in range(filled):
            bins[active[i] >> LOW_BITS] += ONE + np.int64(active[i] & LOW_MASK)
    return count, lowest, highest


@compiled()
def _empty_bins(
    bins: NDArray, lowest: int, highest: int, n: int, count: int, sums: NDArray
) -> None:
    """Turn the bins of one row, of whose n values `count` are not zero, into its sums."""
    below = n - count
    weighted = 0.0
    spread = 0.0
    total = 0.0
    for octave in range(lowest >> MANTISSA_BITS, (highest >> MANTISSA_BITS) + 1):
        # Within an octave, values are whole multiples of one unit.
        unit = 2.0 ** (max(octave, 1) - 150)
        hidden = (1 << MANTISSA_BITS) if octave else 0
        first = octave << (MANTISSA_BITS - LOW_BITS)
        for place in range(BINS_PER_OCTAVE):
            packed = bins[first + place]
            if packed == 0:
                continue
            bins[first + place] = 0
            held = packed >> COUNT_SHIFT
            low = packed & (ONE - 1)
            inside = unit * (held * (hidden + (place << LOW_BITS)) + low)
            weighted += inside * (2 * below + held - n)
            total += inside
            below += held
            spread += unit * low * (held - low / LOW_MASK)
    sums[0] = weighted + spread * 2 / 3
    sums[1] = total
    sums[2] = spread * 2 / 3


@compiled(fastmath={"reassoc", "nsz"})
def count_active(rows: NDArray, active: NDArray, finite: NDArray) -> None:
    """Count each row's values that are not zero.

    Args:
        rows: (rows, values).
        active: (rows,) int64, filled.
        finite: (rows,) bool, filled with whether all of a row's values are finite.
    """
    # Counts in float32, exact within a block, let the loop treat eight values at a time.
    none, one = np.float32(0), np.float32(1)
    for row in range(rows.shape[0]):
        active[row] = 0
        finite[row] = True
        for start in range(0, rows.shape[1], BLOCK):
            block = rows[row, start : start + BLOCK]
            filled = none
            wild = none
            for i in range(block.size):
                filled += one if block[i] != 0 else none
                wild += none if abs(block[i]) < np.inf else one
            active[row] += int(filled)
            finite[row] &= wild == 0


@compiled()
def count_bins(
    rows: NDArray, nearest: NDArray, lefts: NDArray, counts: NDArray, active: NDArray
) -> bool:
    """Count float32 values that are not zero in bins; return whether all are finite.

    Args:
        rows: (rows, values) uint32, bits of float32.
        nearest: (2**16,) the first bin that a value with these upper 16 bits may lie in.
        lefts: (bins + 1,) float32, the smallest value of each bin; NaN after the last.
        counts: (bins,) int64, added to.
        active: (rows,) int64, filled with each row's count of values that are not zero.
    """
    kept = np.empty(BLOCK, np.uint32)
    values = kept.view(np.float32)
    largest = np.uint32(0)
    for row in range(rows.shape[0]):
        count = 0
        for start in range(0, rows.shape[1], BLOCK):
            filled = _keep_active(rows[row, start : start + BLOCK], kept)
            count += filled
            for i in range(filled):
                largest = max(largest, kept[i] & MAGNITUDE)
            for i in range(filled):
                place = nearest[kept[i] >> 16]
                while values[i] >= lefts[place + 1]:
                    place += 1
                counts[place] += 1
        active[row] = count
    return largest < NOT_FINITE


@compiled()
def _keep_active(block: NDArray, kept: NDArray) -> int:
    """Copy the bits of values that are not zero to the front of `kept` and count them."""
    filled = np.uint64(0)  # unsigned: numba then leaves out a test for negative indices
    for i in range(block.size):
        kept[filled] = block[i]
        filled += np.uint64((block[i] & MAGNITUDE) != 0)
    return np.int64(filled)
