"""Fetch a data set's files from their public home: whole and verified, or not at all."""

from __future__ import annotations

import csv
import os
import re
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import IO
from urllib.parse import quote

import pooch
from tqdm.auto import tqdm

from helpers.data._registry import File, FileSet, find, sha256

CONNECTIONS = 8  # at once to one server: polite, and enough to hide the latency of small files
TIMEOUT = 30  # seconds without an answer
LISTING = "extracted.csv"  # what an archive gave, written last: its presence says "complete"
TARBALLS = (".tgz", ".tar.gz")
BROKEN_ARCHIVE = (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError)


class FetchError(RuntimeError):
    """A file could not be fetched, or what came is not the file that was asked for."""


def fetch(name: str, known: FileSet | None = None) -> Path:
    """Return a set's folder, or one of its files, fetching first what is missing.

    Files already in the downloads folder are taken as they are if their size is the
    registered one (`verify` reads them in full). Others come from the set's public home
    into a temporary folder, are checked there, and are then moved into place, so that a
    partial or wrong file is never in place and several processes may fetch at once. What
    was fetched before an error stays: the next call goes on from there.

    Sets of single files come through a few connections at once rather than as the
    archive of their whole repository: only the files needed travel, each has its own
    SHA-256 (the bytes of such archives are not guaranteed to stay the same), and an
    interrupted fetch resumes.

    Args:
        name: a set such as "googlenet-2014", or "set/file" for one file of it.
        known: the set, if it is not the registry's.

    Raises:
        ValueError: no such set or file; or a local file has not the registered size.
        FetchError: a file could not be fetched; the message names it, its public home,
            and where to put it by hand.
    """
    name, _, wanted = name.partition("/")
    known = known or find(name)
    files = [file for file in known.files if wanted in ("", file.path)]
    if not files or "://" not in known.url:
        there = "it is loaded by " + known.url if files else f"{known.name} has no such file"
        raise ValueError(f"cannot fetch {name}/{wanted}: {there}")
    missing = [file for file in files if not _in_place(known.folder / file.path, file)]
    if missing and known.archive:
        fetch_archive(known)
    elif missing:
        _fetch_files(known, missing)
    return known.folder / wanted


def fetch_archive(known: FileSet) -> None:
    """Fetch a set's archive and put the members that the set keeps into its folder.

    Registered files are checked by their SHA-256, the archive by its own where it is
    known and by its size in any case. Files that the folder already has stay.

    Raises:
        FetchError: the archive could not be fetched, or is not the expected one.
    """
    by_hand = f"put the files of that archive that data/README.md names into {known.folder}"
    with _errors(known, known.archive.path, known.url, by_hand), _workplace(known) as temporary:
        with _bar(known, known.archive.size) as bar:
            archive = _download(known.url, known.archive, temporary, bar)
        extracted = temporary / "extracted"
        paths = _extract(archive, known.members, extracted)
        for file in known.files:
            if file.path not in paths:
                raise ValueError(f"the archive holds no {file.path}")
            _check(extracted / file.path, file)
        listing = temporary / LISTING
        with open(listing, "w", newline="", encoding="utf-8") as table:
            rows = csv.writer(table)
            rows.writerow(["path", "bytes", "sha256"])
            for path in paths:
                file = extracted / path
                rows.writerow([path, file.stat().st_size, sha256(file)])
        for path in paths:
            if not (known.folder / path).exists():
                _move(extracted / path, known.folder / path)
        _move(listing, known.folder / LISTING)


def extracted(known: FileSet) -> list[str]:
    """Return the paths of all files that a set's archive gave; none if it was not fetched."""
    try:
        with open(known.folder / LISTING, newline="", encoding="utf-8") as table:
            return [row["path"] for row in csv.DictReader(table)]
    except FileNotFoundError:
        return []


