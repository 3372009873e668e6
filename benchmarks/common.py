"""What the benchmarks share: paired timings, peak memory, one line per result, missed targets."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

missed: list[str] = []
"""Names of the results of this process that missed their targets."""


def peak_rss() -> float:
    """Return the most memory that this process has taken, in MB."""
    # On Linux, getrusage would count the parent's memory at the moment of the fork, too.
    status = Path("/proc/self/status")
    if status.exists():
        kilobytes = int(status.read_text().split("VmHWM:")[1].split()[0])
    else:
        import resource  # Windows has none

        kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        kilobytes /= 1024 if sys.platform == "darwin" else 1
    return kilobytes / 1024


def seconds(function: Callable[[], object]) -> float:
    """Return the wall time of one call."""
    return _times(function)[0]


def compare(
    name: str,
    subject: Callable[[], object],
    baseline: Callable[[], object],
    target: float,
    repeats: int = 5,
    warm_up: bool = True,
) -> bool:
    """Print subject time / baseline time beside its target and return whether it is met.

    The two take turns (and take turns in going first). Judged is the fastest of each, for
    what else the machine does only ever adds time. Behind it stand the median of the ratios
    of neighbours, and the median in processor time, summed over threads: what work the
    subject adds, however well that is spread over cores. One untimed call of each comes
    before, unless `warm_up` is False: for calls so long that compilation hardly shows.
    """
    if warm_up:
        subject(), baseline()
    upper, lower = [], []
    for repeat in range(repeats):
        turns = [(subject, upper), (baseline, lower)]
        for function, times in reversed(turns) if repeat % 2 else turns:
            times.append(_times(function))
    pairs = [(u / v for u, v in zip(*each, strict=True)) for each in zip(upper, lower, strict=True)]
    wall, processor = map(statistics.median, zip(*pairs, strict=True))
    fastest = min(upper)[0] / min(lower)[0]
    return report(name, fastest, target, more=f"median {wall:.3g}, processor time {processor:.3g}")


def _times(function: Callable[[], object]) -> tuple[float, float]:
    wall, processor = time.perf_counter(), time.process_time()
    function()
    return time.perf_counter() - wall, time.process_time() - processor


def report(name: str, value: float, target: float, unit: str = "", more: str = "") -> bool:
    """Print a result beside its target (at most that much) and return whether it is met."""
    met = value <= target
    if not met:
        missed.append(name)
    mark = "" if met else "   MISSED"
    more = more and f"   ({more})"
    print(f"{name:<58} {value:9.4g} {unit:<2}   target {target:g} {unit}{mark}{more}", flush=True)
    return met


def peer(package: str) -> bool:
    """Return whether another project's package is there to be compared with; say so if not."""
    there = find_spec(package) is not None
    if not there:
        print(f'{package} is not installed (the extra "peers"): not compared with', flush=True)
    return there


def peak_rss_of(code: str) -> float:
    """Run code in a fresh Python process and return its peak resident memory in MB.

    Raises:
        RuntimeError: the code failed.
    """
    code += "\nfrom benchmarks.common import peak_rss\nprint('peak', peak_rss())\n"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"the measured code failed:\n{done.stderr}")
    return float(done.stdout.split()[-1])
