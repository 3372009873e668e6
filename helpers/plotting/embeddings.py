"""Embeddings of layers side by side: density pictures of the classes, and a panel to explore."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import ipywidgets
import matplotlib.patheffects as effects
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.ndimage import gaussian_filter

from helpers.plotting.scatter import name_points
from helpers.plotting.style import COLOURS, WIDTH, light_picture

Panels = Mapping[tuple[str, str], np.ndarray]
Backdrops = Mapping[tuple[str, str], tuple[np.ndarray, tuple[float, float, float, float]]]

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
) -> Figure:
    """Draw embeddings of the same images: a row for each condition, a column for each layer.

    Args:
        panels: (condition, layer) → (n, 2) positions, in the order in which
            rows and columns appear.
        labels: (n,) class indices.
        class_names: a name for each class, written at the centroid of its points.
        title: above the figure.
    """
    conditions, layers = (list(dict.fromkeys(key[i] for key in panels)) for i in (0, 1))
    side = min(3.1, WIDTH / len(layers))
    fig, axes = plt.subplots(
        len(conditions),
        len(layers),
        figsize=(side * len(layers), (side + 0.15) * len(conditions) + 0.3),
        squeeze=False,
    )
    for row, condition in zip(axes, conditions, strict=True):
        for axis, layer in zip(row, layers, strict=True):
            _panel(axis, panels[condition, layer], labels, len(class_names))
            axis.set_title(f"{layer}, {condition}", loc="center")
    fig.suptitle(title, fontsize=13)
    for axis, key in zip(
        axes.flat, ((c, layer) for c in conditions for layer in layers), strict=True
    ):
        _name_classes(axis, panels[key], labels, class_names)
    return fig


def embedding_explorer(
    panels: Panels, images: np.ndarray, labels: np.ndarray, class_names: Sequence[str]
) -> ipywidgets.Widget:
    """Let the reader pick an image and see where it lies in every layer.

    The images of a class are ordered by how far they end up from their class'
    centroid in the last panel: the first is the most typical, the last the
    strangest. Beside the image stand, for every panel, the classes of its ten
    nearest points.

    Args:
        panels: (condition, layer) → (n, 2) positions.
        images: (n, height, width) the images.
        labels: (n,) class indices.
        class_names: a name for each class.

    Returns:
        A widget for Jupyter: class, rank and the picture that follows them.
    """
    last = list(panels.values())[-1]
    order = [_by_distance(last, labels == c) for c in range(len(class_names))]
    category = ipywidgets.Dropdown(
        options=[(str(name), i) for i, name in enumerate(class_names)], description="class"
    )
    rank = ipywidgets.IntSlider(
        max=len(order[0]) - 1, description="typical → odd", continuous_update=False
    )
    rank.style.description_width = rank.layout.width = "initial"
    rank.layout.width = "420px"
    image = ipywidgets.Image(format="png")
    backdrops = _backdrops(panels, labels, len(class_names))

    def draw(_: object = None) -> None:
        i = int(order[category.value][rank.value])
        fig = embedded_image(panels, images, labels, class_names, i, backdrops)
        image.value = light_picture(fig).data

    def change_class(change: dict) -> None:
        rank.max = len(order[change["new"]]) - 1
        if rank.value == 0:
            draw()
        rank.value = 0

    category.observe(change_class, "value")
    rank.observe(draw, "value")
    draw()
    return ipywidgets.VBox([ipywidgets.HBox([category, rank]), image])


def embedded_image(
    panels: Panels,
    images: np.ndarray,
    labels: np.ndarray,
    class_names: Sequence[str],
    i: int | None = None,
    backdrops: Backdrops | None = None,
) -> Figure:
    """Draw one image, its point in every panel, and whose points are the ten nearest there.

    Args:
        panels, images, labels, class_names: as for `embedding_explorer`.
        i: which image; default: the one farthest from its class' centroid in the first panel.
        backdrops: the panels' pictures, if they are drawn already.
    """
    backdrops = backdrops or _backdrops(panels, labels, len(class_names))
    if i is None:
        first = next(iter(panels.values()))
        ends = [_by_distance(first, labels == c)[-1] for c in np.unique(labels)]
        own = [first[labels == labels[e]].mean(axis=0) for e in ends]
        i = int(ends[np.argmax(np.linalg.norm(first[ends] - own, axis=1))])
    fig, axes = plt.subplots(1, len(panels) + 1, figsize=(min(WIDTH, 2.6 * (len(panels) + 1)), 2.9))
    axes[0].imshow(images[i], cmap="gray_r")
    axes[0].set_title(f"image {i}, a “{class_names[labels[i]]}”", loc="center", fontsize=10)
    axes[0].axis("off")
    for axis, (key, points) in zip(axes[1:], panels.items(), strict=True):
        picture, extent = backdrops[key]
        axis.imshow(picture, extent=extent, origin="lower", alpha=0.6)
        axis.plot(*points[i], "o", ms=11, mfc="none", mec="black", mew=2)
        near = np.argsort(((points - points[i]) ** 2).sum(axis=1))[1:11]
        names, counts = np.unique(labels[near], return_counts=True)
        most = np.argsort(-counts, kind="stable")[:2]
        text = ", ".join(f"{counts[m]}× {class_names[names[m]]}" for m in most)
        axis.set_title(f"{key[1]}, {key[0]}", loc="center", fontsize=10)
        axis.set_xlabel(f"nearest: {text}", fontsize=9)
        _bare(axis)
    return fig


def _backdrops(panels: Panels, labels: np.ndarray, classes: int) -> Backdrops:
    return {key: shade(p, labels, classes, _bins(len(p))) for key, p in panels.items()}


def _panel(axis: Axes, points: np.ndarray, labels: np.ndarray, classes: int) -> None:
    picture, extent = shade(points, labels, classes, _bins(len(points)))
    axis.imshow(picture, extent=extent, origin="lower", interpolation="nearest")
    _bare(axis)


def _name_classes(
    axis: Axes, points: np.ndarray, labels: np.ndarray, class_names: Sequence[str]
) -> None:
    """Write every class at its centroid, or beside it where another name is there already."""
    present = [c for c in range(len(class_names)) if (labels == c).any()]
    x, y = np.array([points[labels == c].mean(axis=0) for c in present]).T
    colours = [tuple(np.array(COLOURS[c % len(COLOURS)]) * 0.55) for c in present]
    style = {"weight": "bold", "path_effects": _HALO}
    name_points(
        axis, x, y, [str(class_names[c]) for c in present], centred=True, colours=colours, **style
    )


def _bare(axis: Axes) -> None:
    axis.set(xticks=[], yticks=[], aspect="equal")
    axis.spines[:].set_visible(False)


def _bins(n: int) -> int:
    """Pixels a side: enough to tell single points of a few, and few enough to fill with many."""
    return int(np.clip(4 * np.sqrt(n), 90, 280))


def _by_distance(points: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Indices of the chosen points, from the centroid outwards."""
    members = np.flatnonzero(chosen)
    distance = np.linalg.norm(points[members] - points[members].mean(axis=0), axis=1)
    return members[np.argsort(distance, kind="stable")]
