"""Embeddings of layers side by side: density pictures of the classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Literal

import matplotlib.patheffects as effects
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.ndimage import gaussian_filter
from scipy.spatial import KDTree

from helpers.plotting.arrays import class_indices, drawable
from helpers.plotting.scatter import name_points
from helpers.plotting.style import COLOURS, WIDTH

Panels = Mapping[tuple[str, str], np.ndarray]

_HALO = [effects.withStroke(linewidth=2.5, foreground="white")]
_MARGIN = 0.03


def shade(
    points: np.ndarray, labels: np.ndarray, classes: int, bins: int
) -> tuple[np.ndarray, tuple[float, float, float, float]]:
    """Turn points into a picture: hue shows the class, opacity the number of points.

    Every pixel mixes the colours of the classes in it by their counts, and its
    opacity grows with the logarithm of their number, so that neither 60,000
    points run into one blot nor a lone one vanishes.

    Args:
        points: (n, 2) positions.
        labels: (n,) class indices.
        classes: how many classes there are.
        bins: pixels along each side.

    Returns:
        The picture (bins, bins, 4), first row at the bottom, and its extent
        (left, right, bottom, top).
    """
    low, high = points.min(axis=0), points.max(axis=0)
    centre, half = (low + high) / 2, (high - low).max() / 2 * (1 + 2 * _MARGIN) or 1.0
    left, bottom = centre - half
    at = ((points - (left, bottom)) / (2 * half) * bins).astype(int).clip(0, bins - 1)
    counts = np.zeros((classes, bins, bins))
    np.add.at(counts, (labels, at[:, 1], at[:, 0]), 1)
    counts = gaussian_filter(counts, (0, 0.8, 0.8))
    total = counts.sum(axis=0)
    palette = np.array(COLOURS)[np.arange(classes) % len(COLOURS)]
    colour = np.tensordot(counts, palette, (0, 0)) / np.maximum(total, 1e-12)[..., None]
    full = np.quantile(total[total > 0.05], 0.95)
    opacity = np.clip(np.log1p(25 * total) / np.log1p(25 * full), 0, 1)
    return np.dstack([colour, opacity]), (left, left + 2 * half, bottom, bottom + 2 * half)


def embedding_grid(
    panels: Panels,
    labels: np.ndarray,
    class_names: Sequence[str],
    title: str = "",
    names_at: Literal["centroid", "densest"] = "centroid",
) -> Figure:
    """Draw embeddings of the same images: a row for each condition, a column for each layer.

    A condition with a single layer, such as the pixels that all networks see, is drawn once, at
    the left of all rows.

    Args:
        panels: (condition, layer) → (n, 2) positions, in the order in which
            rows and columns appear.
        labels: (n,) class indices.
        class_names: a name for each class.
        title: above the figure.
        names_at: where a name is written: at the centroid of the class' points, or where they lie
            densest, which is among them even if the class is in several parts.

    Raises:
        TypeError: points or labels are no real numbers.
        ValueError: they are not finite, or do not fit each other.
    """
    panels = {key: drawable(x, f"points of {key}", 2, finite=True) for key, x in panels.items()}
    labels = class_indices(labels, len(next(iter(panels.values()))), len(class_names))
    for key, points in panels.items():
        if points.shape != (len(labels), 2):
            raise ValueError(f"points of {key} have shape {points.shape}: ({len(labels)}, 2)?")
    layers: dict[str, list[str]] = {}
    for condition, layer in panels:
        layers.setdefault(condition, []).append(layer)
    shared = [(c, own[0]) for c, own in layers.items() if len(own) == 1 < len(panels)]
    rows = [[*shared, *((c, layer) for layer in own)] for c, own in layers.items() if len(own) > 1]
    rows = rows or [list(panels)]
    side = min(3.1, WIDTH / len(rows[0]))
    fig, axes = plt.subplot_mosaic(
        [[", ".join(reversed(key)) for key in row] for row in rows],
        figsize=(side * len(rows[0]), (side + 0.15) * len(rows) + 0.3),
    )
    fig.suptitle(title, fontsize=13)
    for (condition, layer), points in panels.items():
        axis = axes[f"{layer}, {condition}"]
        _panel(axis, points, labels, len(class_names))
        axis.set_title(f"{layer}, {condition}", loc="center")
    for condition, layer in panels:
        points = panels[condition, layer]
        _name_classes(axes[f"{layer}, {condition}"], points, labels, class_names, names_at)
    return fig


def _panel(axis: Axes, points: np.ndarray, labels: np.ndarray, classes: int) -> None:
    picture, extent = shade(points, labels, classes, _bins(len(points)))
    axis.imshow(picture, extent=extent, origin="lower", interpolation="nearest")
    _bare(axis)


def _name_classes(
    axis: Axes, points: np.ndarray, labels: np.ndarray, class_names: Sequence[str], names_at: str
) -> None:
    """Write every class at its place, or beside it where another name is there already."""
    present = [c for c in range(len(class_names)) if (labels == c).any()]
    place = _densest if names_at == "densest" else partial(np.mean, axis=0)
    x, y = np.array([place(points[labels == c]) for c in present]).T
    colours = [tuple(np.array(COLOURS[c % len(COLOURS)]) * 0.55) for c in present]
    style = {"weight": "bold", "path_effects": _HALO}
    name_points(
        axis, x, y, [str(class_names[c]) for c in present], centred=True, colours=colours, **style
    )


def _densest(points: np.ndarray) -> np.ndarray:
    """Return the middle of the most points that lie within an eighth of their extent of one."""
    around = KDTree(points).query_ball_point(points, np.ptp(points, axis=0).max() / 8)
    return points[max(around, key=len)].mean(axis=0)


def _bare(axis: Axes) -> None:
    axis.set(xticks=[], yticks=[], aspect="equal")
    axis.spines[:].set_visible(False)


def _bins(n: int) -> int:
    """Pixels a side: enough to tell single points of a few, and few enough to fill with many."""
    return int(np.clip(4 * np.sqrt(n), 90, 280))
