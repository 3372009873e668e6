"""How similar are images to a layer, and layers to one another?

Correlation matrices between images, from arrays or from a stream of batches
too big for memory; correlations and CKA between those matrices; bootstrap over
images; the order in which a clustering puts the images. Plain arrays only.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.cluster import hierarchy
from scipy.spatial.distance import squareform

from helpers.metrics._patterns import Patterns, Similarity, correlation, matrices, to_correlation

Array = NDArray[np.float64]

__all__ = [
    "Patterns",
    "Similarity",
    "cka",
    "cluster_order",
    "correlation",
    "decorrelation",
    "matrices",
    "resample",
    "second_order",
]


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
        return to_correlation(pairs.T @ pairs)
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
    return to_correlation(square - sums[:, :, None] * sums[:, None, :])


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
    return to_correlation(flat @ flat.T)


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


def _pair_weights(
    weights: Array, above: tuple[np.ndarray, np.ndarray], chunk: int = 4096
) -> Iterable[tuple[slice, Array]]:
    """Yield slices of the pairs with their weights (resamples, pairs), in bounded memory."""
    for start in range(0, len(above[0]), chunk):
        rows = slice(start, start + chunk)
        yield rows, weights[:, above[0][rows]] * weights[:, above[1][rows]]
