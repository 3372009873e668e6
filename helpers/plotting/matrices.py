"""Matrices: images x images, layers x layers, categories x layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colorbar import Colorbar
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from helpers.plotting.arrays import drawable, tabled
from helpers.plotting.depth import depth_axis
from helpers.plotting.style import DIVERGING, SEQUENTIAL, WIDTH, number, short_names

Limits = tuple[float, float]


def layer_matrices(
    matrices: Mapping[str, np.ndarray],
    layers: Sequence[str],
    limits: Limits | None = (0, 1),
    label: str = "similarity of layers",
    numbers: bool = False,
    wrap: int = 2,
    stages: Mapping[str, str] | None = None,
) -> Figure:
    """Draw (layers, layers) matrices side by side.

    Args:
        matrices: title -> (layers, layers).
        layers: names, in order of depth.
        limits: ends of the one colour scale, signed and white at zero if the lower is
            negative; None gives each panel a scale of its own.
        label: of the colour bars.
        numbers: write each value into its cell.
        wrap: panels per row.
        stages: layer -> the part of the network that it is in; lines are drawn between parts.
    """
    matrices = {title: drawable(x, f"matrix {title!r}", 2) for title, x in matrices.items()}
    wrap = min(wrap, len(matrices))
    lines = -(-len(matrices) // wrap)
    side = min((0.5 if numbers else 0.3) * len(layers) + 1.7, (WIDTH - 1) / wrap)
    fig, axes = plt.subplots(
        lines, wrap, figsize=(side * wrap + 1, (side + 0.2) * lines), squeeze=False
    )
    for axis in axes.flat[len(matrices) :]:
        axis.axis("off")
    names = short_names(layers)
    turned = 0 if max(map(len, names)) < 4 else 90
    for axis, (title, matrix) in zip(axes.flat, matrices.items(), strict=False):
        drawn = _image(axis, matrix, limits or _limits(matrix))
        axis.set_xticks(range(len(layers)), names, rotation=turned, fontsize=8.5)
        axis.set_yticks(range(len(layers)), names, fontsize=8.5)
        axis.set_title(title)
        if numbers:
            _write(axis, drawn)
        for k in _changes([(stages or {}).get(layer) for layer in layers]):
            axis.axhline(k - 0.5, color="white", linewidth=1.5)
            axis.axvline(k - 0.5, color="white", linewidth=1.5)
        if limits is None:
            _bar(fig, drawn, axis, label, shrink=0.8)
    if limits is not None:
        every = list(matrices.values())
        _bar(fig, drawn, axes.ravel().tolist(), label, every, shrink=0.7)
    return fig


def clustered_matrices(
    matrices: Mapping[str, np.ndarray], orders: Mapping[str, np.ndarray], label: str = "r"
) -> Figure:
    """Draw (images, images) correlation matrices, a row of panels for each order of the images.

    Every panel has a scale of its own, whose ends are written below it; an arrow shows that
    values lie beyond (the ends are the 2nd and 98th percentile). Neighbours in the order are
    averaged where there are more than 72 images.

    Args:
        matrices: layer -> (images, images).
        orders: what the order is called -> (images,) indices.
        label: of the values.
    """
    matrices = {layer: drawable(x, f"matrix {layer!r}", 2) for layer, x in matrices.items()}
    names = short_names(list(matrices))
    size = (min(WIDTH, 1.9 * len(matrices) + 0.6), 2.3 * len(orders) + 0.3)
    fig, axes = plt.subplots(len(orders), len(matrices), figsize=size, squeeze=False)
    for row, (name, order) in zip(axes, orders.items(), strict=True):
        for axis, title, matrix in zip(row, names, matrices.values(), strict=True):
            coarse = _coarse(matrix[np.ix_(order, order)], 72)
            drawn = _image(axis, coarse, _limits(matrix))
            _bar(fig, drawn, axis, "", ends=True, location="bottom", shrink=0.9, pad=0.03)
            axis.set_title(title, fontsize=10, loc="center")
            axis.set(xticks=[], yticks=[])
        row[0].set_ylabel(f"images, by the\nclusters of {name}", fontsize=10)
    fig.supxlabel(f"colours: {label} of two images", fontsize=10)
    return fig


def compared_matrices(
    pairs: Mapping[str, tuple[np.ndarray, np.ndarray]],
    groups: Sequence[str] | None = None,
    limits: Limits | None = None,
    difference: float | None = None,
    label: str = "r",
    wrap: int = 7,
) -> Figure:
    """Draw ours above the published matrix above their difference, a column for each layer.

    Args:
        pairs: layer -> (ours, published), both (images, images).
        groups: (images,) the category of each image; thin lines part categories.
        limits: ends of the scale of ours and published; default: of the values off the diagonal.
        difference: the scale of differences reaches from -difference to difference;
            default: the largest. Arrows show what is clipped.
        label: of the values.
        wrap: columns; more layers go into further blocks of three rows.
    """
    pairs = {
        layer: tuple(drawable(x, f"matrix {layer!r}", 2) for x in pair)
        for layer, pair in pairs.items()
    }
    off = {layer: ours - theirs for layer, (ours, theirs) in pairs.items()}
    both = [matrix for pair in pairs.values() for matrix in pair]
    apart = [matrix[np.triu_indices(len(matrix), 1)] for matrix in both]
    limits = limits or (min(map(np.nanmin, apart)), max(map(np.nanmax, apart)))
    reach = difference or max(np.nanmax(np.abs(each)) for each in off.values())
    wrap = min(wrap, len(pairs))
    blocks = -(-len(pairs) // wrap)
    side = min(3.2, (WIDTH - 1.8) / wrap)
    size = (side * wrap + 1.8, (3 * side + 0.5) * blocks)
    fig, axes = plt.subplots(3 * blocks, wrap, figsize=size, squeeze=False)
    for axis in axes.flat:
        axis.axis("off")
    names = dict(zip(pairs, short_names(list(pairs)), strict=True))
    for k, (layer, pair) in enumerate(pairs.items()):
        block, column = divmod(k, wrap)
        for j, matrix in enumerate((*pair, off[layer])):
            axis = axes[3 * block + j, column]
            axis.axis("on")
            axis.set(xticks=[], yticks=[])
            drawn = _image(axis, matrix, limits if j < 2 else (-reach, reach))
            for at in _changes(list(groups) if groups is not None else []):
                axis.axhline(at - 0.5, color="0.5", linewidth=0.4)
                axis.axvline(at - 0.5, color="0.5", linewidth=0.4)
            if column == 0:
                axis.set_ylabel(("ours", "published", "ours −\npublished")[j], fontsize=10)
            if j == 0:
                axis.set_title(names[layer], fontsize=10, loc="center")
                values = drawn
    style = {"shrink": 0.45, "aspect": 30, "pad": 0.01}
    _bar(fig, values, axes[: 3 * blocks : 3].ravel().tolist(), label, both, **style)
    _bar(fig, drawn, axes[2 : 3 * blocks : 3].ravel().tolist(), "difference", list(off.values()),
         **style)  # fmt: skip
    return fig


def category_map(
    table: pd.DataFrame, measure: str, stages: Mapping[str, str] | None = None
) -> Figure:
    """Draw, for each category and layer, how far its mean lies from the layer's mean.

    Args:
        table: tidy table with columns layer, depth, category, measure, value.
        measure: which measure of the table to draw.
        stages: layer -> the part of the network that it is in.

    Raises:
        TypeError, ValueError: as in `against_depth`; no row has the measure.
    """
    chosen = table[table["measure"] == measure] if "measure" in table else table
    chosen = tabled(chosen, ["depth"], ["value"], ["layer", "category", "measure"])
    means = chosen.pivot_table(index="category", columns="depth", values="value", observed=True)
    away = (means - means.mean(axis=0)).to_numpy()
    limit = float(np.nanmax(np.abs(away)))
    layers = chosen.drop_duplicates("depth").sort_values("depth")[["layer"]]
    layers = layers.assign(depth=range(len(layers)))
    if stages is not None:
        layers["stage"] = layers["layer"].map(stages)
    fig, axis = plt.subplots(figsize=(10, 0.34 * len(means) + 1.9))
    drawn = _image(axis, away, (-limit, limit), aspect="auto", zorder=2)  # above the stages
    axis.set_yticks(range(len(means)), means.index)
    depth_axis(axis, layers, 8.5)
    axis.set_xlim(-0.5, len(layers) - 0.5)
    axis.grid(False)
    _bar(fig, drawn, axis, f"{measure}: category − all", pad=0.01)
    return fig


def _image(axis: Axes, matrix: np.ndarray, limits: Limits, **style: object) -> AxesImage:
    """Draw a matrix; a scale that reaches below zero is signed, white at zero."""
    low, high = limits
    signed = low < 0 < high
    if signed:
        low, high = -max(-low, high), max(-low, high)
    colours = plt.get_cmap(DIVERGING if signed else SEQUENTIAL).with_extremes(bad="0.85")
    axis.spines[:].set_visible(False)
    return axis.imshow(matrix, cmap=colours, vmin=low, vmax=high, interpolation="nearest", **style)


def _bar(
    fig: Figure,
    drawn: AxesImage,
    axes: Axes | list[Axes],
    label: str,
    matrices: Sequence[np.ndarray] | None = None,
    ends: bool = False,
    **style: object,
) -> Colorbar:
    """Draw a colour bar, with an arrow at each end beyond which there are values.

    Args:
        matrices: all that share the scale; default: the drawn one.
        ends: write the ends of the scale only.
    """
    every = [drawn.get_array().filled(np.nan)] if matrices is None else matrices
    low, high = drawn.get_clim()
    slack = 1e-9 * (high - low)
    below = min(map(np.nanmin, every)) < low - slack
    above = max(map(np.nanmax, every)) > high + slack
    extend = {(0, 0): "neither", (1, 0): "min", (0, 1): "max", (1, 1): "both"}[below, above]
    bar = fig.colorbar(drawn, ax=axes, label=label, extend=extend, **style)
    if ends:
        digits = max(2, 1 - int(np.floor(np.log10(max(high - low, 1e-9)))))
        bar.set_ticks([low, high], labels=[number(low, digits), number(high, digits)])
        bar.ax.tick_params(labelsize=8.5)
    return bar


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


def _limits(matrix: np.ndarray) -> Limits:
    low, high = np.nanpercentile(matrix[np.triu_indices(len(matrix), 1)], [2, 98])
    # Correlations that hardly reach below zero are not a signed matter.
    return (0.0, float(high)) if -0.1 * high < low < 0 else (float(low), float(high))


def _changes(groups: Sequence[str | None]) -> list[int]:
    return [k for k in range(1, len(groups)) if groups[k] != groups[k - 1]]


def _write(axis: Axes, drawn: AxesImage) -> None:
    matrix = drawn.get_array().filled(np.nan)
    colours = drawn.cmap(drawn.norm(matrix))
    bright = colours[..., :3] @ (0.299, 0.587, 0.114) > 0.5
    for (i, j), value in np.ndenumerate(matrix):
        style = {"ha": "center", "va": "center", "fontsize": 9}
        axis.text(j, i, number(value), color="black" if bright[i, j] else "white", **style)
