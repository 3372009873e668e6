"""Inner products of long patterns, block by block, as exact as float64 sums of float32 products."""

from __future__ import annotations

import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from helpers import project

Read = Callable[[slice, NDArray[np.float32]], None]


def products(read: Read, patterns: int, units: int, block: int) -> NDArray[np.float64]:
    """Multiply patterns and a row of ones with one another.

    Every core takes every k-th block, reads it and multiplies it by itself: reading
    overlaps with multiplying, and no core waits for another within a product.

    Args:
        read: fills a block: the units it is to take, and where to put them, float32
            (patterns, units of the block). Called from several threads.
        patterns: how many there are.
        units: length of each.
        block: units taken at a time.

    Returns:
        (patterns + 1, patterns + 1); the last row and column hold the patterns' sums and, in
        the corner, the number of units.
    """
    starts = range(0, units, block)
    workers = min(project.cores(), 4, len(starts))

    def work(worker: int) -> NDArray[np.float64]:
        total = np.zeros((patterns + 1, patterns + 1))
        buffer = np.ones((patterns + 1, min(block, units)), np.float32)
        for start in starts[worker::workers]:
            part = buffer[:, : min(block, units - start)]
            with np.errstate(invalid="ignore", over="ignore"):
                read(slice(start, start + part.shape[1]), part[:-1])
                total += part @ part.T
        return total

    with _blas().limit(limits=1, user_api="blas"), ThreadPoolExecutor(workers) as pool:
        return sum(pool.map(work, range(workers)))


@functools.cache
def _blas() -> ThreadpoolController:
    return ThreadpoolController()
