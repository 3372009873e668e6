"""Are the units a special set of axes? Activations along units and along random directions."""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from typing import Any, NamedTuple

import keras
import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from helpers import data, layers, models
from helpers.metrics import checks
from helpers.metrics.intervals import superiority
from helpers.studies.guest_love_2017 import unfold
from helpers.studies.rupprecht_2017.passes import by_layer

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
        units: (..., units) excess kurtosis along each unit, NaN where it is silent.
        directions: (..., directions) the same along random directions.
        superiority: (...) how often a unit's is above a direction's, 0..1; 0.5 where the
            units are like any direction.
    """

    units: Array
    directions: Array
    superiority: Array


@cache
def random_directions(channels: int, directions: int, seed: int = 0) -> Array:
    """Draw the first axes of a random rotation, uniform over all rotations.

    Args:
        channels: dimensions of the space.
        directions: how many axes; at most `channels`.
        seed: of the draw.

    Returns:
        (channels, directions), orthonormal columns (Stewart 1980, SIAM J. Numer. Anal. 17:403);
        kept for the next call, and read-only.
    """
    normal = np.random.default_rng(seed).standard_normal((channels, min(directions, channels)))
    axes, triangle = np.linalg.qr(normal)
    axes *= np.sign(np.diagonal(triangle))
    axes.flags.writeable = False
    return axes


def alignment(
    vectors: ArrayLike, directions: int = 128, seed: int = 0, weights: ArrayLike | None = None
) -> Alignment:
    """Compare the distribution along units with that along random directions, by kurtosis.

    A cloud of activations without preferred axes has the same kurtosis along units and
    along other directions. A sparse code on the units has heavy tails along these, and,
    as any direction mixes many units, nearly normal tails along others.

    Args:
        vectors: (images, places, channels), from `Places`.
        directions: how many random directions.
        seed: of the directions.
        weights: (samples, images) how often each image counts, as from `leave_out`.

    Returns:
        One `Alignment`, with a leading axis of samples if weights are given. Units and
        directions without variance are left out of `superiority`.

    Raises:
        TypeError: no real numbers.
        ValueError: another shape, NaN or infinity.
    """
    vectors = checks.finite(vectors, "vectors", ("images", "places", "channels"))
    turned = vectors @ random_directions(vectors.shape[-1], directions, seed)
    count = np.ones((1, len(vectors))) if weights is None else weights
    count = checks.finite(count, "weights", ("samples", "images"))
    if count.shape[1] != len(vectors) or count.min() < 0:
        raise ValueError(f"weights must be (samples, {len(vectors)}), not negative")
    units, rotated = _kurtosis(vectors, count), _kurtosis(turned, count)
    above = np.array([_superiority(a, b) for a, b in zip(units, rotated, strict=True)])
    found = Alignment(units, rotated, above)
    return found if weights is not None else Alignment(*(values[0] for values in found))


def typical(vectors: ArrayLike, directions: int = 128, seed: int = 0) -> dict[str, Array]:
    """Return activations along one unit and one random direction, those with the median kurtosis.

    Args:
        vectors: (images, places, channels), from `Places`.
        directions: see `alignment`.
        seed: see `alignment`.

    Returns:
        "a unit" and "a random direction" -> (images * places,), scaled to a deviation of 1,
        and the unit's zero at 0.

    Raises:
        TypeError, ValueError: as in `alignment`.
    """
    vectors = checks.finite(vectors, "vectors", ("images", "places", "channels"))
    turned = vectors @ random_directions(vectors.shape[-1], directions, seed)
    found = alignment(vectors, directions, seed)
    chosen = {}
    for name, x, kurtosis in (
        ("a unit", vectors, found.units),
        ("a random direction", turned, found.directions),
    ):
        rank = np.argsort(kurtosis)  # NaN last
        along = x[..., rank[np.isfinite(kurtosis).sum() // 2]].ravel()
        chosen[name] = along / along.std()
    return chosen


def leave_out(images: int, groups: int = 20, seed: int = 0) -> Array:
    """Return weights (1 + groups, images): all images, then all but one random group each."""
    member = np.random.default_rng(seed).permutation(np.arange(images) % groups)
    return np.vstack([np.ones(images), member != np.arange(groups)[:, None]]).astype(float)


def jackknife(values: ArrayLike, level: float = 0.95) -> tuple[Array, Array]:
    """Return the ends of the delete-a-group jackknife interval, which lies around the estimate.

    A bootstrap sample repeats some images and lacks others; where a statistic rests on the
    extremes, as kurtosis does, its bootstrap values lie to one side of the estimate. Leaving
    out one group of images at a time shifts it little (Quenouille 1949; Tukey 1958; standard
    error as in Efron & Tibshirani 1993, eq. 11.5).

    Args:
        values: (1 + groups, ...) a statistic of all images, then without each group, as for
            the weights of `leave_out`.
        level: coverage of the interval, by Student's t with groups - 1 degrees of freedom.

    Returns:
        (...) low and high; NaN where a value is.

    Raises:
        TypeError: no real numbers.
        ValueError: fewer than 2 groups, or infinity.
    """
    values = checks.finite(values, "values", missing=True, least=3)
    groups = len(values) - 1
    error = np.sqrt((groups - 1) * values[1:].var(axis=0))
    reach = stats.t.ppf((1 + level) / 2, groups - 1) * error
    return values[0] - reach, values[0] + reach


def aligned(
    model: keras.Model, images: Any, names: Sequence[str], places: int = 16, seed: int = 0
) -> tuple[dict[str, NDArray[np.float32]], dict[str, Alignment]]:
    """Run a network and return each layer's vectors, and their alignment.

    Args:
        model: the network.
        images: a set of images.
        names: the layers.
        places: per image and layer; the same for all networks with the same seed.
        seed: of the places.

    Returns:
        layer -> (images, places, channels), and layer -> its `Alignment` for all images and
        without each group of `leave_out`.
    """
    take = {"places": partial(Places, places, seed)}
    found = layers.accumulate(model, images, names, take, batch_size=4)
    vectors = {layer: found[layer]["places"].vectors for layer in names}
    weights = leave_out(len(images))
    return vectors, {layer: alignment(x, weights=weights) for layer, x in vectors.items()}


def aligned_twins(
    network: keras.Model,
    untrained: Callable[..., keras.Model],
    others: data.ImageSet,
    seeds: int,
    *,
    images: data.ImageSet,
    **options: Any,
) -> dict[str, list[dict[str, Alignment]]]:
    """Give a network the weights of its twins in turn, and compare units with directions.

    "random, as initialised": normalisation that has seen no image; "random, calibrated": its
    statistics are those of the first eight images; "permuted, calibrated": the learnt offsets
    (`unfold`ed), and filters whose entries are in random order.

    Args:
        network: the trained one, and trained again afterwards.
        untrained: seed -> the same architecture at initialisation.
        others: images to unfold the trained network on, none of `images`.
        seeds: of each kind.
        images: see `aligned`.
        **options: of `aligned`.

    Returns:
        kind -> what `aligned` says of each of its twins.
    """
    unfold(network, others)
    trained = network.get_weights()
    kinds = "random, as initialised", "random, calibrated", "permuted, calibrated"
    found: dict[str, list] = {kind: [] for kind in kinds}
    calibrate_on = models.calibration(network)

    def look(kind: str) -> None:
        found[kind].append(aligned(network, images, **options)[1])

    for seed in range(seeds):
        network.set_weights(models.permuted_weights(network, seed))
        calibrate_on(images[:8])
        look("permuted, calibrated")
        network.set_weights(untrained(seed=seed).get_weights())
        gc.collect()  # that network: it holds cycles
        look("random, as initialised")
        calibrate_on(images[:8])
        look("random, calibrated")
        network.set_weights(trained)
    return found


def beside_twins(
    trained: Mapping[str, Alignment], twins: Mapping[str, Sequence[Mapping[str, Alignment]]]
) -> pd.DataFrame:
    """Tabulate the superiority of a network's units beside that of its random twins.

    Args:
        trained: layer -> its `Alignment`, all images and without each group (`leave_out`).
        twins: kind -> the same of each twin.

    Returns:
        As `by_layer`; network "trained", with its jackknife interval, or the kind; seed.
    """
    names = list(trained)
    above = np.column_stack([trained[layer].superiority for layer in names])
    low, high = jackknife(above)
    tables = [
        by_layer(names, "superiority", above[0]).assign(low=low, high=high, network="trained")
    ]
    for kind, each in twins.items():
        for seed, twin in enumerate(each):
            values = [twin[layer].superiority[0] for layer in names]
            tables.append(by_layer(names, "superiority", values, network=kind, seed=seed))
    return pd.concat(tables, ignore_index=True)


def lead(
    trained: Mapping[str, Alignment], twins: Mapping[str, Sequence[Mapping[str, Alignment]]]
) -> pd.DataFrame:
    """Return how far a network's units are ahead of its highest random twin, layer by layer.

    Args:
        trained: as in `beside_twins`.
        twins: as in `beside_twins`, on the same images and groups.

    Returns:
        A row per layer; value, and low and high of its jackknife interval.
    """
    names = list(trained)
    own = np.column_stack([trained[layer].superiority for layer in names])
    each = [twin for kind in twins.values() for twin in kind]
    rivals = np.array([[twin[layer].superiority for layer in names] for twin in each])
    best = rivals[rivals[:, :, 0].argmax(axis=0), range(len(names))]  # (layers, 1 + groups)
    ahead = own - best.T
    low, high = jackknife(ahead)
    return pd.DataFrame({"value": ahead[0], "low": low, "high": high}, index=names)


def _kurtosis(vectors: Array, weights: Array) -> Array:
    """Return the excess kurtosis (samples, channels) of (images, places, channels).

    As `scipy.stats.kurtosis`, for all samples from one table of each image's moments.
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
