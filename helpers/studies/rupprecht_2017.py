"""Notebook 02: the distribution of activations along units and along random directions."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from helpers.metrics.intervals import superiority

Array = NDArray[np.float64]


class Places:
    """The activation vectors, one value per channel, at some places of every image.

    An accumulator for `layers.accumulate`.

    Attributes:
        places: how many places per image, drawn at random; all of a layer that has fewer.
    """

    def __init__(self, places: int = 16, seed: int = 0) -> None:
        self.places = places
        self._rng = np.random.default_rng(seed)
        self._vectors: list[np.ndarray] = []

    def update(self, x: np.ndarray) -> None:
        """Take in the activations (images, ..., channels) of the next images."""
        x = x.reshape(len(x), -1, x.shape[-1])
        drawn = np.array([self._draw(x.shape[1]) for _ in x])
        self._vectors.append(np.take_along_axis(x, drawn[:, :, None], axis=1).astype(np.float32))

    def _draw(self, places: int) -> NDArray[np.int64]:
        return self._rng.choice(places, min(self.places, places), replace=False, shuffle=False)

    @property
    def vectors(self) -> NDArray[np.float32]:
        """(images, places, channels)."""
        return np.concatenate(self._vectors)


class Alignment(NamedTuple):
    """How units differ from random directions of the same space.

    Attributes:
        units: (..., units) excess kurtosis along each unit that is not silent.
        directions: (..., directions) the same along random directions.
        superiority: (...) how often a unit's is above a direction's, 0..1; 0.5 where the
            units are like any direction.
    """

    units: Array
    directions: Array
    superiority: Array


def random_directions(channels: int, directions: int, seed: int = 0) -> Array:
    """Draw the first axes of a random rotation, uniform over all rotations.

    Args:
        channels: dimensions of the space.
        directions: how many axes; at most `channels`.
        seed: of the draw.

    Returns:
        (channels, directions), orthonormal columns (Stewart 1980, SIAM J. Numer. Anal. 17:403).
    """
    normal = np.random.default_rng(seed).standard_normal((channels, min(directions, channels)))
    axes, triangle = np.linalg.qr(normal)
    return axes * np.sign(np.diagonal(triangle))


def alignment(
    vectors: ArrayLike, directions: int = 256, seed: int = 0, weights: ArrayLike | None = None
) -> Alignment:
    """Compare the distribution along units with that along random directions, by kurtosis.

    A cloud of activations without preferred axes has the same kurtosis along units and
    along other directions. A sparse code on the units has heavy tails along these, and,
    as any direction mixes many units, nearly normal tails along others.

    Args:
        vectors: (images, places, channels), from `Places`.
        directions: how many random directions.
        seed: of the directions.
        weights: (resamples, images) from `similarity.resample`, for a bootstrap.

    Returns:
        Units and directions without variance are left out of `superiority` (NaN elsewhere).
    """
    vectors = np.asarray(vectors, float)
    turned = vectors @ random_directions(vectors.shape[-1], directions, seed)
    count = np.ones((1, len(vectors))) if weights is None else np.asarray(weights, float)
    units, rotated = _kurtosis(vectors, count), _kurtosis(turned, count)
    above = np.array([_superiority(a, b) for a, b in zip(units, rotated, strict=True)])
    found = Alignment(units, rotated, above)
    return found if weights is not None else Alignment(*(values[0] for values in found))


def _kurtosis(vectors: Array, weights: Array) -> Array:
    """Return the excess kurtosis (resamples, channels) of (images, places, channels).

    As `scipy.stats.kurtosis`, for all resamples from one table of each image's moments.
    """
    scale = vectors.std(axis=(0, 1))
    centred = (vectors - vectors.mean(axis=(0, 1))) / np.where(scale > 0, scale, 1)
    power, moments = np.ones_like(centred), []
    for _ in range(4):
        power *= centred
        moments.append(weights @ power.mean(axis=1))
    first, second, third, fourth = np.array(moments) / weights.sum(axis=1)[:, None]
    variance = second - first**2
    central = fourth - 4 * first * third + 6 * first**2 * second - 3 * first**4
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(variance > 1e-12, central / variance**2 - 3, np.nan)


def _superiority(units: Array, directions: Array) -> float:
    units, directions = units[np.isfinite(units)], directions[np.isfinite(directions)]
    if not len(units) or not len(directions):
        return np.nan
    return float(superiority(units, directions))
