"""Matrices: images × images, layers × layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.offsetbox import AnnotationBbox, OffsetImage

from helpers.data import ImageSet
from helpers.plotting.style import COLOURS


def clustered_matrices(
    matrices: Mapping[str, np.ndarray],
    orders: Mapping[str, np.ndarray],
    groups: Sequence[str] | None = None,
) -> Figure:
    """Draw (images, images) correlation matrices, a row of panels for each order of the images.

    Neighbours in the order are averaged where there are more than 72 images.

    Args:
        matrices: layer -> (images, images).
        orders: what the order is called -> (images,) indices.
        groups: (images,) a group for each image, shown as a strip of colours above the
            panels; "" for images without one.
    """
    size = (2.1 * len(matrices) + 0.8, 2.35 * len(orders) + 0.5)
    fig, axes = plt.subplots(len(orders), len(matrices), figsize=size, squeeze=False)
    for row, (name, order) in zip(axes, orders.items(), strict=True):
        for axis, (layer, matrix) in zip(row, matrices.items(), strict=True):
            low, high = _limits(matrix)
            drawn = _coarse(matrix[np.ix_(order, order)], 72)
            style = {"cmap": "cividis", "interpolation": "nearest", "aspect": "auto"}
            image = axis.imshow(drawn, vmin=low, vmax=high, **style)
            fig.colorbar(image, ax=axis, location="bottom", shrink=0.8, pad=0.02).ax.tick_params(
                labelsize=7
            )
            if groups is not None:
                _strip(axis, np.asarray(groups)[order], np.unique(groups))
            axis.set_title(layer, fontsize=10, loc="center", pad=9)
            axis.set(xticks=[], yticks=[])
        row[0].set_ylabel(f"images, by the\nclusters of {name}", fontsize=10)
    if groups is not None:
        _legend(fig, [group for group in np.unique(groups) if group])
    return fig


def matrix_with_images(
    matrix: np.ndarray, order: np.ndarray, images: ImageSet, title: str, shown: int = 14
) -> Figure:
    """Draw one clustered matrix with thumbnails of evenly spaced images along both axes.

    Neighbours in the order are averaged where there are more than 125 images.

    Args:
        matrix: (images, images) correlations.
        order: (images,) indices.
        images: the images.
        title: above the matrix.
        shown: how many thumbnails an axis.
    """
    fig, axis = plt.subplots(figsize=(7.4, 6.6))
    low, high = _limits(matrix)
    side = len(order)
    drawn = axis.imshow(
        _coarse(matrix[np.ix_(order, order)], 125),
        cmap="cividis",
        interpolation="nearest",
        vmin=low,
        vmax=high,
        extent=(-0.5, side - 0.5, side - 0.5, -0.5),
    )
    fig.colorbar(drawn, ax=axis, label="correlation r", shrink=0.7)
    step = side / shown
    for place in (np.arange(shown) + 0.5) * step:
        picture = images.thumbnail(order[int(place)], 64)
        for at in ((place, -0.5 * step), (-0.5 * step, place)):
            offset = OffsetImage(picture, zoom=0.36, cmap="gray")
            axis.add_artist(AnnotationBbox(offset, at, frameon=False, annotation_clip=False))
    axis.set_title(title, pad=34)
    axis.set(xticks=[], yticks=[])
    axis.set_ylabel("images", labelpad=34)
    return fig


def layer_matrices(
    matrices: Mapping[str, np.ndarray],
    layers: Sequence[str],
    limits: tuple[float, float] = (0, 1),
    numbers: bool = False,
    columns: int = 2,
) -> Figure:
    """Draw (layers, layers) similarity matrices side by side on one colour scale.

    Args:
        matrices: title -> (layers, layers).
        layers: names, in depth order.
        limits: ends of the colour scale.
        numbers: write each value into its cell.
        columns: panels a row.
    """
    columns = min(columns, len(matrices))
    rows = -(-len(matrices) // columns)
    side = 0.27 * len(layers) + 1.7 if not numbers else 0.5 * len(layers) + 1.5
    size = (side * columns + 0.6, side * rows)
    fig, axes = plt.subplots(rows, columns, figsize=size, squeeze=False)
    for axis in axes.flat[len(matrices) :]:
        axis.axis("off")
    for axis, (title, matrix) in zip(axes.flat, matrices.items(), strict=False):
        drawn = axis.imshow(matrix, cmap="viridis", vmin=limits[0], vmax=limits[1])
        axis.set_xticks(range(len(layers)), layers, rotation=90, fontsize=8)
        axis.set_yticks(range(len(layers)), layers, fontsize=8)
        axis.set_title(title)
        if numbers:
            _write(axis, matrix, sum(limits) / 2)
    fig.colorbar(drawn, ax=axes, label="similarity of layers", shrink=0.6)
    return fig


def _coarse(matrix: np.ndarray, most: int) -> np.ndarray:
    """Average a matrix over square blocks, so that at most `most` rows are left.

    More cells than pixels would show noise. Images' correlations with themselves are left out.
    """
    width = -(-len(matrix) // most)
    if width == 1:
        return matrix
    side = width * -(-len(matrix) // width)
    padded = np.full((side, side), np.nan)
    padded[: len(matrix), : len(matrix)] = np.where(np.eye(len(matrix)), np.nan, matrix)
    return np.nanmean(padded.reshape(side // width, width, -1, width), axis=(1, 3))


def _limits(matrix: np.ndarray) -> np.ndarray:
    return np.nanpercentile(matrix[np.triu_indices(len(matrix), 1)], [2, 98])


def _write(axis: Axes, matrix: np.ndarray, middle: float) -> None:
    for (i, j), value in np.ndenumerate(matrix):
        colour = "black" if value > middle else "white"
        axis.text(j, i, f"{value:.2f}".replace("0.", "."), ha="center", va="center", color=colour)


def _strip(axis: Axes, groups: np.ndarray, names: np.ndarray) -> None:
    colours = _colours([name for name in names if name]) | {"": (1, 1, 1)}
    strip = np.array([[colours[group] for group in groups]])
    inset = axis.inset_axes([0, 1.01, 1, 0.035])
    inset.imshow(strip, aspect="auto")
    inset.axis("off")


def _legend(fig: Figure, names: list[str]) -> None:
    handles = [plt.Rectangle((0, 0), 1, 1, color=colour) for colour in _colours(names).values()]
    fig.legend(handles, names, loc="outside lower center", ncols=len(names), fontsize=9)


def _colours(names: Sequence[str]) -> dict[str, tuple]:
    return {name: COLOURS[k % len(COLOURS)] for k, name in enumerate(names)}
