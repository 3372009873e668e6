"""Run notebooks, each in a fresh kernel.

In the full profile a notebook is saved with its outputs, and the run time and peak memory
that were measured are written into its first cell. In the quick profile the executed copy
goes to build/quick, and the notebook stays as it is. The second cell of every notebook,
which sets up Colab, is kept as the list of dependencies asks for it.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import time
import tomllib
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from helpers import project

NOTEBOOKS = project.ROOT / "notebooks"
MEASURED = re.compile(r"^\*\*Measured:\*\*.*$", re.MULTILINE)
PEAK_MEMORY = """
import resource, sys
unit = 1 if sys.platform == "darwin" else 1024
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit)
"""
# After a notebook's imports: every search for garbage leaves them out, and networks ask for many.
FREEZE = "import gc; gc.freeze()"
IMPORTS = 2  # the second code cell, after Colab's

# What TensorFlow prints at its start, whatever its log level.
START_UP = re.compile(r"^(WARNING: All log messages before absl|[IW]0000 ).*\n?", re.MULTILINE)
WIDGET = "application/vnd.jupyter.widget-view+json"
# Dependencies that Colab has, in versions that its own packages need, and those that notebooks
# do without there: Colab draws figures to explore itself.
ON_COLAB = {
    "altair", "ipywidgets", "matplotlib", "nbclient", "nbformat", "numba", "numpy", "pandas",
    "pillow", "psutil", "requests", "scikit-learn", "scipy", "seaborn", "tensorflow",
    "threadpoolctl", "tqdm", "urllib3",
}  # fmt: skip
NOT_FOR_COLAB = {"jupyterlab", "vl-convert-python"}


def colab_cell() -> str:
    """Return the cell that fetches the project on Colab and installs what is missing there.

    The working directory then holds `helpers`, so the project itself is not installed.
    """
    repository = _about()["urls"]["Repository"]
    return f"""\
# On Colab, fetch the project first; anywhere else this cell does nothing.
import sys

if "google.colab" in sys.modules:
    !git clone --quiet --depth 1 {repository}
    %cd {repository.rsplit("/", 1)[1]}
    %pip install --quiet {" ".join(missing_on_colab())}"""


def missing_on_colab() -> list[str]:
    """Return what the notebooks need and Colab lacks, in the versions of requirements.txt."""
    pinned = (project.ROOT / "requirements.txt").read_text(encoding="utf-8")
    return [
        re.search(rf"^{name}==[\w.]+", pinned, re.MULTILINE | re.IGNORECASE)[0]
        for name in dependencies()
        if name not in ON_COLAB | NOT_FOR_COLAB
    ]


def dependencies() -> list[str]:
    """Return the names of the dependencies of pyproject.toml."""
    return [re.match(r"[\w.-]+", line)[0] for line in _about()["dependencies"]]


def _about() -> dict[str, Any]:
    return tomllib.loads((project.ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


@dataclass(frozen=True)
class Run:
    """What one run of a notebook took: wall-clock seconds and the kernel's peak memory, bytes."""

    path: Path
    seconds: float
    peak_bytes: int
    error: str = ""

    def __str__(self) -> str:
        state = f"FAILED\n{self.error}" if self.error else "ok"
        size = f"{self.peak_bytes / 2**20:5.0f} MB"
        return f"{self.path.stem:32s} {self.seconds:6.1f} s  {size}  {state}"


def find(names: Sequence[str] = ()) -> list[Path]:
    """Return the notebooks whose file names start with one of the names (default: all), in order.

    Raises:
        ValueError: a name fits no notebook.
    """
    paths = sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))
    if not names:
        return paths
    for name in names:
        if not any(path.name.startswith(name) for path in paths):
            there = ", ".join(path.stem for path in paths)
            raise ValueError(f"no notebook starts with {name!r}; there are: {there}")
    return [path for path in paths if path.name.startswith(tuple(names))]


