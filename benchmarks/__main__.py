"""Run every benchmark in a process of its own: `python -m benchmarks [name]`."""

import subprocess
import sys
from pathlib import Path

wanted = sys.argv[1:]
scripts = [
    path
    for path in sorted(Path(__file__).parent.glob("bench_*.py"))
    if not wanted or any(name in path.stem for name in wanted)
]
failed = [
    path.stem
    for path in scripts
    if subprocess.run([sys.executable, "-m", f"benchmarks.{path.stem}"]).returncode
]
sys.exit(f"failed: {', '.join(failed)}" if failed else 0)
