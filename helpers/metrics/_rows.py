"""Arrays of any shape and dtype as rows of floats, the form in which measures take them."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from math import prod

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple
from numpy.typing import ArrayLike, NDArray

from helpers import project
from helpers.metrics.checks import real

SLICE = 1 << 17  # values that a thread takes at a time, as whole rows
Axis = int | tuple[int, ...] | None


def as_rows(x: ArrayLike, axis: Axis, measure: str) -> tuple[NDArray, tuple[int, ...]]:
    """Bring the axes that a measure reduces last.

    Args:
        x: array of any shape and real dtype.
        axis: axis or axes to reduce; None for all.
        measure: who asks, for errors.

    Returns:
        (rows, values), contiguous, read-only, float32 where that holds every number of
        x's dtype, else float64; and the shape of the axes that are left.

    Raises:
        TypeError: x does not hold real numbers.
        ValueError: x is empty or a single number, masks values, or has no such axis.
    """
    x = real(x, f"{measure}: x")
    if x.ndim == 0:
        raise ValueError(f"{measure}: x is a single number, not an array")
    if x.size == 0:
        raise ValueError(f"{measure}: x is empty (shape {x.shape})")
    reduced = normalize_axis_tuple(range(x.ndim) if axis is None else axis, x.ndim)
    kept = tuple(a for a in range(x.ndim) if a not in reduced)
    shape = tuple(x.shape[a] for a in kept)
    dtype = np.float32 if np.can_cast(x.dtype, np.float32) else np.float64
    table = x.transpose(kept + reduced).reshape(prod(shape), -1)
    table = np.ascontiguousarray(table, dtype=dtype).view()
    # Compiled loops are compiled anew for writable arrays, so let all be read-only.
    table.flags.writeable = False
    return table, shape


def as_shape(values: NDArray[np.float64], shape: tuple[int, ...]) -> NDArray[np.float64] | float:
    """Give one value per row the shape that `as_rows` left; a float where nothing is left."""
    return values.reshape(shape) if shape else float(values[0])


def not_finite(table: NDArray, measure: str) -> ValueError:
    """Return the error that names what a table holds that is not finite."""
    return ValueError(f"{measure}: x holds {'NaN' if np.isnan(table).any() else 'infinity'}")


def over_rows(function: Callable[[slice], object], table: NDArray) -> None:
    """Call function on slices that cover a table's rows, in threads if that is worth it.

    Args:
        function: works on the rows of one slice, without the interpreter's lock where it
            matters, and writes to its own part of an output.
        table: (rows, values).
    """
    step = max(1, SLICE * len(table) // max(1, table.size))
    # Threads take the next slice when they are through with one; next() on this is atomic.
    slices = iter([slice(i, min(i + step, len(table))) for i in range(0, len(table), step)])

    def work() -> None:
        for part in slices:
            function(part)

    others = min(project.cores(), -(-len(table) // step)) - 1
    done = [_workers().submit(work) for _ in range(others)]
    work()
    for each in done:
        each.result()


@functools.cache
def _workers() -> ThreadPoolExecutor:
    """Return threads that live as long as the process: starting them costs as much as a layer."""
    return ThreadPoolExecutor(max(1, project.cores() - 1), "rows")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_workers.cache_clear)
