"""Similarity of images to a layer, and of layers to one another.

Correlation matrices between images, from arrays or from a stream of batches too big for
memory; what groups of images have in common (`contrast`, `within_superiority`); layers
compared by these matrices (`second_order`, `cka`) or by their units (`svcca`); a bootstrap
over images; the order in which a clustering puts the images.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.cluster import hierarchy
from scipy.spatial.distance import squareform

from helpers.metrics._patterns import (
    Patterns,
    Similarity,
    correlation,
    from_products,
    matrices,
    pattern_store,
    to_correlation,
)
from helpers.metrics._products import products
from helpers.metrics.checks import at_least, classes, finite, one_each, square_matrices
from helpers.metrics.intervals import superiority

Array = NDArray[np.float64]

__all__ = [
    "Patterns",
    "Similarity",
    "cka",
    "cluster_order",
    "contrast",
    "correlation",
    "decorrelation",
    "effective_dimensions",
    "from_products",
    "matrices",
    "pattern_store",
    "products",
    "resample",
    "second_order",
    "svcca",
    "within_superiority",
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
    distance = 1 - square_matrices(correlations, "correlations", None)
    known = np.isfinite(distance) & ~np.eye(distance.shape[-1], dtype=bool)
    distance = np.where(known, distance, 0)
    if weights is None:
        return distance.sum(axis=(-2, -1)) / known.sum(axis=(-2, -1))
    weights = _weights(weights, distance.shape[-1])

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
    at_least(images, 1, "images")
    at_least(repeats, 1, "repeats")
    rng = np.random.default_rng(seed)
    return rng.multinomial(images, np.full(images, 1 / images), size=repeats).astype(float)


def contrast(
    correlations: Sequence[ArrayLike], labels: ArrayLike, weights: ArrayLike | None = None
) -> Array:
    """Return the mean correlation within groups minus that between groups.

    Args:
        correlations: one (images, images) matrix per layer.
        labels: (images,) the group of each image, or several labellings (labellings, images),
            as `intervals.permutation_test` passes them.
        weights: (resamples, images) from `resample`, for a bootstrap with one labelling.

    Returns:
        (layers,); or (labellings, layers); or, with weights, (resamples, layers).

    Raises:
        ValueError: no two images share a group, or all do; or shapes that do not fit.
    """
    pairs, first, second, images = _pairs(correlations)
    pairs[np.ptp(pairs, axis=1) == 0] = 0  # equal correlations have no contrast, nor its rounding
    if weights is None:
        several = np.atleast_2d(classes(labels))
        found = [_contrast(_same(each, images, first, second), pairs) for each in several]
        return np.array(found) if np.ndim(labels) == 2 else found[0]
    within = _same(labels, images, first, second)
    weights = _weights(weights, images)
    return np.array(
        [
            pairs @ (w * within) / (w * within).sum() - pairs @ (w * ~within) / (w * ~within).sum()
            for w in (row[first] * row[second] for row in weights)
        ]
    )


def within_superiority(correlations: Sequence[ArrayLike], labels: ArrayLike) -> Array:
    """Return how often a pair of one group is more correlated than a pair of two groups.

    Args:
        correlations: one (images, images) matrix per layer.
        labels: (images,) the group of each image.

    Returns:
        (layers,) 0..1, 0.5 by chance: `intervals.superiority`.

    Raises:
        ValueError: as `contrast`.
    """
    pairs, first, second, images = _pairs(correlations)
    within = _same(labels, images, first, second)
    return superiority(pairs[:, within], pairs[:, ~within])


def second_order(correlations: Sequence[ArrayLike], weights: ArrayLike | None = None) -> Array:
    """Correlate layers by their matrices: Pearson's r over all distinct pairs of images.

    The comparison of dissimilarity matrices of Kriegeskorte et al. 2008 (Front. Syst.
    Neurosci. 2:4), with Pearson's r as in Rupprecht 2017.

    Args:
        correlations: one (images, images) matrix per layer.
        weights: (resamples, images) from `resample`, for a bootstrap over images; an
            image drawn twice is never paired with itself, where r would be 1.

    Returns:
        (layers, layers) or, with weights, (resamples, layers, layers). Pairs that some
        layer has no correlation for are left out.

    Raises:
        ValueError: a layer without any correlation, or shapes that do not fit.
    """
    stack = square_matrices(correlations, "correlations")
    above = np.triu_indices(stack.shape[-1], 1)
    pairs = stack[:, *above].T
    empty = np.flatnonzero(~np.isfinite(pairs).any(axis=0))
    if empty.size:
        raise ValueError(f"no image has a correlation in layers {empty.tolist()}: leave them out")
    known = np.isfinite(pairs).all(axis=1)
    pairs, above = pairs[known], tuple(index[known] for index in above)
    pairs = pairs - pairs.mean(axis=0)
    if weights is None:
        return to_correlation(pairs.T @ pairs)
    weights = _weights(weights, stack.shape[-1])
    moments, sums, total = _moments(pairs, above, weights)
    sums /= np.sqrt(total)[:, None]
    return to_correlation(moments - sums[:, :, None] * sums[:, None, :])


def cka(
    grams: Sequence[ArrayLike], debiased: bool = False, weights: ArrayLike | None = None
) -> Array:
    """Compare layers by linear centred kernel alignment.

    Args:
        grams: one (images, images) matrix of inner products per layer.
        debiased: use the unbiased estimate of HSIC (Song et al. 2012, eq. 5; needs 4 images
            or more), which does not grow with the number of units; else the plain one.
        weights: (resamples, images) from `resample`, for a bootstrap over images of the
            debiased measure; an image drawn twice is never paired with itself.

    Returns:
        (layers, layers) or, with weights, (resamples, layers, layers); 1 where two layers are
        equal up to rotation, scale and offset of their units (Kornblith et al. 2019, eq. 1-3,
        on centred Gram matrices).

    Raises:
        ValueError: fewer than 2 images (4 if debiased), matrices that are not square, or
            weights for the plain measure.
    """
    stack = square_matrices(grams, "grams", missing=False).copy()
    n = stack.shape[-1]
    if n < (least := 4 if debiased else 2):
        raise ValueError(f"{'debiased ' * debiased}CKA needs at least {least} images, got {n}")
    if weights is not None:
        if not debiased:
            raise ValueError("only debiased CKA has a bootstrap: pass debiased=True")
        return _resampled_cka(stack, _weights(weights, n))
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


def svcca(activations: Sequence[ArrayLike], variance: float = 0.99) -> Array:
    """Compare layers by canonical correlations between their principal components.

    Singular vector canonical correlation analysis (Raghu et al. 2017, NIPS 30, section 2):
    of each layer the components are kept that explain most of its variance; the mean of the
    canonical correlations of two layers' components is their similarity. It needs many more
    images than components: of independent layers it grows with components / images.

    Args:
        activations: one (images, units) per layer, such as spatial means of channels.
        variance: the share of a layer's variance that its components must explain.

    Returns:
        (layers, layers); NaN for a layer without variance.

    Raises:
        ValueError: layers of different length or with NaN or infinity, or a share that is not
            above 0 and at most 1.
    """
    if not 0 < variance <= 1:
        raise ValueError(f"variance={variance!r}: choose a share above 0 and at most 1")
    layers = [finite(x, "activations", ("images", "units"), least=2) for x in activations]
    if len({len(x) for x in layers}) > 1:
        raise ValueError(f"layers have {sorted({len(x) for x in layers})} images: give the same")
    scores = [_components(x, variance) for x in layers]
    found = np.full((len(layers), len(layers)), np.nan)
    for i, j in zip(*np.triu_indices(len(layers)), strict=True):
        if scores[i].size and scores[j].size:
            canonical = np.linalg.svd(scores[i].T @ scores[j], compute_uv=False)
            found[i, j] = found[j, i] = np.clip(canonical, 0, 1).mean()
    return found


def effective_dimensions(gram: ArrayLike) -> float:
    """Return over how many directions a layer's variance over images is spread.

    The participation ratio of the eigenvalues of the covariance of units, (sum l)^2 / sum l^2:
    d where d directions have the same variance, 1 where one has it all.

    Args:
        gram: (images, images) inner products, as `Similarity.gram`.

    Returns:
        1 to images - 1; NaN where all images are the same.
    """
    centred = square_matrices(gram, "gram", 2, missing=False)
    centred = centred - centred.mean(axis=0)
    centred -= centred.mean(axis=1, keepdims=True)
    spread = (centred**2).sum()
    return float(np.trace(centred) ** 2 / spread) if spread else np.nan


def cluster_order(correlations: ArrayLike) -> NDArray[np.intp]:
    """Order images so that similar ones lie side by side.

    Average linkage on 1 - r, the leaves in optimal order (Bar-Joseph et al. 2001); images
    without a correlation come last.

    Args:
        correlations: (images, images).

    Returns:
        (images,) indices.

    Raises:
        ValueError: fewer than 2 images with correlations, or NaN or more than 1 for a pair.
    """
    matrix = square_matrices(correlations, "correlations", 2)
    lost = np.isnan(np.diagonal(matrix))
    known = np.flatnonzero(~lost)
    distance = 1 - matrix[np.ix_(known, known)]
    if len(known) < 2 or not (distance >= 0).all():
        raise ValueError("correlations need 2 images or more, and one of at most 1 for each pair")
    tree = hierarchy.linkage(squareform(distance, checks=False), "average", optimal_ordering=True)
    return np.concatenate([known[hierarchy.leaves_list(tree)], np.flatnonzero(lost)])


def _moments(
    pairs: Array, above: tuple[np.ndarray, np.ndarray], weights: Array, chunk: int = 4096
) -> tuple[Array, Array, Array]:
    """Sum over pairs of images, each as often as it was drawn, in bounded memory.

    Args:
        pairs: (pairs, layers).
        above: both images of each pair.
        weights: (resamples, images).
        chunk: pairs taken at a time.

    Returns:
        Sums of products of two layers (resamples, layers, layers), of each layer (resamples,
        layers), and of the weights (resamples,).
    """
    layers = pairs.shape[1]
    first, second = np.triu_indices(layers)
    products, sums, total = 0.0, 0.0, 0.0
    for start in range(0, len(pairs), chunk):
        rows = slice(start, start + chunk)
        part, share = pairs[rows], weights[:, above[0][rows]] * weights[:, above[1][rows]]
        products += share @ (part[:, first] * part[:, second])
        sums += share @ part
        total += share.sum(axis=1)
    square = np.empty((len(weights), layers, layers))
    square[:, first, second] = square[:, second, first] = products
    return square, sums, total


def _resampled_cka(grams: Array, weights: Array) -> Array:
    """Return debiased CKA of bootstrap samples, (resamples, layers, layers).

    The unbiased estimate of HSIC is, up to a factor that CKA loses, the sum of products of what
    is left of two Gram matrices, without their diagonals, when the best sum of one number per
    row and one per column is taken off; "best" here counts each pair as often as it was drawn.
    """
    grams -= grams.mean(axis=1, keepdims=True)
    grams -= grams.mean(axis=2, keepdims=True)
    above = np.triu_indices(grams.shape[-1], 1)
    square, *_ = _moments(grams[:, *above].T, above, weights)
    index = np.arange(grams.shape[-1])
    grams[:, index, index] = 0
    rows = grams @ weights.T  # (layers, images, resamples), as all that follows
    left = weights.sum(axis=1) - 2 * weights.T
    offset = (weights.T / left * rows).sum(axis=1) / (1 + (weights.T / left).sum(axis=0))
    effects = (rows - offset[:, None]) / left
    return to_correlation(square - np.einsum("kir,lir->rkl", rows, weights.T * effects))


def _components(x: Array, variance: float) -> Array:
    """Return the principal components (images, components) of unit length, the largest first."""
    centred = x - x.mean(axis=0)
    scores, strength, _ = np.linalg.svd(centred, full_matrices=False)
    explained = np.cumsum(strength**2)
    if explained[-1] <= 1e-12 * (x**2).sum():
        return scores[:, :0]
    kept = np.searchsorted(explained, variance * explained[-1] * (1 - 1e-12)) + 1
    return scores[:, :kept]


def _pairs(correlations: Sequence[ArrayLike]) -> tuple[Array, np.ndarray, np.ndarray, int]:
    """Return (layers, pairs) correlations of the distinct pairs that every layer has one for.

    And both images of each pair, and how many images there are.
    """
    stack = square_matrices(correlations, "correlations")
    first, second = np.triu_indices(stack.shape[-1], 1)
    pairs = stack[:, first, second]
    known = np.isfinite(pairs).all(axis=0)
    return pairs[:, known], first[known], second[known], stack.shape[-1]


def _same(
    labels: ArrayLike, images: int, first: np.ndarray, second: np.ndarray
) -> NDArray[np.bool_]:
    labels = one_each(labels, images)
    same = labels[first] == labels[second]
    if same.all() or not same.any():
        raise ValueError("groups need pairs of images within one group and pairs between two")
    return same


def _contrast(within: NDArray[np.bool_], pairs: Array) -> Array:
    count, total = np.count_nonzero(within), pairs.sum(axis=1)
    inside = (within[None].astype(float) @ pairs.T)[0]
    return inside / count - (total - inside) / (pairs.shape[1] - count)


def _weights(weights: ArrayLike, images: int) -> Array:
    weights = finite(weights, "weights", ("resamples", "images"))
    if weights.shape[1] != images or weights.min() < 0:
        raise ValueError(
            f"weights must be counts (resamples, {images} images), got {weights.shape}"
        )
    return weights
