"""Images' activations in shards on disk, compared by one machine or by a cluster."""

from __future__ import annotations

import uuid
from itertools import combinations_with_replacement
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from helpers.metrics import similarity

CHUNK = 1 << 16  # units of a file: 8 MB with 32 images
BLOCK = 8192  # units multiplied at a time, as in `similarity`


class KeptPatterns:
    """An accumulator of every image's activations in one layer, in Zarr arrays on disk.

    What `similarity.pattern_store` is to one process, this is to passes with `client` or `keep`:
    each shard of the images writes an array of its own, on a disk that all workers share, and
    what travels is its name. `functools.partial(KeptPatterns, folder)` makes them.
    """

    def __init__(self, folder: str | Path) -> None:
        """Prepare an array in a folder, which is made if it is not there.

        Raises:
            ImportError: Zarr is not installed.
        """
        _zarr()
        self._paths = [Path(folder) / f"{uuid.uuid4().hex}.zarr"]
        self._shift: list[NDArray[np.float32]] = []
        self._constant: list[NDArray[np.bool_]] = []
        self._counts = [0]
        self._units = 0
        self._array: Any = None

    def update(self, x: np.ndarray) -> None:
        """Take in the activations (images, *layer shape) of the next images.

        Raises:
            ValueError: another number of units than before.
        """
        x = np.ascontiguousarray(x.reshape(len(x), -1), np.float32)
        if self._array is None:
            self._units = x.shape[1]
            self._array = _zarr().create_array(
                self._paths[0],
                shape=(0, self._units),
                chunks=(len(x), min(CHUNK, self._units)),
                dtype="f4",
                compressors=None,
            )
        if x.shape[1] != self._units:
            raise ValueError(f"a batch of {x.shape[1]} units came after one of {self._units}")
        self._array.append(x)
        self._counts[0] += len(x)
        self._shift.append(x.mean(axis=1))
        self._constant.append((x == x[:, :1]).all(axis=1))

    def merge(self, other: KeptPatterns) -> None:
        """Take in another one's images, which come after those seen.

        Raises:
            ValueError: another number of units.
        """
        if other._units != self._units:
            raise ValueError(f"{other._units} units cannot join {self._units}")
        self._paths += other._paths
        self._counts += other._counts
        self._shift += other._shift
        self._constant += other._constant

    def __getstate__(self) -> dict:
        return vars(self) | {"_array": None}

    def similarity(self, layer: str = "", client: Any = None) -> similarity.Similarity:
        """Compare all images seen.

        Args:
            layer: a name for warnings and errors.
            client: a `dask.distributed.Client`: its workers multiply shards with one another, a
                task per pair of shards; None: this process does.

        Raises:
            ValueError: fewer than 3 images, or NaN or infinite activations.
        """
        shift = np.concatenate(self._shift)
        total = self._tiled(client) if client else self._at_once(shift)
        constant = np.concatenate(self._constant)
        return similarity.from_products(total, self._units, shift, constant, layer)

    def _at_once(self, shift: NDArray[np.float32]) -> NDArray[np.float64]:
        arrays = [_zarr().open_array(path, mode="r") for path in self._paths]

        def read(columns: slice, out: NDArray[np.float32]) -> None:
            np.concatenate([array[:, columns] for array in arrays], out=out)
            out -= shift[:, None]

        return similarity.products(read, len(shift), self._units, BLOCK)

    def _tiled(self, client: Any) -> NDArray[np.float64]:
        parts = [np.concatenate(self._shift)[place] for place in self._places()]
        pairs = list(combinations_with_replacement(range(len(self._paths)), 2))
        futures = [
            client.submit(_tile, *(self._paths[i] for i in pair), *(parts[i] for i in pair),
                          pure=False)
            for pair in pairs
        ]  # fmt: skip
        total = np.empty((sum(self._counts) + 1,) * 2)
        total[-1, -1] = self._units
        places = self._places()
        for (i, j), future in zip(pairs, futures, strict=True):
            tile, sums = future.result()
            total[places[i], places[j]] = tile
            total[places[j], places[i]] = tile.T
            if i == j:
                total[places[i], -1] = total[-1, places[i]] = sums
        return total

    def _places(self) -> list[slice]:
        stops = np.cumsum(self._counts).tolist()
        return [slice(b - n, b) for b, n in zip(stops, self._counts, strict=True)]


def _tile(
    first: Path, second: Path, shift: np.ndarray, other: np.ndarray
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the products of two shards' patterns less their means, and the sums of the first."""
    a, b = (_zarr().open_array(path, mode="r") for path in (first, second))
    tile, sums = np.zeros((len(shift), len(other))), np.zeros(len(shift))
    for start in range(0, a.shape[1], BLOCK):
        columns = slice(start, min(start + BLOCK, a.shape[1]))
        left = a[:, columns] - shift[:, None]
        right = left if first == second else b[:, columns] - other[:, None]
        with np.errstate(invalid="ignore", over="ignore"):
            tile += left @ right.T
            sums += left.sum(axis=1, dtype=float)
    return tile, sums


def _zarr() -> Any:
    try:
        import zarr
    except ImportError as error:
        raise ImportError(
            "patterns on a shared disk need Zarr: pip install 'layer-notebooks[cluster]'"
        ) from error
    return zarr
