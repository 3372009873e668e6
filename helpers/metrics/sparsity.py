"""Sparsity of patterns of activations, and the population sparseness index (PSI) of categories.

Every measure takes any real dtype, never modifies its input, sums in float64 and reduces
`axis` (all axes when None), so that `measure(x, axis=1)` turns a batch (images, units)
into one value per image. NaN, infinity, masked values, empty arrays and single numbers are
refused with a ValueError, what is not a real number with a TypeError. `scipy.stats.kurtosis`
is one more such measure.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from helpers.metrics import _kernels
from helpers.metrics._gini import gini
from helpers.metrics._histogram import Histogram
from helpers.metrics._rows import Axis, as_rows, as_shape, not_finite, over_rows
from helpers.metrics.checks import finite, flags

__all__ = [
    "Histogram",
    "active_fraction",
    "dead_units",
    "gini",
    "hoyer",
    "normalise_responses",
    "psi",
    "psi_noise",
    "psi_null",
    "treves_rolls",
]


def active_fraction(x: ArrayLike, axis: Axis = None) -> NDArray[np.float64] | float:
    """Return the share of values that are not zero.

    Args:
        x: activations of any shape and real dtype.
        axis: axis or axes to reduce; None for all.

    Returns:
        The share, 0..1, one per entry of the axes that are left.

    Raises:
        ValueError: x is empty, a single number, or holds NaN or infinity.
    """
    table, shape = as_rows(x, axis, "active_fraction")
    active = np.empty(len(table), np.int64)
    finite = np.empty(len(table), np.bool_)
    over_rows(lambda part: _kernels.count_active(table[part], active[part], finite[part]), table)
    if not finite.all():
        raise not_finite(table, "active_fraction")
    return as_shape(active / table.shape[1], shape)


def hoyer(x: ArrayLike, axis: Axis = None) -> NDArray[np.float64] | float:
    """Return Hoyer's sparseness, (sqrt(n) - |x|_1 / |x|_2) / (sqrt(n) - 1).

    0 when all magnitudes are equal (all zero too, and a single value), 1 when one value
    alone is not zero; signs do not matter.
    Source: Hoyer 2004, JMLR 5:1457, section 3.1.

    Args:
        x: activations of any shape and real dtype.
        axis: axis or axes to reduce; None for all.

    Returns:
        The sparseness, 0..1, one per entry of the axes that are left.

    Raises:
        ValueError: x is empty, a single number, or holds NaN or infinity.
    """
    sums, n, shape = _moments(x, axis, "hoyer")
    _, _, magnitude, square = sums
    norm = np.sqrt(square)
    flatness = np.divide(magnitude, norm, out=np.full_like(norm, np.sqrt(n)), where=norm > 0)
    room = np.sqrt(n) - 1
    sparseness = (np.sqrt(n) - flatness) / room if room else np.zeros_like(norm)
    return as_shape(np.clip(sparseness, 0.0, 1.0), shape)


def treves_rolls(x: ArrayLike, axis: Axis = None) -> NDArray[np.float64] | float:
    """Return the sparseness (1 - a) / (1 - 1/n) with a = mean(x)^2 / mean(x^2).

    0 when all values are equal (all zero too, and a single value), 1 when one value alone
    is not zero.
    Source: Vinje & Gallant 2000, Science 287:1273; a is the sparseness of Treves & Rolls
    1991, Network 2:371.

    Args:
        x: non-negative activations of any shape and real dtype.
        axis: axis or axes to reduce; None for all.

    Returns:
        The sparseness, 0..1, one per entry of the axes that are left.

    Raises:
        ValueError: x is empty, a single number, or holds NaN, infinity or a negative value.
    """
    sums, n, shape = _moments(x, axis, "treves_rolls")
    low, high, total, square = sums
    if low.min() < 0:
        raise ValueError(f"treves_rolls: x holds negative values (minimum {low.min():g})")
    # 1 - a, times n / (n - 1): nothing is divided by 0 where values differ.
    spread = n * square - total**2
    alone = (n - 1) * square
    sparseness = np.divide(spread, alone, out=np.zeros_like(spread), where=high > low)
    return as_shape(np.clip(sparseness, 0.0, 1.0), shape)


def normalise_responses(responses: ArrayLike) -> NDArray[np.float64]:
    """Normalise category responses as Liu, Zhen & Liu 2020 did before the PSI.

    Each unit is z-scored across categories (0 where the unit is constant),
    then each category's units are scaled to 0..1 (all 0 where they are equal).
    Source: Liu, Zhen & Liu 2020, Front. Comput. Neurosci. 14:578158, Methods.

    Args:
        responses: (categories, units), any real numbers.

    Returns:
        (categories, units), 0..1.

    Raises:
        ValueError: responses is not two-dimensional, is empty, or holds NaN or infinity.
    """
    table = _responses(responses, "normalise_responses")
    # By each unit's largest magnitude, so that no square over- or underflows.
    scaled = table / np.where(table.any(axis=0), np.abs(table).max(axis=0), 1.0)
    spread = np.where(dead_units(table), np.inf, scaled.std(axis=0))
    z = (scaled - scaled.mean(axis=0)) / spread
    low, high = z.min(axis=1, keepdims=True), z.max(axis=1, keepdims=True)
    # z-scores are of order 1: units that differ by less are equal but for rounding.
    return (z - low) / np.where(high - low > 1e-9, high - low, np.inf)


def dead_units(responses: ArrayLike) -> NDArray[np.bool_]:
    """Return which units respond alike to every category.

    Such a unit does not distinguish categories; `normalise_responses` sets its z-score to 0,
    and a layer of dead units has a PSI of exactly 0.

    Args:
        responses: (categories, units).

    Returns:
        (units,) booleans; their sum is the number of dead units.

    Raises:
        ValueError: responses is not two-dimensional, is empty, or holds NaN or infinity.
    """
    table = _responses(responses, "dead_units")
    return table.max(axis=0) == table.min(axis=0)


def psi(responses: ArrayLike) -> NDArray[np.float64]:
    """Return each category's population sparseness index: `treves_rolls` over its units.

    The responses are taken as they are; `psi(normalise_responses(r))` is the
    index of Liu, Zhen & Liu 2020. Dead units count in n: `dead_units` finds them.
    Source: Vinje & Gallant 2000, Science 287:1273.

    Args:
        responses: (categories, units), non-negative.

    Returns:
        (categories,), 0 (all units alike) to 1 (one unit alone responds).

    Raises:
        ValueError: responses is not two-dimensional, is empty, or holds NaN,
            infinity or a negative value.
    """
    table = _responses(responses, "psi")
    if table.min() < 0:
        raise ValueError(f"psi: responses holds negative values (minimum {table.min():g})")
    return treves_rolls(table, axis=1)


def psi_null(responses: ArrayLike, seed: int = 0, repeats: int = 10) -> NDArray[np.float64]:
    """Return the PSI of units that respond independently of each other.

    Each unit's responses are shuffled over the categories, each on its own: a unit stays as
    selective as it was, and what units share in a category is lost. Shuffling the units within
    a category would be no null: it gives every unit the responses of strong and weak ones, which
    the z-score turns into a few extreme values.

    Args:
        responses: (categories, units), before normalisation.
        seed: seed of the shuffles.
        repeats: number of shuffles.

    Returns:
        (repeats, categories) PSI of the normalised shuffled responses.

    Raises:
        ValueError: as `normalise_responses`.
    """
    table = _responses(responses, "psi_null")
    rng = np.random.default_rng(seed)
    shuffled = (rng.permuted(table, axis=0) for _ in range(repeats))
    return np.stack([psi(normalise_responses(each)) for each in shuffled])


def psi_noise(
    categories: int,
    units: int,
    seed: int = 0,
    repeats: int = 1,
    dead: ArrayLike | None = None,
) -> NDArray[np.float64]:
    """Return the PSI of normalised Gaussian noise, which falls with the number of units.

    The min-max step ties the index to the extremes of the units: noise alone gives about 0.14
    at 96 units and 0.07 at 4,096. Compare layers of different widths beside this baseline.

    Args:
        categories: number of categories, at least 2.
        units: number of units.
        seed: seed of the noise.
        repeats: number of draws.
        dead: (units,) booleans: units that are silent in the noise, too; default: none.

    Returns:
        (repeats, categories).

    Raises:
        TypeError, ValueError: `dead` are not booleans, one per unit.
    """
    rng = np.random.default_rng(seed)
    alive = np.ones(units) if dead is None else ~flags(dead, units, "psi_noise: dead")
    draws = (rng.standard_normal((categories, units)) * alive for _ in range(repeats))
    return np.stack([psi(normalise_responses(each)) for each in draws])


def _responses(responses: ArrayLike, measure: str) -> NDArray[np.float64]:
    return finite(responses, f"{measure}: responses", ("categories", "units"))


def _moments(
    x: ArrayLike, axis: Axis, measure: str
) -> tuple[NDArray[np.float64], int, tuple[int, ...]]:
    """Return `_kernels.moments` of each row, one moment after the other, n, and the shape left."""
    table, shape = as_rows(x, axis, measure)
    sums = np.empty((len(table), 4))
    over_rows(lambda part: _kernels.moments(table[part], sums[part]), table)
    if np.isnan(sums[:, 0]).any():
        raise not_finite(table, measure)
    return sums.T, table.shape[1], shape
