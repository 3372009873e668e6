"""Scatter plots whose points are named without names running into each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import MaxNLocator

from helpers.plotting.arrays import drawable, tabled
from helpers.plotting.style import COLOURS, SEQUENTIAL, WIDTH, number, short_names

_COMPASS = np.array([(1, 1), (1, -1), (-1, 1), (-1, -1), (1, 0), (-1, 0), (0, 1), (0, -1)])
_LINE = 0.75  # share of the way from a point to the middle of its name


def layer_scatter(
    panels: Mapping[str, pd.DataFrame], x: str, y: str, depth: str = "depth (layer index)"
) -> Figure:
    """Scatter one statistic of the layers against another, a panel for each table.

    Args:
        panels: title -> table with columns layer, depth, x, y, and optionally the ends of
            their intervals, x_low, x_high, y_low, y_high.
        x: label of the x axis.
        y: label of the y axis.
        depth: what the colours of the points are called.

    Raises:
        TypeError: a column of numbers holds something else.
        ValueError: a column is missing, a table is empty, or a number is not finite.
    """
    ends = ("x_low", "x_high", "y_low", "y_high")
    panels = {
        title: tabled(table, ["depth", "x", "y"], [], ["layer"], ends, f"table {title!r}")
        for title, table in panels.items()
    }
    fig, axes = _panels(len(panels), 5.0)
    for axis, (title, table) in zip(axes, panels.items(), strict=True):
        _points(axis, table)
        axis.set(title=title, xlabel=x)
        axis.sharex(axes[0])
        axis.sharey(axes[0])
    axes[0].set_ylabel(y)
    _depth_bar(fig, axes, depth)
    for axis, table in zip(axes, panels.values(), strict=True):
        name_points(axis, table["x"], table["y"], short_names(table["layer"]))
    return fig


def rank_agreement(table: pd.DataFrame, pairs: Sequence[tuple[str, str]]) -> Figure:
    """Scatter the layers' means of one measure against those of another, a panel for each pair.

    Args:
        table: columns layer, depth and one column for each measure (a row per layer).
        pairs: the measures of each panel, (x, y); the two may be the same. Layers without one of
            them are left out.

    Raises:
        TypeError: a column of numbers holds something else.
        ValueError: a column is missing, the table is empty, or a number is infinite.
    """
    table = tabled(table, ["depth"], {column for pair in pairs for column in pair}, ["layer"])
    fig, axes = _panels(len(pairs), 4.8)
    named = []
    for axis, (x, y) in zip(axes, pairs, strict=True):
        columns = {"layer": "layer", "depth": "depth", "x": x, "y": y}
        rows = pd.DataFrame({name: table[column] for name, column in columns.items()}).dropna()
        if rows.empty:
            raise ValueError(f"no layer of the table has a value of {x} and of {y}")
        _points(axis, rows)
        named.append(rows)
        axis.set(xlabel=x.replace("_", " "), ylabel=y.replace("_", " "))
        rho = rows[["x", "y"]].corr(method="spearman").iloc[0, 1]
        axis.set_title(f"Spearman ρ = {number(rho)} over {len(rows)} layers")
    _depth_bar(fig, axes, "depth (layer index)")
    for axis, rows in zip(axes, named, strict=True):
        name_points(axis, rows["x"], rows["y"], short_names(rows["layer"]))
    return fig


def category_scatter(
    table: pd.DataFrame,
    outcome: Mapping[str, np.ndarray],
    layers: Mapping[str, Sequence[str]],
    x: str = "PSI of the category",
    y: str = "accuracy of the category",
    names: int = 3,
) -> Figure:
    """Scatter an outcome of the categories against a measure: a row per network, columns layers.

    Args:
        table: columns network, layer, category, value, the categories sorted.
        outcome: network -> (categories,) a share, such as the accuracy.
        layers: network -> the layers to show.
        x: label of the x axes.
        y: label of the y axes.
        names: how many of the lowest and of the highest categories are named, their points ringed.

    Raises:
        TypeError: values or outcomes are no real numbers.
        ValueError: a column is missing, a layer is not in the table, its rows are not one for each
            outcome, or a number is not finite.
    """
    table = tabled(table, ["value"], others=["network", "layer", "category"])
    outcome = {
        network: drawable(x, f"outcome of {network!r}", 1, finite=True)
        for network, x in outcome.items()
    }
    across = max(map(len, layers.values()))
    size = (min(WIDTH, 4.6 * across), 3.7 * len(layers) + 0.3)
    fig, axes = plt.subplots(len(layers), across, figsize=size, squeeze=False, sharey="row")
    later = []
    for line, (network, chosen) in zip(axes, layers.items(), strict=True):
        for axis in line[len(chosen) :]:
            axis.axis("off")
        for axis, layer, short in zip(line, chosen, short_names(chosen), strict=False):
            rows = table[(table["network"] == network) & (table["layer"] == layer)]
            value, share = rows["value"].to_numpy(), outcome[network]
            if len(value) != len(share):
                raise ValueError(
                    f"{layer!r} of {network!r} has {len(value)} values and the outcome "
                    f"{len(share)}: one of each per category"
                )
            axis.scatter(value, share, s=16, color=COLOURS[0], alpha=0.7, linewidth=0)
            if np.ptp(value) and np.ptp(share):
                slope, intercept = np.polyfit(value, share, 1)
                ends = np.linspace(value.min(), value.max(), 200)
                fit = slope * ends + intercept
                axis.plot(ends[(fit >= 0) & (fit <= 1)], fit[(fit >= 0) & (fit <= 1)], color="0.3")
            axis.set_title(f"{network}\n{short}", fontsize=10)
            axis.set_xlabel(x)
            axis.locator_params(axis="x", nbins=5)
            axis.margins(0.22, 0.12)  # room for the names of the outermost points
            order = np.argsort(value)
            ends = np.unique([*order[:names], *order[len(order) - names :]])
            style = {"facecolor": COLOURS[0], "edgecolor": "black", "linewidth": 0.9}
            axis.scatter(value[ends], share[ends], s=24, zorder=3, **style)
            later.append((axis, value, share, rows["category"].to_numpy(), ends))
        line[0].set_ylabel(y)
        low = line[0].get_ylim()[0]
        line[0].set_yticks([t for t in line[0].get_yticks() if low <= t < 1.001])  # of a share
    for axis, value, share, categories, ends in later:
        named = [str(name).replace("_", " ") for name in categories]
        texts = [name if i in ends else "" for i, name in enumerate(named)]
        name_points(axis, value, share, texts, size=8.5)
    return fig


def name_points(
    axis: Axes,
    x: Sequence[float],
    y: Sequence[float],
    names: Sequence[str],
    size: float = 9,
    centred: bool = False,
    colours: Sequence | None = None,
    **style: object,
) -> list[Text]:
    """Write each point's name beside it, where it covers the least of points and other names.

    Call it last, when limits and layout are settled. A name that must stand away from its
    point is joined to it by a thin line, which crosses no other name where that can be avoided.

    Args:
        axis: with the points drawn.
        x: (n,) positions.
        y: (n,) positions.
        names: (n,) texts; points with "" are kept clear, but not named.
        size: of the text.
        centred: whether the first choice is on the point itself (a cluster's centre).
        colours: (n,) of the texts.
        style: of all texts, as for `Axes.annotate`.

    Returns:
        The texts, in the order of the names that are not "".

    Raises:
        TypeError: positions are no real numbers.
        ValueError: x, y and names differ in length, or a position is not finite.
    """
    x, y = drawable(x, "x", 1, finite=True), drawable(y, "y", 1, finite=True)
    if not len(x) == len(y) == len(names):
        raise ValueError(f"x, y and names differ in length: {len(x)}, {len(y)}, {len(names)}")
    places = np.column_stack([x, y])
    fig = axis.figure
    fig.draw_without_rendering()
    renderer = fig.canvas.get_renderer()
    scale = fig.dpi / 72
    points = axis.transData.transform(places)
    frame = axis.get_window_extent(renderer)
    taken, lines = np.empty((0, 4)), np.empty((0, 2))  # boxes of texts, dots along their lines
    along = np.linspace(0, _LINE, 20)[:, None, None]
    texts = []
    for k, (name, point) in enumerate(zip(names, points, strict=True)):
        if not name:
            continue
        own = style if colours is None else style | {"color": colours[k]}
        text = axis.annotate(
            name, places[k], xytext=(0, 0), textcoords="offset points", fontsize=size,
            ha="center", va="center", **own,
        )  # fmt: skip
        text.set_in_layout(False)
        extent = text.get_window_extent(renderer)
        half = np.array([extent.width + 3 * scale, extent.height]) / 2
        shifts = np.concatenate([_COMPASS * (half + gap * scale) for gap in (4, 10, 18, 28, 40)])
        shifts = np.concatenate([[(0, 0)], shifts]) if centred else shifts
        boxes = np.concatenate([point + shifts - half, point + shifts + half], axis=1)
        far = np.arange(len(shifts)) >= len(_COMPASS) + centred
        covered = _cover(boxes, taken) / (4 * half.prod())
        cost = 3 * covered + (covered > 0.01)
        cost += 4 * _within(lines, boxes).any(axis=0)
        crossed = _within(point + along * shifts, taken).any(axis=0) & ~_within(point, taken)
        cost += 4 * far * crossed.sum(axis=-1)
        if not centred:
            cost += _within(points, boxes, margin=2).sum(axis=0)
        cost += 3 * (
            (boxes[:, :2] < frame.min).any(axis=1) | (boxes[:, 2:] > frame.max).any(axis=1)
        )
        best = int(np.argmin(cost.round(2) + 1e-3 * np.arange(len(cost))))
        text.set_position(shifts[best] / scale)
        taken = np.vstack([taken, boxes[best]])
        if far[best]:
            lines = np.vstack([lines, point + along[:, 0] * shifts[best]])
            end = axis.transData.inverted().transform(point + shifts[best] * _LINE)
            axis.plot(*np.transpose([places[k], end]), color="0.6", linewidth=0.6, zorder=1)
        texts.append(text)
    return texts


def _cover(boxes: np.ndarray, taken: np.ndarray) -> np.ndarray:
    """Return how much area of each box (left, bottom, right, top) lies under taken ones."""
    low = np.maximum(boxes[:, None, :2], taken[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], taken[None, :, 2:])
    return np.clip(high - low, 0, None).prod(axis=2).sum(axis=1)


def _within(points: np.ndarray, boxes: np.ndarray, margin: float = 0) -> np.ndarray:
    """Return which points (..., 2) lie in which boxes (boxes, 4), as booleans (..., boxes)."""
    points = points[..., None, :]
    low, high = boxes[:, :2] - margin, boxes[:, 2:] + margin
    return ((points > low) & (points < high)).all(axis=-1)


def _panels(count: int, height: float) -> tuple[Figure, list[Axes]]:
    size = (min(WIDTH, 5.6 * count + 0.8), height)
    fig, axes = plt.subplots(1, count, figsize=size, squeeze=False)
    return fig, list(axes.flat)


def _points(axis: Axes, table: pd.DataFrame) -> None:
    if "x_low" in table:
        axis.hlines(table["y"], table["x_low"], table["x_high"], "0.65", linewidth=1)
    if "y_low" in table:
        axis.vlines(table["x"], table["y_low"], table["y_high"], "0.65", linewidth=1)
    style = {"cmap": SEQUENTIAL, "s": 42, "edgecolor": "white", "linewidth": 0.5, "zorder": 3}
    axis.scatter(table["x"], table["y"], c=table["depth"], **style)


def _depth_bar(fig: Figure, axes: list[Axes], label: str) -> None:
    """Give all panels one scale of depth and draw it."""
    drawn = [axis.collections[-1] for axis in axes]
    low, high = (end([f([each.get_array().min(), each.get_array().max()]) for each in drawn])
                 for end, f in ((min, min), (max, max)))  # fmt: skip
    for each in drawn:
        each.set_clim(low, high)
    fig.colorbar(drawn[0], ax=axes, label=label, pad=0.02, ticks=MaxNLocator(integer=True))
