"""From activations to correlations between images, in memory or by way of the disk."""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from functools import partial
from threading import Lock
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from helpers.metrics._products import Read, products
from helpers.metrics._rows import over_rows
from helpers.metrics._scratch import Scratch
from helpers.metrics.checks import at_least, real

Array = NDArray[np.float64]

# Columns of a block: large enough for the matrix product, small enough for the cache.
BLOCK = 8192


class Similarity(NamedTuple):
    """What a layer makes of every pair of images.

    Attributes:
        correlation: (images, images) Pearson correlations of the flattened activations.
        gram: (images, images) inner products of the same, as `cka` wants them.
        centred: (images, images) Pearson correlations after each unit's mean over the images
            has been taken off, so that a pattern which all images share counts no more.
    """

    correlation: Array
    gram: Array
    centred: Array


def correlation(x: ArrayLike, block: int = BLOCK, layer: str = "") -> Array:
    """Correlate every image's pattern with every other's.

    Within 1e-5 of numpy.corrcoef in float64, at about the cost of one float32 product. Where one
    or a few units stand far above a flat floor, equal terms are rounded the same way again and
    again, and the error may reach 3e-5.

    Args:
        x: (images, ...) of any real dtype; all axes but the first are flattened.
        block: units taken at a time; any number gives the same matrix.
        layer: a name for warnings and errors.

    Returns:
        (images, images), symmetric, with ones on the diagonal. A constant pattern has no
        correlation: its row and column are NaN, and a warning names it.

    Raises:
        ValueError: fewer than 3 images, or NaN or infinite activations.
    """
    x = real(x, "x")
    at_least(block, 1, "block")
    _require(len(x) if x.ndim else 0, x.size, layer)
    x = x.reshape(len(x), -1)
    shift = _means(x)

    def read(columns: slice, out: NDArray[np.float32]) -> None:
        np.subtract(x[:, columns], shift[:, None], out=out, casting="same_kind")

    return _similarity(read, x.shape[1], shift, _constant(x), block, layer).correlation


class Patterns:
    """Every image's activations in one layer, kept on disk until the images are compared.

    An accumulator for `layers.accumulate`, made by `pattern_store`.
    """

    def __init__(self, scratch: Scratch) -> None:
        self._scratch = scratch
        self._file = scratch.file()
        self._shift: list[NDArray[np.float32]] = []
        self._is_constant: list[NDArray[np.bool_]] = []
        self._units = 0
        self._compared = False
        self._written: Future[None] | None = None

    def update(self, x: np.ndarray) -> None:
        """Take in the activations (images, *layer shape) of the next images.

        They are written while the caller goes on, and must not change until the next update.

        Raises:
            ValueError: another number of units than before, or masked values.
            OSError: the disk is full.
        """
        x = real(x, "x")
        if not x.ndim or not x.size:
            raise ValueError(f"x must be activations (images, ...), got shape {x.shape}")
        x = np.ascontiguousarray(x.reshape(len(x), -1), np.float32)
        if not self._shift:
            self._units = x.shape[1]
            self._scratch.reserve(4 * self._units)
        elif x.shape[1] != self._units:
            raise ValueError(f"a batch of {x.shape[1]} units came after one of {self._units}")
        self._shift.append(_means(x))
        self._is_constant.append(_constant(x))
        self._wait()
        self._written = self._scratch.write(self._file, x)

    def similarity(self, layer: str = "", block: int = BLOCK) -> Similarity:
        """Compare all images seen; the file is closed afterwards.

        Args:
            layer: a name for warnings and errors.
            block: units taken at a time.

        Raises:
            ValueError: no or fewer than 3 images, NaN or infinite activations, or a second call.
        """
        self._wait()
        if self._compared:
            raise ValueError("these images were compared already: keep the first result")
        if not self._shift:
            _require(0, 0, layer)
        self._compared = True
        shift, lock = np.concatenate(self._shift), Lock()

        def read(columns: slice, out: NDArray[np.float32]) -> None:
            with lock:
                for image, row in enumerate(out):
                    self._file.seek(4 * (image * self._units + columns.start))
                    self._file.readinto(row)
            out -= shift[:, None]

        constant = np.concatenate(self._is_constant)
        try:
            return _similarity(read, self._units, shift, constant, block, layer)
        finally:
            self._scratch.close(self._file)

    def _wait(self) -> None:
        if self._written is not None:
            self._written.result()


@contextmanager
def pattern_store(images: int, folder: str | None = None) -> Iterator[Callable[[], Patterns]]:
    """Open room on disk for the activations of several layers, and make `Patterns` there.

    For `layers.accumulate`, beside other accumulators; `matrices` is the shorter way where
    there are none.

    >>> with pattern_store(len(images)) as patterns:
    ...     seen = layers.accumulate(model, images, names, {"patterns": patterns})
    ...     found = {layer: each["patterns"].similarity(layer) for layer, each in seen.items()}

    Args:
        images: how many images there will be.
        folder: where the temporary files go; default: the system's temporary folder (TMPDIR).

    Yields:
        A function that makes the `Patterns` of one more layer. Their files are removed when
        the context is left.
    """
    with Scratch(images, folder) as scratch:
        yield partial(Patterns, scratch)


