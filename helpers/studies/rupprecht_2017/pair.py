"""Two pictures, their patterns in a layer, and the correlation of the two."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from helpers.data import ImageSet
from helpers.metrics import checks

MAPS = 4  # per row and column of a mosaic


def draw_pair(
    images: ImageSet, maps: Mapping[str, np.ndarray], layer: str, first: int, second: int
) -> Figure:
    """Draw two pictures, the same channels' maps of both, and unit against unit.

    Args:
        images: the pictures.
        maps: layer -> activations (images, height, width, channels).
        layer: which one.
        first: index of one picture.
        second: index of the other.

    Raises:
        TypeError: the layer's maps hold no real numbers.
        ValueError: they have another shape, or hold NaN or infinity.
    """
    x = checks.finite(maps[layer], "maps", ("images", "height", "width", "channels"))
    channels = np.argsort(-x.mean(axis=(0, 1, 2)))[: MAPS**2]
    top = np.quantile(x[..., channels], 0.99)
    fig, axes = plt.subplots(1, 5, figsize=(12.5, 2.9), width_ratios=[0.8, 1, 0.8, 1, 1.15])
    for (picture, sheet), i in zip(axes[:4].reshape(2, 2), (first, second), strict=True):
        picture.imshow(images.thumbnail(i, 128))
        picture.set_title(f"picture {i}", fontsize=10)
        sheet.imshow(mosaic(x[i][..., channels]), cmap="cividis", vmin=0, vmax=top)
        sheet.set_title(f"{len(channels)} channels of {layer}", fontsize=10)
        picture.axis("off")
        sheet.axis("off")
    a, b = x[first].ravel(), x[second].ravel()
    style = {"gridsize": 40, "bins": "log", "cmap": "cividis", "extent": (0, 2 * top, 0, 2 * top)}
    axes[4].hexbin(a, b, mincnt=1, **style)
    axes[4].set(xlabel=f"units, picture {first}", ylabel=f"picture {second}")
    axes[4].set_title(f"r = {np.corrcoef(a, b)[0, 1]:.2f}", fontsize=12)
    return fig


def mosaic(maps: np.ndarray) -> np.ndarray:
    """Lay maps (height, width, n) out in a square, a line of NaN between them."""
    height, width, n = maps.shape
    side = int(np.ceil(np.sqrt(n)))
    sheet = np.full((side * (height + 1) - 1, side * (width + 1) - 1), np.nan)
    for k in range(n):
        row, column = k // side * (height + 1), k % side * (width + 1)
        sheet[row : row + height, column : column + width] = maps[..., k]
    return sheet
