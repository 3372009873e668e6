"""Run benchmarks: `python -m benchmarks [name ...]`, each in a process of its own; all by default.

The exit status is 1 if any result misses its target.
"""

import runpy
import subprocess
import sys
import time
from pathlib import Path

from benchmarks import common

STEM = "bench_"


def main(wanted: list[str]) -> int:
    known = sorted(path.stem.removeprefix(STEM) for path in Path(__file__).parent.glob(f"{STEM}*"))
    if unknown := set(wanted) - set(known):
        sys.exit(f"no benchmark {', '.join(sorted(unknown))}: choose from {', '.join(known)}")
    start = time.perf_counter()
    if len(wanted) == 1:
        sys.argv[1:] = []
        runpy.run_module(f"benchmarks.{STEM}{wanted[0]}", run_name="__main__")
        print(f"{wanted[0]}: {time.perf_counter() - start:.0f} s", flush=True)
        return len(common.missed) > 0
    command = [sys.executable, "-m", "benchmarks"]
    failed = [name for name in wanted or known if subprocess.run([*command, name]).returncode]
    print(f"all: {time.perf_counter() - start:.0f} s")
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return len(failed) > 0


sys.exit(main(sys.argv[1:]))
