"""When a unit is active, also where activations can be negative."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from helpers.metrics import checks, sparsity

Array = NDArray[np.float64]

# Where a layer has negative values, no unit is exactly silent: silent is what is at most this
# share of the root mean square (RMS) of the image's activations in that layer.
THRESHOLD = 0.1
# Bins of the histograms, in units of the RMS.
EDGES = tuple(np.arange(-4, 12.25, 0.25).tolist())


def silenced(x: np.ndarray, threshold: float = THRESHOLD) -> NDArray[np.float32]:
    """Return magnitudes of activations, 0 where a unit counts as silent.

    In an image whose activations hold no negative value, as after ReLU, that is where they are
    0. In any other, it is where they are at most `threshold` times their root mean square.

    Args:
        x: (images, ...), one layer.
        threshold: share of the root mean square.

    Returns:
        (images, units).
    """
    x = x.reshape(len(x), -1).astype(np.float32, copy=False)
    signed = x.min(axis=1) < 0
    if not signed.any():
        return x
    magnitudes = np.abs(x)
    limit = np.where(signed, threshold * root_mean_square(x), 0)
    magnitudes[magnitudes <= limit[:, None]] = 0
    return magnitudes


def root_mean_square(x: np.ndarray) -> NDArray[np.float32]:
    """Return each image's root mean square over all units, (images,)."""
    x = x.reshape(len(x), -1)
    return np.sqrt(np.array([np.dot(row, row) / len(row) for row in x], np.float32))


def how_sparse(x: np.ndarray, threshold: float = THRESHOLD) -> Array:
    """Return each image's sparseness in one layer, for `layers.PerImage`.

    Returns:
        (images, 3): the Gini coefficient of the magnitudes; the share of active units; the share
        of units that are active and negative.

    Raises:
        TypeError: no real numbers.
        ValueError: no images, NaN or infinity.
    """
    x = checks.flat(x, "x")
    sizes = silenced(x, threshold)
    negative = [((row < 0) & (size > 0)).sum() for row, size in zip(x, sizes, strict=True)]
    columns = [
        sparsity.gini(sizes, axis=1, tolerance=1e-5),
        sparsity.active_fraction(sizes, axis=1),
        np.array(negative) / x.shape[1],
    ]
    return np.stack(columns, axis=1)


class ScaledHistogram(sparsity.Histogram):
    """Counts of activations in units of their image's root mean square in the layer."""

    def update(self, x: ArrayLike) -> None:
        """Count the next images (images, ...)."""
        x = np.asarray(x)
        scale = root_mean_square(x)
        scale[scale == 0] = 1
        super().update(x.reshape(len(x), -1) / scale[:, None])
