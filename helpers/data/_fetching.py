"""Fetch a data set's files from their public home: whole and verified, or not at all.

`requests` downloads, and urllib3's `Retry` tries again after an error of the server. The
library made for this, pooch, would take over `_session`, `_download` and the checksum, about
20 of this module's 228 lines, but it stops neither a download nor an archive's member at the
registered size, and does not open a tar within a zip.
"""

from __future__ import annotations

import hashlib
import os
import tarfile
import zipfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO
from urllib.parse import quote

import requests
from requests.adapters import HTTPAdapter
from tqdm.auto import tqdm
from urllib3 import Retry

from helpers.data._registry import File, FileSet, find
from helpers.data._temporary import temporary_folder

CONNECTIONS = 8  # at once to one server: polite, and enough to hide the latency of small files
TIMEOUT = 30  # seconds without an answer
TRIES_AGAIN, FIRST_PAUSE = 3, 0.5  # the pause, in seconds, doubles from try to try
SERVER_ERRORS = (429, 500, 502, 503, 504)
CHUNK = 2**16  # bytes
TARBALLS = (".tgz", ".tar.gz")


class FetchError(RuntimeError):
    """A file could not be fetched, or what came is not the file that was asked for."""


def fetch(name: str) -> Path:
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

    Raises:
        ValueError: no such set or file; or a local file has not the registered size.
        FetchError: a file could not be fetched; the message names it, its public home,
            and where to put it by hand.
    """
    name, _, wanted = name.partition("/")
    known = find(name)
    files = [file for file in known.files if wanted in ("", file.path)]
    if not files or "://" not in known.url:
        reason = f"it is loaded by {known.url}" if files else f"{known.name} has no such file"
        raise ValueError(f"cannot fetch {name}/{wanted}: {reason}")
    missing = [file for file in files if not _in_place(known.folder / file.path, file)]
    if missing and known.archive:
        _fetch_archive(known)
    elif missing:
        _fetch_files(known, missing)
    return known.folder / wanted


def _in_place(path: Path, file: File) -> bool:
    if not path.exists():
        return False
    if file.sha256 and path.stat().st_size != file.size:
        raise ValueError(
            f"{path} has {path.stat().st_size} bytes, the original has {file.size}: "
            "delete it to have it fetched again, or put the original in its place"
        )
    return True


def _fetch_files(known: FileSet, files: list[File]) -> None:
    def get(file: File) -> None:
        url = known.url + quote(file.path)
        with _errors(known, file.path, url, f"put it at {known.folder / file.path}"):
            _move(_download(session, url, file, temporary), known.folder / file.path)

    with (
        _errors(known, files[0].path, known.url, f"put its files into {known.folder}"),
        temporary_folder(known.folder.parent) as temporary,
        _bar(known, sum(file.size for file in files)) as bar,
        _session() as session,
        ThreadPoolExecutor(CONNECTIONS) as pool,
    ):
        jobs = {pool.submit(get, file): file for file in files}
        try:
            for job in as_completed(jobs):
                job.result()
                bar.update(jobs[job].size)
        finally:
            pool.shutdown(cancel_futures=True)


def _fetch_archive(known: FileSet) -> None:
    """Fetch a set's archive and put its registered files into the set's folder.

    Files that the folder already has stay; all other members are left out.
    """
    by_hand = f"put the files of that archive that data/README.md names into {known.folder}"
    with (
        _errors(known, known.archive.path, known.url, by_hand),
        temporary_folder(known.folder.parent) as temporary,
    ):
        with _bar(known, known.archive.size) as bar, _session() as session:
            archive = _download(session, known.url, known.archive, temporary, bar)
        extracted = _extract(archive, known.files, temporary / "extracted")
        for file in known.files:
            if file not in extracted:
                raise ValueError(f"the archive holds no {file.path}")
        for file, path in extracted.items():
            if not (known.folder / file.path).exists():
                _move(path, known.folder / file.path)


def _session() -> requests.Session:
    session = requests.Session()
    retry = Retry(
        TRIES_AGAIN,
        backoff_factor=FIRST_PAUSE,
        status_forcelist=SERVER_ERRORS,
        respect_retry_after_header=False,  # it may ask for hours
    )
    for scheme in ("https://", "http://"):
        session.mount(scheme, HTTPAdapter(pool_maxsize=CONNECTIONS, max_retries=retry))
    return session


def _download(
    session: requests.Session, url: str, file: File, folder: Path, bar: tqdm | None = None
) -> Path:
    with session.get(url, stream=True, timeout=TIMEOUT) as answer:
        answer.raise_for_status()
        return _write(answer.iter_content(CHUNK), file, folder, bar)


def _write(chunks: Iterable[bytes], file: File, folder: Path, bar: tqdm | None = None) -> Path:
    """Write a file below the folder, at most as many bytes as it should have, and check it.

    Raises:
        ValueError: its size or SHA-256 is not the registered one.
    """
    path = folder / file.path
    path.parent.mkdir(parents=True, exist_ok=True)
    size, sha = 0, hashlib.sha256()
    with open(path, "wb") as target:
        for chunk in chunks:
            size += len(chunk)
            if size > file.size:
                raise ValueError(f"{file.path} is longer than the expected {file.size} bytes")
            target.write(chunk)
            sha.update(chunk)
            if bar is not None:
                bar.update(len(chunk))
    if size < file.size:
        raise ValueError(f"{file.path} came with {size} bytes, not {file.size}")
    if file.sha256 and sha.hexdigest() != file.sha256:
        raise ValueError(f"{file.path} came with another content: its SHA-256 differs")
    return path


def _move(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    os.replace(source, target)


def _extract(archive: Path, files: Iterable[File], folder: Path) -> dict[File, Path]:
    """Write the members that end in a registered path below the folder; say where they are."""
    wanted = {PurePosixPath(file.path).parts: file for file in files}
    depths = {len(parts) for parts in wanted}
    found = {}
    with open(archive, "rb") as stream:
        for name, content in _members(stream, archive.name):
            for depth in depths:
                if file := wanted.get(PurePosixPath(name).parts[-depth:]):
                    chunks = iter(lambda content=content: content.read(CHUNK), b"")
                    found[file] = _write(chunks, file, folder)
    return found


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
def _errors(known: FileSet, what: str, url: str, by_hand: str) -> Iterator[None]:
    try:
        yield
    except FetchError:
        raise
    except Exception as error:  # of the network, the disk, and of damaged archives: many kinds
        raise FetchError(
            f"{known.name}: {what} could not be fetched from {url} ({error}). What came whole is "
            f"kept and a second try goes on from there; without a network, {by_hand}"
        ) from error
