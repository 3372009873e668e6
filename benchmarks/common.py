"""What the benchmarks share: paired timings, peak memory of a fresh process, one line a result."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable

# On Linux, getrusage would count the parent's memory at the moment of the fork, too.
_PEAK = """
import pathlib, resource, sys
status = pathlib.Path("/proc/self/status")
if status.exists():
    kilobytes = int(status.read_text().split("VmHWM:")[1].split()[0])
else:
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    kilobytes /= 1024 if sys.platform == "darwin" else 1
print("peak", kilobytes / 1024)
"""


def seconds(function: Callable[[], object]) -> float:
    """Return the wall time of one call."""
    return _times(function)[0]


def ratio(subject: Callable[[], object], baseline: Callable[[], object], repeats: int = 5) -> float:
    """Return the median over repeats of subject time / baseline time, in wall time.

    The two take turns (and take turns in going first), so that whatever else the machine
    does weighs on both alike. One untimed call of each comes before.
    """
    return ratios(subject, baseline, repeats)[0]


def ratios(
    subject: Callable[[], object], baseline: Callable[[], object], repeats: int = 5
) -> tuple[float, float]:
    """Return what `ratio` does, and the same in processor time, summed over threads.

    Processor time says what work the subject adds, also on a busy machine, but not how
    well that work is spread over cores.
    """
    subject(), baseline()
    pairs = []
    for repeat in range(repeats):
        if repeat % 2:
            lower, upper = _times(baseline), _times(subject)
        else:
            upper, lower = _times(subject), _times(baseline)
        pairs.append((upper[0] / lower[0], upper[1] / lower[1]))
    wall, processor = map(statistics.median, zip(*pairs, strict=True))
    return wall, processor


def _times(function: Callable[[], object]) -> tuple[float, float]:
    wall, processor = time.perf_counter(), time.process_time()
    function()
    return time.perf_counter() - wall, time.process_time() - processor


def report(name: str, value: float, target: float, unit: str = "") -> bool:
    """Print a result beside its target (at most that much) and return whether it is met."""
    met = value <= target
    mark = "" if met else "   MISSED"
    print(f"{name:<58} {value:9.4g} {unit:<2}   target {target:g} {unit}{mark}", flush=True)
    return met


def peak_rss_of(code: str) -> float:
    """Run code in a fresh Python process and return its peak resident memory in MB.

    Raises:
        RuntimeError: the code failed.
    """
    done = subprocess.run([sys.executable, "-c", code + _PEAK], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"the measured code failed:\n{done.stderr}")
    return float(done.stdout.split()[-1])
