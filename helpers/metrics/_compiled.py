"""How loops are compiled."""

from __future__ import annotations

from collections.abc import Callable

import numba


def compiled(**options: object) -> Callable[[Callable], Callable]:
    """Return numba's decorator for a function that runs without the interpreter's lock.

    It is compiled on first use (about a second) and kept on disk, but where neither the
    package's folder nor the user's cache can be written (a container, a cluster's node): there
    it is compiled anew in every process.
    """

    def decorate(function: Callable) -> Callable:
        try:
            return numba.njit(nogil=True, cache=True, **options)(function)
        except RuntimeError:  # "no locator available"
            return numba.njit(nogil=True, **options)(function)

    return decorate