def matrices(
    batches: Iterable[tuple[slice, Mapping[str, np.ndarray]]], images: int
) -> dict[str, Similarity]:
    """Compare all images in every layer of a stream, in bounded memory.

    Args:
        batches: (index, layer -> activations (images, *layer shape)), as `layers.stream` yields.
        images: how many images there will be.

    Returns:
        layer -> its `Similarity`.

    Raises:
        ValueError: fewer than 3 images, or NaN or infinite activations.
        OSError: the temporary files do not fit on the disk.
    """
    with pattern_store(images) as new_patterns:
        seen: dict[str, Patterns] = defaultdict(new_patterns)
        for _, activations in batches:
            for layer, x in activations.items():
                seen[layer].update(x)
            del activations  # before the next batch is computed
        return {layer: patterns.similarity(layer) for layer, patterns in seen.items()}


def to_correlation(products: Array) -> Array:
    """Scale (..., k, k) products of centred vectors to a unit diagonal."""
    norms = np.sqrt(np.diagonal(products, axis1=-2, axis2=-1))
    matrix = products / (norms[..., :, None] * norms[..., None, :])
    index = np.arange(matrix.shape[-1])
    matrix[..., index, index] = np.where(np.isnan(norms), np.nan, 1)
    return np.clip(matrix, -1, 1)


def _similarity(
    read: Read,
    units: int,
    shift: np.ndarray,
    constant: NDArray[np.bool_],
    block: int,
    layer: str,
) -> Similarity:
    """Compare patterns of which `read` gives activations - shift.

    With the bulk of an image's mean gone before the product, float32 loses nothing that
    matters; the sums that come with the products take care of what is left of it.
    """
    _require(len(shift), units, layer)
    total = products(read, len(shift), units, block)
    return from_products(total, units, shift, constant, layer)


def from_products(
    total: Array,
    units: int,
    shift: np.ndarray,
    constant: NDArray[np.bool_],
    layer: str = "",
) -> Similarity:
    """Compare patterns of which inner products are known, as from parts on several machines.

    Args:
        total: (images + 1, images + 1), as from `products`, of the patterns less their shift.
        units: length of each pattern.
        shift: (images,) what was taken off each image's activations, about their mean.
        constant: (images,) whether all of an image's activations are equal.
        layer: a name for warnings and errors.

    Raises:
        ValueError: fewer than 3 images, or NaN or infinite activations.
    """
    where = f" of layer {layer!r}" if layer else ""
    _require(len(shift), units, layer)
    inner, sums, shift = total[:-1, :-1], total[:-1, -1], shift.astype(float)
    with np.errstate(invalid="ignore", over="ignore"):  # what is not finite is named below
        crossed = np.outer(shift, sums)
        gram = inner + crossed + crossed.T + units * np.outer(shift, shift)
        matrix = inner - np.outer(sums, sums) / units
    usable = np.isfinite(np.diagonal(inner)) & ((np.diagonal(matrix) > 0) | constant)
    if not usable.all():
        raise ValueError(
            f"activations{where} are NaN, infinite, or too large or small for float32 in images "
            f"{np.flatnonzero(~usable).tolist()}"
        )
    centred = _unit_centred(matrix)
    matrix[constant] = matrix[:, constant] = np.nan
    if constant.any():
        warnings.warn(
            f"the activations{where} are constant in images {np.flatnonzero(constant).tolist()}: "
            "they have no correlation (NaN)",
            stacklevel=4,
        )
    return Similarity(to_correlation(matrix), gram, to_correlation(centred))


def _unit_centred(covariance: Array) -> Array:
    """Return covariances of patterns less their mean pattern, from those of the patterns.

    Centring over units and over images commute. An image of which no more is left than the
    rounding of float32 gets NaN.
    """
    centred = covariance - covariance.mean(axis=0)
    centred -= centred.mean(axis=1, keepdims=True)
    lost = np.diagonal(centred) <= 1e-6 * np.abs(np.diagonal(covariance)).max()
    centred[lost] = centred[:, lost] = np.nan
    return centred


def _require(images: int, units: int, layer: str) -> None:
    where = f" of layer {layer!r}" if layer else ""
    if images < 3 or units == 0:
        raise ValueError(
            f"correlations{where} need at least 3 images with activations, got {images:d} images"
            + (" without any" if units == 0 else "")
        )


def _means(x: np.ndarray) -> np.ndarray:
    means = np.empty(len(x), np.result_type(x, np.float32))
    over_rows(lambda part: x[part].mean(axis=1, dtype=means.dtype, out=means[part]), x)
    return means


def _constant(x: np.ndarray) -> NDArray[np.bool_]:
    # Almost every pattern differs within its first units already.
    return np.array([(row[:64] == row[0]).all() and (row == row[0]).all() for row in x], bool)
