"""Are images of one group more alike than images of different groups? Plain arrays only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata

Array = NDArray[np.float64]


class Permutation(NamedTuple):
    """What a permutation test says of each layer.

    Attributes:
        p: (layers,) p values of the layers taken singly, one-sided.
        p_any: (layers,) p values corrected for the number of layers.
        null: (permutations, layers) contrasts under shuffled labels.
    """

    p: Array
    p_any: Array
    null: Array


def contrast(
    correlations: Sequence[ArrayLike], labels: Sequence, weights: ArrayLike | None = None
) -> Array:
    """Return the mean correlation within groups minus that between groups.

    Args:
        correlations: one (images, images) matrix a layer.
        labels: (images,) the group of each image.
        weights: (resamples, images) from `similarity.resample`, for a bootstrap.

    Returns:
        (layers,) or, with weights, (resamples, layers).

    Raises:
        ValueError: no two images share a group, or all do.
    """
    pairs, first, second = _pairs(correlations)
    within = _same(labels, first, second)
    if weights is None:
        return _contrast(within[None].astype(float), pairs)[0]
    weights = np.asarray(weights, float)
    return np.array(
        [
            pairs @ (w * within) / (w * within).sum() - pairs @ (w * ~within) / (w * ~within).sum()
            for w in (row[first] * row[second] for row in weights)
        ]
    )


def superiority(correlations: Sequence[ArrayLike], labels: Sequence) -> Array:
    """Return how often a pair of one group is more correlated than a pair of two groups.

    Args:
        correlations: one (images, images) matrix a layer.
        labels: (images,) the group of each image.

    Returns:
        (layers,) 0..1, 0.5 by chance (the area under the ROC curve).

    Raises:
        ValueError: no two images share a group, or all do.
    """
    pairs, first, second = _pairs(correlations)
    within = _same(labels, first, second)
    count = within.sum()
    ranks = rankdata(pairs, axis=1)[:, within].sum(axis=1)
    return (ranks - count * (count + 1) / 2) / (count * (len(within) - count))


def permutation_test(
    correlations: Sequence[ArrayLike], labels: Sequence, permutations: int = 999, seed: int = 0
) -> Permutation:
    """Test the contrast of every layer by shuffling the images' labels.

    All layers see the same shuffles. The corrected p values compare each layer with the
    largest contrast of any layer, in units of the layers' own null spread (Nichols & Holmes
    2002, Hum. Brain Mapp. 15:1).

    Args:
        correlations: one (images, images) matrix a layer.
        labels: (images,) the group of each image.
        permutations: number of shuffles.
        seed: of the shuffles.

    Raises:
        ValueError: no two images share a group, or all do.
    """
    pairs, first, second = _pairs(correlations)
    labels, rng = np.asarray(labels), np.random.default_rng(seed)
    found = _contrast(_same(labels, first, second)[None].astype(float), pairs)[0]
    shuffled = (rng.permutation(labels) for _ in range(permutations))
    null = np.concatenate([_contrast(_same(each, first, second)[None], pairs) for each in shuffled])
    spread, centre = null.std(axis=0), null.mean(axis=0)
    largest = ((null - centre) / spread).max(axis=1)
    standard = (found - centre) / spread
    single = (1 + (null >= found).sum(axis=0)) / (1 + permutations)
    corrected = (1 + (largest[:, None] >= standard).sum(axis=0)) / (1 + permutations)
    return Permutation(single, corrected, null)


def _pairs(correlations: Sequence[ArrayLike]) -> tuple[Array, np.ndarray, np.ndarray]:
    """Return (layers, pairs) correlations of the distinct pairs that every layer has one for."""
    stack = np.asarray(correlations, float)
    first, second = np.triu_indices(stack.shape[-1], 1)
    pairs = stack[:, first, second]
    known = np.isfinite(pairs).all(axis=0)
    return pairs[:, known], first[known], second[known]


def _same(labels: Sequence, first: np.ndarray, second: np.ndarray) -> NDArray[np.bool_]:
    labels = np.asarray(labels)
    same = labels[first] == labels[second]
    if same.all() or not same.any():
        raise ValueError("groups need pairs of images within one group and pairs between two")
    return same


def _contrast(within: np.ndarray, pairs: Array) -> Array:
    """Contrast (layers, pairs) by masks (masks, pairs)."""
    count, total = within.sum(axis=1, keepdims=True), pairs.sum(axis=1)
    inside = within @ pairs.T
    return inside / count - (total - inside) / (pairs.shape[1] - count)
