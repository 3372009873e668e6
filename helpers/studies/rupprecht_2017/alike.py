"""Are images that end alike alike before the end? Pairs of images, tested and controlled."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata

from helpers.metrics import checks, intervals, similarity
from helpers.studies.rupprecht_2017.passes import Seen, by_layer

Array = NDArray[np.float64]


def shared_top(probabilities: ArrayLike, k: int = 5) -> NDArray[np.int64]:
    """Count the classes that two images share among the k most probable ones of each.

    Args:
        probabilities: (images, classes).
        k: with 1, whether both have the same top class.

    Returns:
        (images, images), 0 to k.

    Raises:
        TypeError: no real numbers.
        ValueError: another shape, NaN or infinity.
    """
    probabilities = checks.finite(probabilities, "probabilities", ("images", "classes"))
    chosen = np.zeros(probabilities.shape, np.int64)
    best = np.argpartition(-probabilities, k - 1, axis=1)[:, :k]
    np.put_along_axis(chosen, best, 1, axis=1)
    return chosen @ chosen.T


def pairs_of(matrices: ArrayLike) -> Array:
    """Return (..., pairs) the distinct pairs of symmetric (..., images, images)."""
    matrices = checks.real(matrices, "matrices")
    if matrices.ndim < 2 or matrices.shape[-1] != matrices.shape[-2]:
        raise ValueError(f"matrices must be (..., images, images), got shape {matrices.shape}")
    first, second = np.triu_indices(matrices.shape[-1], 1)
    return matrices[..., first, second]


def without(correlations: Sequence[ArrayLike], control: ArrayLike) -> Array:
    """Return what a second similarity leaves of the layers' correlations, in ranks.

    The residuals of the ranks of all pairs after linear regression on the control's ranks,
    as in a partial rank correlation.

    Args:
        correlations: one (images, images) matrix per layer.
        control: (images, images), such as the correlations of the pixels.

    Returns:
        (layers, images, images) symmetric, with zeros on the diagonal.

    Raises:
        TypeError: no real numbers.
        ValueError: no square matrices, NaN or infinity.
    """
    stack = checks.square_matrices(correlations, "correlations", missing=False)
    control = checks.square_matrices(control, "control", 2, missing=False)
    above = np.triu_indices(stack.shape[-1], 1)
    ranks = rankdata(pairs_of(stack), axis=-1)
    ranks -= ranks.mean(axis=-1, keepdims=True)
    other = rankdata(pairs_of(control))
    other -= other.mean()
    left = ranks - (ranks @ other / (other @ other))[:, None] * other
    found = np.zeros_like(stack)
    found[:, *above] = left
    return found + np.swapaxes(found, 1, 2)


def mantel(
    correlations: Sequence[ArrayLike], like: ArrayLike, permutations: int = 1999, seed: int = 0
) -> Array:
    """Test whether pairs that are alike are more correlated, by shuffling the images.

    The images of `like` change places, its rows with its columns, so that every image keeps
    its pairs (Mantel 1967, Cancer Res. 27:209); the statistic is the sum over pairs of
    `like` times the rank of the correlation.

    Args:
        correlations: one (images, images) matrix per layer, or what `without` left of them.
        like: (images, images), how alike two images are: 0 or 1, or a number.
        permutations: shuffles, the same for all layers.
        seed: of the shuffles.

    Returns:
        (layers,) one-sided p values, not corrected for the number of layers.

    Raises:
        TypeError: no real numbers.
        ValueError: no square matrices, NaN or infinity.
    """
    like = checks.square_matrices(like, "like", 2, missing=False)
    correlations = checks.square_matrices(correlations, "correlations", missing=False)
    rng = np.random.default_rng(seed)
    ranks = rankdata(pairs_of(correlations), axis=-1)
    found = ranks @ pairs_of(like)
    least = found - 1e-9 * np.abs(found)
    at_least, (first, second) = np.zeros(len(ranks)), np.triu_indices(len(like), 1)
    for _ in range(permutations):
        order = rng.permutation(len(like))
        at_least += ranks @ like[order[first], order[second]] >= least
    return (1 + at_least) / (1 + permutations)


def resample_within(groups: ArrayLike, repeats: int = 200, seed: int = 0) -> Array:
    """Draw bootstrap samples in which every group keeps its number of images.

    Args:
        groups: (images,) the group of each image.
        repeats: samples.
        seed: of the draws.

    Returns:
        (repeats, images) how often each image was drawn.
    """
    groups, rng = checks.classes(groups, "groups"), np.random.default_rng(seed)
    if groups.ndim != 1 or not len(groups):
        raise ValueError(f"groups must be one for each image, got shape {groups.shape}")
    counts = np.zeros((repeats, len(groups)))
    for group in np.unique(groups):
        members = np.flatnonzero(groups == group)
        share = np.full(len(members), 1 / len(members))
        counts[:, members] = rng.multinomial(len(members), share, size=repeats)
    return counts


def superiority(
    correlations: Sequence[ArrayLike], like: ArrayLike, weights: ArrayLike | None = None
) -> Array:
    """Return how often a pair that is alike is more correlated than one that is not.

    Args:
        correlations: one (images, images) matrix per layer.
        like: (images, images) booleans.
        weights: (resamples, images) how often each image was drawn; a pair counts as often
            as the product says, an image never pairs with itself.

    Returns:
        (layers,) 0..1, 0.5 by chance, ties counting half; or (resamples, layers), NaN for
        a resample without pairs of both kinds.

    Raises:
        TypeError: no real numbers.
        ValueError: no square matrices, NaN or infinity, weights that are no counts of the images;
            or all pairs alike, or none.
    """
    stack = checks.square_matrices(correlations, "correlations", missing=False)
    like = pairs_of(checks.square_matrices(like, "like", 2, missing=False).astype(bool))
    pairs = pairs_of(stack)
    if not like.any() or like.all():
        raise ValueError("`like` needs pairs that are alike and pairs that are not")
    first, second = np.triu_indices(stack.shape[-1], 1)
    weights_ = np.ones((1, stack.shape[-1])) if weights is None else weights
    counts = checks.finite(weights_, "weights", ("resamples", "images"))
    if counts.shape[1] != stack.shape[-1] or counts.min() < 0:
        raise ValueError(f"weights must be (resamples, {stack.shape[-1]}) counts")
    found = np.empty((len(counts), len(pairs)))
    for layer, values in enumerate(pairs):
        level, place = np.unique(values, return_inverse=True)
        for draw, count in enumerate(counts):
            weight = count[first] * count[second]
            inside = np.bincount(place, weight * like, len(level))
            outside = np.bincount(place, weight * ~like, len(level))
            below = np.cumsum(outside) - outside / 2
            pairs_drawn = inside.sum() * outside.sum()
            found[draw, layer] = inside @ below / pairs_drawn if pairs_drawn else np.nan
    return found if weights is not None else found[0]


def compare_pairs(
    names: Sequence[str], seen: Seen, alike: ArrayLike, seed: int = 0, repeats: int = 200
) -> pd.DataFrame:
    """Tabulate by layer how far pairs that are alike are more correlated than others.

    Once for the correlations as they are, once for what those of the pixels leave of them.

    Args:
        names: the layers, in depth order.
        seen: from `observe`.
        alike: (images,) the group of each image, those without one ("") being left out and
            the others resampled within their groups; or (images, images) booleans, all images
            being resampled together.
        seed: of the permutations and of the bootstrap.
        repeats: bootstrap samples.

    Returns:
        Columns layer, depth, measure (superiority), value, low, high, control, p (Mantel,
        corrected for the number of layers by Holm's method) and significant (p < 0.05).
    """
    alike, chosen = checks.classes(alike, "alike"), np.arange(len(seen.pixels))
    if alike.ndim == 1:
        chosen = np.flatnonzero(alike != "")
        groups = alike[chosen]
        alike, draws = groups[:, None] == groups, resample_within(groups, repeats, seed)
    else:
        draws = similarity.resample(len(chosen), repeats, seed)
    correlations = seen.correlations[:, chosen][:, :, chosen]
    left = without(correlations, seen.pixels[np.ix_(chosen, chosen)])
    tables = []
    for control, stack in (("as they are", correlations), ("pixels held constant", left)):
        p = intervals.holm(mantel(stack, alike, seed=seed))
        values, resampled = superiority(stack, alike), superiority(stack, alike, draws)
        more = {"control": control, "p": p, "significant": p < 0.05}
        tables.append(by_layer(names, "superiority", values, resampled, **more))
    return pd.concat(tables, ignore_index=True)


def lasting(table: pd.DataFrame, by: Sequence[str]) -> pd.Series:
    """Return from which layer on the pairs that are alike stand out in every layer.

    Args:
        table: from `compare_pairs`, several of them with columns that tell them apart.
        by: those columns.

    Returns:
        The first layer from which on all are significant, "none" where the last is not.
    """

    def first(rows: pd.DataFrame) -> str:
        stays = rows["significant"][::-1].cummin()[::-1]
        return next(iter(rows.loc[stays, "layer"]), "none")

    return table.groupby(list(by), sort=False)[["layer", "significant"]].apply(first)
