"""Which files there are, where they come from, and whether what is on disk is what was meant."""

from __future__ import annotations

import csv
import hashlib
from dataclasses import dataclass
from pathlib import Path

from helpers import profile

TABLES = profile.ROOT / "data"


@dataclass(frozen=True)
class File:
    """One file: its path within its set's folder, size in bytes, and SHA-256 ("": not known)."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True)
class FileSet:
    """The files of one data set or one set of weights, with their public home.

    Attributes:
        name: the folder within the downloads folder.
        title: for captions.
        licence: under which terms the files may be used.
        url: where they come from: an archive, or, ending in "/", the folder of the files.
        files: in the order in which an image set lists them.
    """

    name: str
    title: str
    licence: str
    url: str
    files: tuple[File, ...]


def find(name: str) -> FileSet:
    """Return the set of that name from data/sets.csv and data/registry.csv.

    Raises:
        ValueError: no set has that name; the message lists those there are.
    """
    with open(TABLES / "sets.csv", newline="", encoding="utf-8") as table:
        sets = {row["name"]: row for row in csv.DictReader(table)}
    if name not in sets:
        raise ValueError(f"no data set is called {name!r}: choose one of {', '.join(sets)}")
    with open(TABLES / "registry.csv", newline="", encoding="utf-8") as table:
        rows = [row for row in csv.DictReader(table) if row["path"].startswith(f"{name}/")]
    files = tuple(
        File(row["path"].partition("/")[2], int(row["bytes"]), row["sha256"]) for row in rows
    )
    return FileSet(files=files, **sets[name])


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file, as 64 hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fetch(name: str) -> Path:
    """Return a set's folder, or with "set/file" one file, below the downloads folder."""
    name, _, wanted = name.partition("/")
    folder = profile.downloads() / name
    for file in find(name).files:
        if wanted in ("", file.path) and not (folder / file.path).exists():
            raise FileNotFoundError(f"{folder / file.path} is missing")
    return folder / wanted if wanted else folder
