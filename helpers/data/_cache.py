"""Results that take long, kept on disk under a key: read from there, or computed and written.

A file is trusted only if it opens, was written for the very key that is asked
for, and its content still has the checksum it was written with.
"""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from helpers.data._temporary import temporary_folder

_KEY, _CHECKSUM = "__key__", "__checksum__"


def digest(*arrays: np.ndarray) -> str:
    """Return the SHA-256 of arrays: their dtype, shape and bytes, in the order given.

    Raises:
        TypeError: an array is masked or holds Python objects.
    """
    sha = hashlib.sha256()
    for array in arrays:
        array = np.ascontiguousarray(_plain(array))
        sha.update(f"{array.dtype.str}{array.shape}".encode())
        sha.update(array.data)
    return sha.hexdigest()


def cached(
    folder: Path | str, key: Mapping[str, object], compute: Callable[[], Mapping[str, np.ndarray]]
) -> dict[str, np.ndarray]:
    """Return the arrays stored under a key, computing and storing them if need be.

    Args:
        folder: where the files lie; made if absent.
        key: everything that the result depends on: text, numbers, None, arrays (which
            count with all their bytes), and lists and dictionaries of these; its "kind"
            begins the file's name.
        compute: makes the arrays; called only if they are missing or damaged.

    Returns:
        The arrays by name. A damaged or foreign file is computed again and replaced,
        with a warning; if the folder cannot be written to, a warning says so and the
        result is returned all the same.

    Raises:
        TypeError: the key holds something that no text describes fully and for good,
            such as a function; or a result is masked or holds Python objects, which no
            file keeps.
    """
    text = json.dumps(key, sort_keys=True, default=_described)
    path = Path(folder) / (
        f"{key.get('kind', 'result')}-{hashlib.sha256(text.encode()).hexdigest()[:24]}.npz"
    )
    if path.exists():
        try:
            return _read(path, text)
        except Exception as error:  # NumPy and zipfile raise errors of many kinds
            warnings.warn(
                f"{path.name} in the cache is damaged ({error}): computed again", stacklevel=2
            )
    arrays = {name: _plain(array) for name, array in compute().items()}
    try:
        _write(path, text, arrays)
    except OSError as error:
        warnings.warn(f"{path.name} could not be kept in the cache ({error})", stacklevel=2)
    return arrays


def _plain(array: ArrayLike) -> np.ndarray:
    if np.ma.isMaskedArray(array) or np.asarray(array).dtype.hasobject:
        raise TypeError("only plain arrays of numbers or text can be kept and have a digest")
    return np.asarray(array)


def _described(value: object) -> object:
    """Return what stands in a key's text for a value that JSON does not know."""
    if isinstance(value, np.ndarray):
        return {"sha256": digest(value)}
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(
        f"{value!r} cannot be part of a cache's key: only text, numbers and arrays can. "
        "Leave out the cache, or describe it in words"
    )


def _checksum(text: str, arrays: Mapping[str, np.ndarray]) -> str:
    names = sorted(arrays)
    return hashlib.sha256(
        json.dumps([text, names, digest(*(arrays[n] for n in names))]).encode()
    ).hexdigest()


def _read(path: Path, text: str) -> dict[str, np.ndarray]:
    with np.load(path, allow_pickle=False) as file:
        arrays = dict(file)
    key, checksum = str(arrays.pop(_KEY)), str(arrays.pop(_CHECKSUM))
    if key != text:
        raise ValueError("it was written for another key")
    if checksum != _checksum(text, arrays):
        raise ValueError("its checksum does not fit its content")
    return arrays


def _write(path: Path, text: str, arrays: Mapping[str, np.ndarray]) -> None:
    meta = {_KEY: np.array(text), _CHECKSUM: np.array(_checksum(text, arrays))}
    with temporary_folder(path.parent) as temporary:
        np.savez(temporary / path.name, **arrays, **meta)
        os.replace(temporary / path.name, path)
