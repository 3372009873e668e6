"""How much memory there is, keeping what was freed for the next batch, and handing it back."""

from __future__ import annotations

import ctypes
import functools
import gc
import platform
from pathlib import Path

import psutil

from helpers.layers._taps import forget

# From glibc's malloc.h.
_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_ONE_GIB = 1 << 30
# The limit of a container, by the two versions of Linux' control groups.
_CONTAINER_LIMITS = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)


def available() -> int:
    """Return how many bytes this process may still take without swapping.

    That is what the machine has available or, if less, what the process has left of the
    limit of its container.
    """
    found = [psutil.virtual_memory().available]
    for path in _CONTAINER_LIMITS:
        try:
            found.append(int(path.read_text()) - psutil.Process().memory_info().rss)
        except (OSError, ValueError):  # no container, or "max": no limit
            continue
    return max(0, min(found))


@functools.cache
def reuse_freed_memory() -> bool:
    """Tell glibc to reuse big freed blocks rather than hand them back to the kernel.

    By default glibc maps every block above 128 KiB (at most 32 MiB, where it adapts)
    afresh and unmaps it when it is freed, so that a network whose batch of activations
    takes hundreds of megabytes pays for a page fault every 4 KiB of it, batch after
    batch. The setting holds for the whole process; calling again changes nothing.

    Returns:
        Whether the allocator took the setting; False where it is not glibc.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    return all(mallopt(option, _ONE_GIB) for option in (_M_MMAP_THRESHOLD, _M_TRIM_THRESHOLD))


def free_memory() -> None:
    """Hand back to the system what passes have left: call it between two networks.

    Forgets the last compiled passes, which keep their networks alive, collects Python's garbage
    (a network holds cycles), and has glibc return freed blocks, which `reuse_freed_memory` told
    it to keep. A later pass of the same network is compiled anew.
    """
    forget()
    gc.collect()
    if platform.libc_ver()[0] == "glibc":
        ctypes.CDLL(None).malloc_trim(0)
