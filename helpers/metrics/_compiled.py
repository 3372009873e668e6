"""How loops are compiled."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

import numba
from numba.extending import is_jitted


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


def keep_compiled(*modules: ModuleType) -> None:
    """Keep on disk what another package's functions compile, where `compiled` keeps ours."""
    for function in {f for module in modules for f in vars(module).values() if is_jitted(f)}:
        try:
            function.enable_caching()
        except RuntimeError:  # "no locator available"
            return
