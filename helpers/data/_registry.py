"""Which files a data set has, where they come from, and whether those on disk are the originals."""

from __future__ import annotations

import csv
import hashlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pandas as pd

from helpers import project

TABLES = project.ROOT / "data"


@dataclass(frozen=True)
class File:
    """A file by its path within its set's folder, its size in bytes and SHA-256 ("": unknown).

    Raises:
        ValueError: the path leads out of the set's folder.
    """

    path: str
    size: int
    sha256: str

    def __post_init__(self) -> None:
        path = PurePosixPath(self.path)
        if path.is_absolute() or ".." in path.parts or "\\" in self.path:
            raise ValueError(f"{self.path!r} leads out of its set's folder")


@dataclass(frozen=True)
class FileSet:
    """The files of one data set, or of one network's weights, with their public home.

    Attributes:
        name: also the folder's name within the downloads folder.
        title: for captions.
        licence: under which terms the files may be used.
        url: an archive, or, ending in "/", the folder that holds every file under its path.
        files: in the order in which an image set lists them.
        archive: the archive itself; None where files come one by one.
    """

    name: str
    title: str
    licence: str
    url: str
    files: tuple[File, ...]
    archive: File | None = None

    @property
    def folder(self) -> Path:
        """Where the files are, or would be."""
        return project.downloads() / self.name


def find(name: str) -> FileSet:
    """Return the set of that name, from data/sets.csv and data/registry.csv.

    Raises:
        ValueError: no set has that name (the message lists those there are), or a
            path in the registry leads out of its set's folder.
    """
    sets = {row["name"]: row for row in _rows("sets.csv")}
    if name not in sets:
        raise ValueError(f"no data set is called {name!r}: choose one of {', '.join(sets)}")
    row = sets[name]
    archive = None
    if row["archive_bytes"]:
        file_name = row["url"].rpartition("/")[2]
        archive = File(file_name, int(row["archive_bytes"]), row["archive_sha256"])
    files = tuple(
        File(file["path"].partition("/")[2], int(file["bytes"]), file["sha256"])
        for file in _rows("registry.csv")
        if file["path"].startswith(f"{name}/")
    )
    return FileSet(name, row["title"], row["licence"], row["url"], files, archive)


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file, as 64 hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def verify(name: str) -> pd.DataFrame:
    """Read every local file of a set and compare it with the registry.

    Loading a set only looks at sizes, which costs nothing; this reads all bytes.

    Returns:
        A table with the columns path and status: "ok", "missing", "differs", or
        "unknown" where the registry has no SHA-256 (the graph of the 2015 Inception-v3).

    Raises:
        ValueError: no set has that name.
    """
    known = find(name)

    def status(file: File) -> str:
        path = known.folder / file.path
        if not path.is_file():
            return "missing"
        if not file.sha256:
            return "unknown"
        return "ok" if sha256(path) == file.sha256 else "differs"

    return pd.DataFrame({"path": file.path, "status": status(file)} for file in known.files)


def _rows(table: str) -> list[dict[str, str]]:
    with open(project.shipped(TABLES / table), newline="", encoding="utf-8") as lines:
        return list(csv.DictReader(lines))