def _fetch_files(known: FileSet, files: list[File]) -> None:
    def get(file: File, temporary: Path) -> None:
        url = known.url + quote(file.path)
        with _errors(known, file.path, url, f"put it at {known.folder / file.path}"):
            _move(_download(url, file, temporary), known.folder / file.path)

    total = sum(file.size for file in files)
    with (
        _errors(known, files[0].path, known.url, f"put its files into {known.folder}"),
        _workplace(known) as temporary,
        _bar(known, total) as bar,
        ThreadPoolExecutor(CONNECTIONS) as pool,
    ):
        jobs = {pool.submit(get, file, temporary): file for file in files}
        try:
            for job in as_completed(jobs):
                job.result()
                bar.update(jobs[job].size)
        finally:
            pool.shutdown(cancel_futures=True)


def _download(url: str, file: File, folder: Path, bar: tqdm | None = None) -> Path:
    path = folder / file.path
    path.parent.mkdir(parents=True, exist_ok=True)
    download = pooch.HTTPDownloader(progressbar=bar, chunk_size=2**16, timeout=TIMEOUT)
    download(url, str(path), None)
    _check(path, file)
    return path


def _check(path: Path, file: File) -> None:
    """Raise ValueError unless the file at `path` is the registered one."""
    if path.stat().st_size != file.size:
        raise ValueError(f"{file.path} came with {path.stat().st_size} bytes, not {file.size}")
    if file.sha256 and sha256(path) != file.sha256:
        raise ValueError(f"{file.path} came with another content: its SHA-256 differs")


def _in_place(path: Path, file: File) -> bool:
    if not path.exists():
        return False
    if file.sha256 and path.stat().st_size != file.size:
        raise ValueError(
            f"{path} has {path.stat().st_size} bytes, the original has {file.size}: "
            "delete it to have it fetched again, or put the original in its place"
        )
    return True


def _move(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    os.replace(source, target)


def _extract(archive: Path, members: str, folder: Path) -> list[str]:
    """Write the members that match to the folder; return their paths in it."""
    paths = []
    with open(archive, "rb") as stream:
        for name, content in _members(stream, archive.name):
            match = re.fullmatch(members, name)
            if not match:
                continue
            parts = PurePosixPath(name).parts
            if ".." in parts or name.startswith("/"):
                raise ValueError(f"the archive's member {name!r} points outside the archive")
            target = folder / match[1]
            target.parent.mkdir(parents=True, exist_ok=True)
            with open(target, "wb") as file:
                shutil.copyfileobj(content, file)
            paths.append(match[1])
    return sorted(paths)


def _members(stream: IO[bytes], name: str) -> Iterator[tuple[str, IO[bytes]]]:
    """Yield the regular files of a zip or tar archive, also those of a tar within a zip."""
    if name.endswith(TARBALLS):
        with tarfile.open(fileobj=stream, mode="r|gz") as tar:
            for member in tar:
                if member.isfile():
                    yield member.name, tar.extractfile(member)
    else:
        with zipfile.ZipFile(stream) as archive:
            for member in archive.namelist():
                with archive.open(member) as content:
                    if member.endswith(TARBALLS) and not member.startswith("__MACOSX/"):
                        yield from _members(content, member)
                    else:
                        yield member, content


def _bar(known: FileSet, size: int) -> tqdm:
    return tqdm(total=size, desc=known.name, unit="B", unit_scale=True, leave=False)


@contextmanager
def _workplace(known: FileSet) -> Iterator[Path]:
    """A temporary folder on the disk of the downloads folder, so that moves are atomic."""
    home = known.folder.parent
    home.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=home, prefix=".partial-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@contextmanager
def _errors(known: FileSet, what: str, url: str, by_hand: str) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, *BROKEN_ARCHIVE) as error:  # requests' errors are OSErrors
        raise FetchError(
            f"{known.name}: {what} could not be fetched from {url} ({error}). What came whole is "
            f"kept and a second try goes on from there; without a network, {by_hand}"
        ) from error
