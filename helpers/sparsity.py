"""How sparse is a pattern of activations? Measures on plain arrays, and the PSI of categories.

Every measure takes any real dtype, never modifies its input, computes in
float64 and reduces `axis` (all axes when None), so that `measure(x, axis=1)`
turns a batch (images, units) into one value per image.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from helpers.gini import Axis, gini, gini_fast, rows

__all__ = [
    "Histogram",
    "active_fraction",
    "dead_units",
    "gini",
    "gini_fast",
    "hoyer",
    "kurtosis",
    "normalise_responses",
    "psi",
    "psi_noise",
    "psi_null",
    "treves_rolls",
]


def active_fraction(x: ArrayLike, axis: Axis = None) -> NDArray | float:
    """Return the share of values that are not zero.

    Args:
        x: activations of any shape and real dtype.
        axis: axis or axes to reduce; None for all.

    Returns:
        The share, 0..1, one per entry of the axes that are left.

    Raises:
        ValueError: x is empty, a single number, or holds NaN or infinity.
    """
    table, shape = rows(x, axis, "active_fraction")
    return _shaped(np.count_nonzero(table, axis=1) / table.shape[1], shape)


def hoyer(x: ArrayLike, axis: Axis = None) -> NDArray | float:
    """Return Hoyer's sparseness, (sqrt(n) - |x|_1 / |x|_2) / (sqrt(n) - 1).

    0 when all magnitudes are equal (all zero too, and a single value), 1 when
    one value alone is not zero; the sign of a value does not matter.
    Source: Hoyer 2004, JMLR 5:1457, section 3.1.

    Args:
        x: activations of any shape and real dtype.
        axis: axis or axes to reduce; None for all.

    Returns:
        The sparseness, 0..1, one per entry of the axes that are left.

    Raises:
        ValueError: x is empty, a single number, or holds NaN or infinity.
    """
    table, shape = rows(x, axis, "hoyer")
    scaled = np.abs(_scaled(table))
    norm = np.sqrt((scaled**2).sum(axis=1))
    root = np.sqrt(table.shape[1])
    flat = scaled.max(axis=1) == scaled.min(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        sparseness = (root - scaled.sum(axis=1) / norm) / (root - 1)
    return _shaped(np.where(flat, 0.0, np.clip(sparseness, 0.0, 1.0)), shape)


def kurtosis(x: ArrayLike, axis: Axis = None) -> NDArray | float:
    """Return the excess kurtosis m4 / m2^2 - 3 (Fisher's: 0 for a normal distribution).

    Population moments, no bias correction; NaN where all values are equal.
    Source: Willmore & Tolhurst 2001, Network 12:255, as population kurtosis.

    Args:
        x: activations of any shape and real dtype.
        axis: axis or axes to reduce; None for all.

    Returns:
        The excess kurtosis, -2 or more, one per entry of the axes that are left.

    Raises:
        ValueError: x is empty, a single number, or holds NaN or infinity.
    """
    table, shape = rows(x, axis, "kurtosis")
    flat = table.max(axis=1) == table.min(axis=1)
    scaled = _scaled(table)
    squares = (scaled - scaled.mean(axis=1, keepdims=True)) ** 2
    with np.errstate(divide="ignore", invalid="ignore"):
        excess = (squares**2).mean(axis=1) / squares.mean(axis=1) ** 2 - 3
    return _shaped(np.where(flat, np.nan, excess), shape)


def treves_rolls(x: ArrayLike, axis: Axis = None) -> NDArray | float:
    """Return the sparseness (1 - a) / (1 - 1/n) with a = mean(x)^2 / mean(x^2).

    0 when all values are equal (all zero too, and a single value), 1 when one
    value alone is not zero.
    Source: Vinje & Gallant 2000, Science 287:1273, on the activity ratio a of
    Treves & Rolls 1991, Network 2:371.

    Args:
        x: non-negative activations of any shape and real dtype.
        axis: axis or axes to reduce; None for all.

    Returns:
        The sparseness, 0..1, one per entry of the axes that are left.

    Raises:
        ValueError: x is empty, a single number, or holds NaN, infinity or a
            negative value.
    """
    table, shape = rows(x, axis, "treves_rolls")
    if table.min() < 0:
        raise ValueError(f"treves_rolls: x holds negative values (minimum {table.min():g})")
    scaled = _scaled(table)
    n = table.shape[1]
    flat = table.max(axis=1) == table.min(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = scaled.mean(axis=1) ** 2 / (scaled**2).mean(axis=1)
        sparseness = np.clip((1 - ratio) / (1 - 1 / np.float64(n)), 0.0, 1.0)
    return _shaped(np.where(flat, 0.0, sparseness), shape)


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
    scaled = _scaled(table.T).T
    spread = np.where(dead_units(table), np.inf, scaled.std(axis=0))
    z = (scaled - scaled.mean(axis=0)) / spread
    low, high = z.min(axis=1, keepdims=True), z.max(axis=1, keepdims=True)
    return (z - low) / np.where(high > low, high - low, np.inf)


def dead_units(responses: ArrayLike) -> NDArray[np.bool_]:
    """Return which units respond alike to every category.

    Such a unit tells categories apart by nothing; `normalise_responses` sets
    its z-score to 0, and a layer of dead units has a PSI of exactly 0.

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
    return treves_rolls(_responses(responses, "psi"), axis=1)


def psi_null(responses: ArrayLike, seed: int = 0, repeats: int = 10) -> NDArray[np.float64]:
    """Return the PSI of responses whose units are shuffled within each category.

    Each category keeps its response values, but which unit gave which is
    random. PSI does not see the order of units, so the shuffle comes before the
    normalisation, whose z-score across categories then has nothing to hold on to.

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
    shuffled = (rng.permuted(table, axis=1) for _ in range(repeats))
    return np.stack([psi(normalise_responses(each)) for each in shuffled])


def psi_noise(categories: int, units: int, seed: int = 0, repeats: int = 1) -> NDArray[np.float64]:
    """Return the PSI of normalised Gaussian noise, which falls with the number of units.

    The min-max step ties the index to the extremes of the units: noise alone
    gives about 0.14 at 96 units and 0.073 at 4,096. Layers of different widths
    compare only beside this baseline.

    Args:
        categories: number of categories, at least 2.
        units: number of units.
        seed: seed of the noise.
        repeats: number of draws.

    Returns:
        (repeats, categories).
    """
    rng = np.random.default_rng(seed)
    draws = (rng.standard_normal((categories, units)) for _ in range(repeats))
    return np.stack([psi(normalise_responses(each)) for each in draws])


class Histogram:
    """Exact counts of activations in fixed bins, batch after batch, keeping no activation.

    A bin holds left <= value < right, the last one its right edge too, as in
    `numpy.histogram`. Zeros are counted apart, so no bin holds them.

    Attributes:
        edges: (bins + 1,) edges.
        counts: (bins,) int64 counts of the non-zero values.
        zeros, below, above: counts of zeros, and of non-zero values under the
            first and over the last edge.
        active_per_image: share of non-zero values of each image seen.
    """

    def __init__(self, edges: ArrayLike) -> None:
        """Make an empty histogram.

        Args:
            edges: (bins + 1,) finite, rising edges.

        Raises:
            ValueError: fewer than two edges, or edges that do not rise.
        """
        self.edges = np.array(edges, dtype=np.float64)
        finite = self.edges.ndim == 1 and self.edges.size > 1 and np.isfinite(self.edges).all()
        if not finite or (np.diff(self.edges) <= 0).any():
            raise ValueError("Histogram: edges must be two or more finite, rising numbers")
        self.counts = np.zeros(self.edges.size - 1, dtype=np.int64)
        self.zeros = self.below = self.above = 0
        self._active: list[NDArray[np.float64]] = []

    def update(self, x: ArrayLike) -> None:
        """Count a batch.

        Args:
            x: activations (images, ...) of any real dtype; the first axis counts images.

        Raises:
            ValueError: x is empty, a single number, or holds NaN; nothing is counted then.
        """
        x = np.asarray(x)
        table, _ = rows(x, tuple(range(1, x.ndim)) if x.ndim > 1 else None, "Histogram")
        values = table[table != 0]
        self.counts += np.histogram(values, self.edges)[0]
        self.zeros += table.size - values.size
        self.below += int((values < self.edges[0]).sum())
        self.above += int((values > self.edges[-1]).sum())
        self._active.append(np.count_nonzero(table, axis=1) / table.shape[1])

    @property
    def total(self) -> int:
        """Number of values seen."""
        return int(self.counts.sum()) + self.zeros + self.below + self.above

    @property
    def active_fraction(self) -> float:
        """Share of the values seen that are not zero (NaN before the first batch)."""
        return 1 - self.zeros / self.total if self.total else np.nan

    @property
    def active_per_image(self) -> NDArray[np.float64]:
        """(images,) share of each image's values that are not zero."""
        return np.concatenate(self._active) if self._active else np.empty(0)


def _responses(responses: ArrayLike, measure: str) -> NDArray:
    table = np.asarray(responses)
    if table.ndim != 2:
        raise ValueError(f"{measure}: responses must be (categories, units), got {table.shape}")
    return rows(table, 1, measure)[0].astype(np.float64)


def _scaled(table: NDArray) -> NDArray[np.float64]:
    # By the largest magnitude, so that no square over- or underflows.
    scaled = table.astype(np.float64)
    top = np.maximum(scaled.max(axis=1), -scaled.min(axis=1))[:, None]
    return np.divide(scaled, top, out=scaled, where=top > 0)


def _shaped(values: NDArray[np.float64], shape: tuple[int, ...]) -> NDArray | float:
    return values.reshape(shape) if shape else float(values[0])
