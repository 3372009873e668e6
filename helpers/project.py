"""The profile of a run (full or quick) with its folders and seed, and the number of cores."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

ROOT = Path(__file__).resolve().parents[1]
COMMITTED_RESULTS = ROOT / "data" / "results"
# How many threads: ours, those of linear algebra, of numba, and TensorFlow's two kinds.
THREADS = (
    "LAYERS_CORES", "OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
)  # fmt: skip

__all__ = [
    "COMMITTED_RESULTS",
    "ROOT",
    "Profile",
    "cores",
    "current",
    "downloads",
    "keeping_to",
    "shipped",
    "shown",
]

T = TypeVar("T")


@dataclass(frozen=True)
class Profile:
    """The sizes of a run and the folders that it writes to.

    Attributes:
        name: "full" (the sources' networks, images and sizes) or "quick"
            (only what the repository and the installed packages hold).
        figures: folder that figures are written to.
        results: folder that tables are written to.
        seed: the seed of every random number of a notebook.
    """

    name: str
    figures: Path
    results: Path
    seed: int = 0

    @property
    def full(self) -> bool:
        """Whether this is the full profile."""
        return self.name == "full"

    def pick(self, full: T, quick: T) -> T:
        """Return `full` in the full profile, `quick` in the quick one."""
        return full if self.full else quick


def current() -> Profile:
    """Return the profile that the environment variable LAYERS_PROFILE names (default: full).

    The quick profile writes below build/quick, which git ignores, so that it
    never replaces a committed figure or table; a report on a network of one's own
    writes into the folder that LAYERS_OUTPUT names.

    Raises:
        ValueError: LAYERS_PROFILE is neither "full" nor "quick".
    """
    name = os.environ.get("LAYERS_PROFILE", "full")
    if name in ("full", "quick") and (folder := os.environ.get("LAYERS_OUTPUT")):
        return Profile(name, Path(folder) / "figures", Path(folder) / "tables")
    if name == "full":
        return Profile(name, ROOT / "figures", COMMITTED_RESULTS)
    if name == "quick":
        quick = ROOT / "build" / "quick"
        return Profile(name, quick / "figures", quick / "results")
    raise ValueError(f"LAYERS_PROFILE={name!r}: choose 'full' or 'quick' (unset means full)")


def downloads() -> Path:
    """Return the folder of local data: LAYERS_DATA if set, "~" expanded, else data/downloads."""
    return Path(os.environ.get("LAYERS_DATA") or ROOT / "data" / "downloads").expanduser()


def shipped(path: Path) -> Path:
    """Return the path of a file that the repository holds.

    Raises:
        FileNotFoundError: it is not there, as when `helpers` was installed by itself.
    """
    if not path.exists():
        raise FileNotFoundError(
            f"{shown(path)} is not there: helpers was installed without the repository that holds"
            " it. Clone the repository and `pip install --editable` it; measures, layers and"
            " figures work without."
        )
    return path


def cores() -> int:
    """Return how many processor cores this process may use: every thread pool asks here.

    LAYERS_CORES, if set: a worker of a cluster sets it to the number of its threads.
    """
    if chosen := os.environ.get("LAYERS_CORES"):
        return int(chosen)
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def keeping_to(cores: int) -> dict[str, str]:
    """Return the environment in which a new Python process keeps to so many cores.

    For processes side by side: threads of one that wait for those of another cost both time.
    """
    return dict.fromkeys(THREADS, str(cores))


def shown(path: Path) -> str:
    """Return a path to print in outputs: relative to the project, else its last two parts."""
    path = Path(path)
    if path.is_absolute() and path.is_relative_to(ROOT):
        return str(path.relative_to(ROOT))
    return str(Path(*path.parts[-2:]))
