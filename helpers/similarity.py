"""How similar are images to a layer, and layers to one another?

Correlation matrices between images, from arrays or from a stream of batches
too big for memory; correlations and CKA between those matrices; bootstrap over
images; the order in which a clustering puts the images. Plain arrays only.
"""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from functools import partial
from threading import Lock
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.cluster import hierarchy
from scipy.spatial.distance import squareform

from helpers.products import Read, products
from helpers.scratch import Scratch

Array = NDArray[np.float64]

# Columns of a block: large enough for the matrix product, small enough for the cache.
BLOCK = 8192


class Similarity(NamedTuple):
    """What a layer makes of every pair of images.

    Attributes:
        correlation: (images, images) Pearson correlations of the flattened activations.
        gram: (images, images) inner products of the same, as `cka` wants them.
    """

    correlation: Array
    gram: Array


def correlation(x: ArrayLike, block: int = BLOCK, layer: str = "") -> Array:
    """Correlate every image's pattern with every other's.

    Exact to 1e-5 of numpy.corrcoef in float64, at about the cost of one float32 product.

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
    x = np.asarray(x)
    x = x.reshape(len(x), -1)
    shift = x.mean(axis=1, dtype=np.result_type(x, np.float32))

    def read(columns: slice, out: NDArray[np.float32]) -> None:
        np.subtract(x[:, columns], shift[:, None], out=out, casting="same_kind")

    return _similarity(read, x.shape[1], shift, _constant(x), block, layer).correlation


class Patterns:
    """Every image's activations in one layer, kept on disk until the images are compared.

    An accumulator for `layers.accumulate`:

    >>> with Scratch(len(images)) as scratch:
    ...     patterns = {"patterns": partial(Patterns, scratch)}
    ...     seen = layers.accumulate(model, images, names, patterns)
    ...     found = {layer: each["patterns"].similarity(layer) for layer, each in seen.items()}
    """

    def __init__(self, scratch: Scratch) -> None:
        self._scratch = scratch
        self._file = scratch.file()
        self._shift: list[NDArray[np.float32]] = []
        self._is_constant: list[NDArray[np.bool_]] = []
        self._units = 0
        self._written: Future[None] | None = None

    def update(self, x: np.ndarray) -> None:
        """Take in the activations (images, *layer shape) of the next images.

        They are written while the caller goes on, and must not change until the next update.

        Raises:
            OSError: the disk is full.
        """
        x = np.ascontiguousarray(x.reshape(len(x), -1), np.float32)
        if not self._shift:
            self._units = x.shape[1]
            self._scratch.reserve(4 * self._units)
        self._shift.append(x.mean(axis=1))
        self._is_constant.append(_constant(x))
        self._wait()
        self._written = self._scratch.write(self._file, x)

    def similarity(self, layer: str = "", block: int = BLOCK) -> Similarity:
        """Compare all images seen; the file is closed afterwards.

        Args:
            layer: a name for warnings and errors.
            block: units taken at a time.

        Raises:
            ValueError: fewer than 3 images, or NaN or infinite activations.
        """
        self._wait()
        shift, lock = np.concatenate(self._shift), Lock()

        def read(columns: slice, out: NDArray[np.float32]) -> None:
            with lock:
                for image, row in enumerate(out):
                    self._file.seek(4 * (image * self._units + columns.start))
                    self._file.readinto(row)
            out -= shift[:, None]

        with self._file:
            return _similarity(
                read, self._units, shift, np.concatenate(self._is_constant), block, layer
            )

    def _wait(self) -> None:
        if self._written is not None:
            self._written.result()


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
    with Scratch(images) as scratch:
        seen: dict[str, Patterns] = defaultdict(partial(Patterns, scratch))
        for _, activations in batches:
            for layer, x in activations.items():
                seen[layer].update(x)
        return {layer: patterns.similarity(layer) for layer, patterns in seen.items()}


def decorrelation(correlations: ArrayLike, weights: ArrayLike | None = None) -> Array:
    """Return 1 - r averaged over all distinct pairs of images.

    Args:
        correlations: (..., images, images).
        weights: (resamples, images) how often each image was drawn, from `resample`; a
            pair counts as often as the product says, an image never pairs with itself.

    Returns:
        (...,) or, with weights, (resamples, ...). Pairs without a correlation are left out.
    """
    distance = 1 - np.asarray(correlations, float)
    known = np.isfinite(distance) & ~np.eye(distance.shape[-1], dtype=bool)
    distance = np.where(known, distance, 0)
    if weights is None:
        return distance.sum(axis=(-2, -1)) / known.sum(axis=(-2, -1))
    weights = np.asarray(weights, float)

    def total(pairs: np.ndarray) -> Array:
        return np.moveaxis(((weights @ pairs) * weights).sum(axis=-1), -1, 0)

    return total(distance) / total(known)


def resample(images: int, repeats: int = 1000, seed: int = 0) -> Array:
    """Draw bootstrap samples of images, as counts.

    Args:
        images: how many there are.
        repeats: samples.
        seed: of the draws.

    Returns:
        (repeats, images) how often each image was drawn; every row sums to `images`.
    """
    rng = np.random.default_rng(seed)
    return rng.multinomial(images, np.full(images, 1 / images), size=repeats).astype(float)


def second_order(correlations: Sequence[ArrayLike], weights: ArrayLike | None = None) -> Array:
    """Correlate layers by their matrices: Pearson's r over all distinct pairs of images.

    The comparison of dissimilarity matrices of Kriegeskorte et al. 2008 (Front. Syst.
    Neurosci. 2:4), with Pearson's r as in Rupprecht 2017.

    Args:
        correlations: one (images, images) matrix a layer.
        weights: (resamples, images) from `resample`, for a bootstrap over images; an
            image drawn twice is never paired with itself, where r would be 1.

    Returns:
        (layers, layers) or, with weights, (resamples, layers, layers). Pairs that some
        layer has no correlation for are left out.
    """
    stack = np.asarray(correlations, float)
    above = np.triu_indices(stack.shape[-1], 1)
    pairs = stack[:, *above].T
    known = np.isfinite(pairs).all(axis=1)
    pairs, above = pairs[known], tuple(index[known] for index in above)
    pairs = pairs - pairs.mean(axis=0)
    if weights is None:
        return _correlation_of(pairs.T @ pairs)
    layers = pairs.shape[1]
    first, second = np.triu_indices(layers)
    moments, sums, total = 0.0, 0.0, 0.0
    for rows, share in _pair_weights(np.asarray(weights, float), above):
        part = pairs[rows]
        moments += share @ (part[:, first] * part[:, second])
        sums += share @ part
        total += share.sum(axis=1)
    sums /= np.sqrt(total)[:, None]
    square = np.empty((len(sums), layers, layers))
    square[:, first, second] = square[:, second, first] = moments
    return _correlation_of(square - sums[:, :, None] * sums[:, None, :])


def cka(grams: Sequence[ArrayLike], debiased: bool = False) -> Array:
    """Compare layers by linear centred kernel alignment.

    Args:
        grams: one (images, images) matrix of inner products a layer.
        debiased: use the unbiased estimate of HSIC (Song et al. 2012, eq. 5; needs 4 images
            or more), which does not grow with the number of units; else the plain one.

    Returns:
        (layers, layers); 1 where two layers are equal up to rotation, scale and offset of
        their units (Kornblith et al. 2019, eq. 1-3, on centred Gram matrices).
    """
    stack = np.array(grams, float)
    n = stack.shape[-1]
    if debiased:
        index = np.arange(n)
        stack[:, index, index] = 0
        rows = stack.sum(axis=-1) / (n - 2)
        stack -= rows[:, :, None] + rows[:, None, :]
        stack += rows.sum(axis=-1)[:, None, None] / (n - 1)
        stack[:, index, index] = 0
    else:
        stack -= stack.mean(axis=1, keepdims=True)
        stack -= stack.mean(axis=2, keepdims=True)
    flat = stack.reshape(len(stack), -1)
    return _correlation_of(flat @ flat.T)


def cluster_order(correlations: ArrayLike) -> NDArray[np.intp]:
    """Order images so that similar ones lie side by side.

    Average linkage on 1 - r, the leaves in optimal order (Bar-Joseph et al. 2001); images
    without a correlation come last.

    Args:
        correlations: (images, images).

    Returns:
        (images,) indices.
    """
    matrix = np.asarray(correlations, float)
    lost = np.isnan(np.diagonal(matrix))
    known = np.flatnonzero(~lost)
    distance = 1 - matrix[np.ix_(known, known)]
    tree = hierarchy.linkage(squareform(distance, checks=False), "average", optimal_ordering=True)
    return np.concatenate([known[hierarchy.leaves_list(tree)], np.flatnonzero(lost)])


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
    images, where = len(shift), f" of layer {layer!r}" if layer else ""
    if images < 3:
        raise ValueError(f"correlations{where} need at least 3 images, got {images}")
    total = products(read, images, units, block)
    inner, sums, shift = total[:-1, :-1], total[:-1, -1], shift.astype(float)
    bad = np.flatnonzero(~np.isfinite(np.diagonal(inner)))
    if len(bad):
        raise ValueError(
            f"activations{where} are NaN, infinite or too large in images {bad.tolist()}"
        )
    crossed = np.outer(shift, sums)
    gram = inner + crossed + crossed.T + units * np.outer(shift, shift)
    matrix = inner - np.outer(sums, sums) / units
    matrix[constant] = matrix[:, constant] = np.nan
    if constant.any():
        warnings.warn(
            f"the activations{where} are constant in images {np.flatnonzero(constant).tolist()}: "
            "they have no correlation (NaN)",
            stacklevel=3,
        )
    return Similarity(_correlation_of(matrix), gram)


def _constant(x: np.ndarray) -> NDArray[np.bool_]:
    # Almost every pattern differs within its first units already.
    return np.array([(row[:64] == row[0]).all() and (row == row[0]).all() for row in x], bool)


def _correlation_of(products: Array) -> Array:
    """Scale (..., k, k) products of centred vectors to a unit diagonal."""
    norms = np.sqrt(np.diagonal(products, axis1=-2, axis2=-1))
    matrix = products / (norms[..., :, None] * norms[..., None, :])
    index = np.arange(matrix.shape[-1])
    matrix[..., index, index] = np.where(np.isnan(norms), np.nan, 1)
    return np.clip(matrix, -1, 1)


def _pair_weights(
    weights: Array, above: tuple[np.ndarray, np.ndarray], chunk: int = 4096
) -> Iterable[tuple[slice, Array]]:
    """Yield slices of the pairs with their weights (resamples, pairs), in bounded memory."""
    for start in range(0, len(above[0]), chunk):
        rows = slice(start, start + chunk)
        yield rows, weights[:, above[0][rows]] * weights[:, above[1][rows]]
