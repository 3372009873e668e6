"""Temporary folders beside the place where a finished file is to go."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

PREFIX = ".partial-"
ABANDONED = 24 * 3600  # seconds after which no running process can still need such a folder


@contextmanager
def temporary_folder(home: Path) -> Iterator[Path]:
    """Make a folder within `home`, on the same disk, so that files move out of it atomically.

    It is removed at the end. What killed processes left there more than a day ago is
    removed, too.
    """
    home.mkdir(parents=True, exist_ok=True)
    for folder in home.glob(f"{PREFIX}*"):
        try:
            if time.time() - folder.stat().st_mtime > ABANDONED:
                shutil.rmtree(folder, ignore_errors=True)
        except FileNotFoundError:  # another process has just removed its own
            pass
    with TemporaryDirectory(dir=home, prefix=PREFIX, ignore_cleanup_errors=True) as folder:
        yield Path(folder)