def run(path: Path, profile_name: str, cores: int | None = None, timeout: int = 2400) -> Run:
    """Execute one notebook in a fresh kernel, save it, and measure the run.

    Args:
        path: the notebook.
        profile_name: "quick" or "full".
        cores: how many it keeps to; None: as many as there are.
        timeout: seconds allowed for one cell.

    Returns:
        The measured run; its error holds the traceback of the cell that failed.
    """
    notebook = with_colab(nbformat.read(path, as_version=4))
    client = NotebookClient(
        notebook,
        timeout=timeout,
        kernel_name="python3",
        extra_arguments=["--log-level=ERROR"],
        resources={"metadata": {"path": NOTEBOOKS}},
    )
    # What a widget captures goes to the cell's outputs, where a reader without a kernel sees it.
    # nbclient's own capture answers the kernel past its event loop, and then misses a reply.
    client.widget_registry = {}
    environment = os.environ | {
        "LAYERS_PROFILE": profile_name,
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "MALLOC_ARENA_MAX": "2",  # else glibc keeps what each of TensorFlow's threads has freed
    }
    if cores is not None:
        environment |= project.keeping_to(cores)
    error, peak, start = "", 0, time.perf_counter()
    with TemporaryFile("w+", errors="replace") as log:
        try:
            with client.setup_kernel(env=environment, stderr=log):
                for index, cell in enumerate(notebook.cells):
                    client.execute_cell(cell, index)
                    if cell.get("execution_count") == IMPORTS:
                        client.kc.execute(FREEZE, silent=True)
                error = _shown_error(notebook)
                peak = _peak_memory(client)
        except CellExecutionError as failure:
            error = str(failure)
        except RuntimeError as failure:  # the kernel died or did not start
            log.seek(0)
            error = f"{failure}\n{START_UP.sub('', log.read())}"
    seconds = time.perf_counter() - start
    if not error:
        _save(notebook, path, profile_name, seconds, peak)
    return Run(path, seconds, peak, error)


def run_all(paths: Sequence[Path], profile_name: str, workers: int = 1) -> list[Run]:
    """Execute notebooks, several at once where asked, and print a line per notebook, in order."""
    if workers == 1:
        return [_shown(run(path, profile_name)) for path in paths]
    share = max(1, project.cores() // workers)
    execute = partial(run, profile_name=profile_name, cores=share)
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        return [_shown(done) for done in pool.map(execute, paths)]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from the command line; return 1 if a notebook failed."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.run_notebooks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("notebooks", nargs="*", help="their numbers, e.g. 01 03 (default: all)")
    parser.add_argument(
        "--profile",
        choices=["quick", "full"],
        default="quick",
        help="sizes, images and networks (default: quick)",
    )
    parser.add_argument(
        "--workers", type=int, metavar="N", help="notebooks run at once (default: quick 2, full 1)"
    )
    chosen = parser.parse_args(arguments)
    workers = chosen.workers or (2 if chosen.profile == "quick" else 1)
    start = time.perf_counter()
    runs = run_all(find(chosen.notebooks), chosen.profile, workers)
    print(f"{len(runs)} notebooks, {chosen.profile} profile: {time.perf_counter() - start:.0f} s")
    return int(any(r.error for r in runs))


def with_colab(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Make the cell that sets up Colab the second one, and bring it up to date."""
    if not notebook.cells[1].source.startswith("# On Colab"):
        notebook.cells.insert(1, nbformat.v4.new_code_cell(id="colab"))
    notebook.cells[1].source = colab_cell()
    return notebook


def measured(seconds: float, peak_bytes: int) -> str:
    """Return the line of the first cell that says what a full run took."""
    minutes = f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"
    return (
        f"**Measured:** {minutes}, {peak_bytes / 2**30:.1f} GB peak memory "
        f"(full profile, {os.cpu_count()} CPU cores, no GPU)."
    )


def _shown(done: Run) -> Run:
    print(done, flush=True)
    return done


def _peak_memory(client: NotebookClient) -> int:
    client.nb.cells.append(nbformat.v4.new_code_cell(PEAK_MEMORY))
    probe = client.execute_cell(client.nb.cells[-1], len(client.nb.cells) - 1)
    client.nb.cells.pop()
    return int(probe.outputs[0]["text"])


def _shown_error(notebook: nbformat.NotebookNode) -> str:
    """Return the first traceback among the outputs: a widget shows one and lets its cell pass."""
    outputs = (output for cell in notebook.cells for output in cell.get("outputs", []))
    return next(("\n".join(o.traceback) for o in outputs if o.output_type == "error"), "")


def _lasts(output: nbformat.NotebookNode) -> bool:
    """Whether an output means something without its kernel: no widget, no start-up message."""
    if output.output_type == "stream":
        output.text = START_UP.sub("", output.text)
        return bool(output.text)
    return WIDGET not in output.get("data", {})


def _save(
    notebook: nbformat.NotebookNode, path: Path, profile_name: str, seconds: float, peak: int
) -> None:
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if _lasts(output)]
    notebook.metadata.pop("widgets", None)
    if profile_name == "full":
        first = notebook.cells[0]
        first.source = MEASURED.sub(measured(seconds, peak), first.source)
    else:
        path = project.ROOT / "build" / "quick" / path.name
        path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, path)


if __name__ == "__main__":
    sys.exit(main())
