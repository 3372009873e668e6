"""Results that take long, kept on disk under a key: found again, or computed and written.

A file is trusted only if it opens, was written for the very key that is asked
for, and its content still has the checksum it was written with.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import warnings
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

Arrays = dict[str, np.ndarray]

_KEY, _CHECKSUM = "__key__", "__checksum__"
_UNREADABLE = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error)


def digest(*arrays: np.ndarray) -> str:
    """Return the SHA-256 of arrays: their dtype, shape and bytes, in the order given."""
    sha = hashlib.sha256()
    for array in arrays:
        array = np.ascontiguousarray(array)
        sha.update(f"{array.dtype.str}{array.shape}".encode())
        sha.update(array.data)
    return sha.hexdigest()


def cached(
    folder: Path | str, key: Mapping[str, object], compute: Callable[[], Mapping[str, np.ndarray]]
) -> Arrays:
    """Return the arrays stored under a key, computing and storing them if need be.

    Args:
        folder: where the files lie; made if absent.
        key: everything that the result depends on (text, numbers, digests of
            arrays); its "kind" begins the file's name.
        compute: makes the arrays; called only if they are not there or damaged.

    Returns:
        The arrays by name. A damaged or foreign file is computed anew and
        replaced, with a warning; a folder that cannot be written to costs a
        warning, not the result.
    """
    text = json.dumps(key, sort_keys=True, default=str)
    path = Path(folder) / (
        f"{key.get('kind', 'result')}-{hashlib.sha256(text.encode()).hexdigest()[:24]}.npz"
    )
    if path.exists():
        try:
            return _read(path, text)
        except _UNREADABLE as error:
            warnings.warn(
                f"{path.name} in the cache is damaged ({error}): computed again", stacklevel=2
            )
    arrays = {name: np.asarray(array) for name, array in compute().items()}
    try:
        _write(path, text, arrays)
    except OSError as error:
        warnings.warn(f"{path.name} could not be kept in the cache ({error})", stacklevel=2)
    return arrays


def _checksum(text: str, arrays: Mapping[str, np.ndarray]) -> str:
    names = sorted(arrays)
    return hashlib.sha256(
        json.dumps([text, names, digest(*(arrays[n] for n in names))]).encode()
    ).hexdigest()


def _read(path: Path, text: str) -> Arrays:
    with np.load(path, allow_pickle=False) as file:
        arrays = dict(file)
    key, checksum = str(arrays.pop(_KEY)), str(arrays.pop(_CHECKSUM))
    if key != text:
        raise ValueError("it was written for another key")
    if checksum != _checksum(text, arrays):
        raise ValueError("its checksum does not fit its content")
    return arrays


def _write(path: Path, text: str, arrays: Arrays) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            meta = {_KEY: np.array(text), _CHECKSUM: np.array(_checksum(text, arrays))}
            np.savez(file, **arrays, **meta)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
