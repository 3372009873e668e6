"""What all patterns of a layer have in common, split into channels and places."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from helpers.metrics import checks

Array = NDArray[np.float64]


class Profiles:
    """Each image's standardised pattern, averaged over places and over channels.

    An accumulator for `layers.accumulate`. A pattern is standardised over all its units, to
    mean 0 and variance 1, so that the mean product of two patterns is their correlation.
    """

    def __init__(self) -> None:
        self._channels: list[NDArray[np.float32]] = []
        self._place_sum: Array | float = 0.0
        self._place_own = 0.0

    def update(self, x: np.ndarray) -> None:
        """Take in the activations (images, ..., channels) of the next images."""
        x = np.ascontiguousarray(x.reshape(len(x), -1, x.shape[-1]), np.float32)
        places, channels = x.shape[1:]
        over_places = np.ones(places, np.float32) / places @ x
        over_channels = x @ (np.ones(channels, np.float32) / channels)
        mean = over_places.mean(axis=1, dtype=float)
        flat = x.reshape(len(x), -1)
        square = np.array([row @ row for row in flat], float) / flat.shape[1]
        scale = np.sqrt(square - mean**2)
        standard = [(m - mean[:, None]) / scale[:, None] for m in (over_places, over_channels)]
        self._channels.append(standard[0].astype(np.float32))
        self._place_sum += standard[1].sum(axis=0)
        self._place_own += np.square(standard[1]).mean(axis=1).sum()

    def merge(self, other: Profiles) -> None:
        """Take in what another one saw, images that come after those seen."""
        self._channels += other._channels
        self._place_sum = self._place_sum + other._place_sum
        self._place_own += other._place_own

    @property
    def channels(self) -> NDArray[np.float32]:
        """(images, channels) means over places."""
        return np.concatenate(self._channels)

    @property
    def places(self) -> float:
        """Mean product, over the places, of two distinct images' means over channels."""
        n = sum(map(len, self._channels))
        together = np.square(np.asarray(self._place_sum)).mean()
        return float((together - self._place_own) / (n * (n - 1)))


class Split(NamedTuple):
    """The mean correlation of distinct images, and the parts that it is the sum of.

    Attributes:
        total: mean r of all distinct pairs.
        channels: the part that the channels' means over places give it: some channels are
            more active than others in every image.
        places: the part that the places' means over channels give it.
        rest: what is specific to a channel and a place.
        own_channels: the channels' share of the variance within a single pattern, averaged.
    """

    total: float
    channels: float
    places: float
    rest: float
    own_channels: float

    @property
    def decorrelation_without_channels(self) -> float:
        """1 - r of patterns whose channels have all been centred (ratio of means)."""
        return 1 - (self.places + self.rest) / (1 - self.own_channels)


def split(correlation: ArrayLike, profiles: Profiles) -> Split:
    """Split the mean correlation of distinct images into channels, places and the rest.

    A standardised pattern is the sum of its channels' means, its places' means and what is
    left; the three are orthogonal, as in a two-way analysis of variance, and so the mean
    product of two patterns is the sum of three mean products.

    Args:
        correlation: (images, images), of the layer.
        profiles: of the same images.

    Raises:
        TypeError: no real numbers.
        ValueError: no square matrix, NaN or infinity.
    """
    correlation = checks.square_matrices(correlation, "correlation", 2, missing=False)
    total = float(correlation[np.triu_indices(len(correlation), 1)].mean())
    channels, own = mean_product(profiles.channels)
    rest = total - channels - profiles.places
    return Split(total, channels, profiles.places, rest, own)


def mean_product(means: ArrayLike) -> tuple[float, float]:
    """Return the mean product of distinct rows, and of rows with themselves.

    Args:
        means: (images, n); a product is the mean over n.
    """
    means = np.asarray(means, float)
    n = len(means)
    own = np.square(means).mean(axis=1).mean()
    together = np.square(means.mean(axis=0)).mean()  # all pairs, an image with itself included
    return float((n * together - own) / (n - 1)), float(own)


def loud_channels(channels: ArrayLike) -> Array:
    """Return each channel's contribution to the channels' part of the mean correlation.

    Args:
        channels: (images, channels) from `Profiles`.

    Returns:
        (channels,), its sum is `Split.channels`.
    """
    channels = np.asarray(channels, float)
    n = len(channels)
    own = np.square(channels).mean(axis=0)
    return (n * channels.mean(axis=0) ** 2 - own) / (n - 1) / channels.shape[1]


def common_patterns(
    names: Sequence[str], correlations: Sequence[ArrayLike], profiles: Mapping[str, Profiles]
) -> pd.DataFrame:
    """Tabulate the common pattern of every layer.

    Args:
        names: the layers.
        correlations: (images, images) of each.
        profiles: layer -> those of the same images.

    Returns:
        A row per layer: total, channels, places, rest (see `Split`); apart (1 - r), apart if
        every channel of every image were centred; and half in, how many of the layer's
        channels (of channels) hold half of the channels' part.
    """
    rows = {}
    for layer, correlation in zip(names, correlations, strict=True):
        found = split(correlation, profiles[layer])
        loud = np.sort(loud_channels(profiles[layer].channels))[::-1]
        rows[layer] = found._asdict() | {
            "apart": 1 - found.total,
            "apart, channels centred": found.decorrelation_without_channels,
            "half in": 1 + int((loud.cumsum() < loud.sum() / 2).sum()),
            "of channels": len(loud),
        }
    table = pd.DataFrame.from_dict(rows, orient="index").drop(columns="own_channels")
    return table.astype({"half in": int, "of channels": int})
