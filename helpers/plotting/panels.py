"""Histograms of layers, and curves of statistics that come with intervals of their own."""

from __future__ import annotations

import re
from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from helpers.plotting.curves import LINES, MARKERS, depth_axis
from helpers.plotting.style import COLOURS


def histogram_panels(
    histograms: Mapping[str, tuple[np.ndarray, np.ndarray]],
    texts: Mapping[str, str],
    columns: int = 6,
) -> Figure:
    """Draw one histogram a layer, on a logarithmic axis of shares.

    Args:
        histograms: layer -> (edges (bins + 1,), share of all units in each bin (bins,)).
        texts: layer -> what to write into its panel.
        columns: panels a row.
    """
    rows = -(-len(histograms) // columns)
    size = (2.1 * columns, 1.75 * rows + 0.3)
    fig, axes = plt.subplots(rows, columns, figsize=size, sharex=True, sharey=True, squeeze=False)
    for axis in axes.flat[len(histograms) :]:
        axis.axis("off")
    for axis, (layer, (edges, share)) in zip(axes.flat, histograms.items(), strict=False):
        axis.stairs(share, edges, fill=True, color=COLOURS[0], alpha=0.8)
        axis.set_title(layer, fontsize=10, pad=2)
        axis.text(0.96, 0.94, texts[layer], transform=axis.transAxes, ha="right", va="top", size=9)
        axis.set_yscale("log")
    fig.supxlabel("activation", fontsize=11)
    fig.supylabel("share of units per bin (log)", fontsize=11)
    return fig


def interval_panels(
    table: pd.DataFrame,
    labels: Mapping[str, str],
    by: str | None = None,
    bands: Mapping[str, str] | None = None,
    guides: Mapping[str, float] | None = None,
) -> Figure:
    """Draw statistics against depth with their intervals, one panel above the other.

    Args:
        table: columns layer, depth, measure, value, low, high; optional columns: published
            (drawn as open diamonds), filled (False draws an open marker), and, for `bands`,
            band_low and band_high.
        labels: measure -> label of its y axis, in the order of the panels.
        by: a column whose values get a curve each.
        bands: measure -> what its grey band is called.
        guides: measure -> height of a thin line.
    """
    fig, axes = plt.subplots(
        len(labels), 1, figsize=(10, 0.8 + 3.1 * len(labels)), sharex=True, squeeze=False
    )
    for axis, (measure, label) in zip(axes.flat, labels.items(), strict=True):
        chosen = table[table["measure"] == measure]
        groups = [("this network", chosen)] if by is None else list(chosen.groupby(by, sort=False))
        for k, (name, rows) in enumerate(groups):
            _interval_curve(axis, rows, str(name), k)
        if bands and measure in bands:
            low, high = chosen["band_low"], chosen["band_high"]
            axis.vlines(
                chosen["depth"], low, high, "0.8", linewidth=9, zorder=0, label=bands[measure]
            )
        if "published" in chosen and chosen["published"].notna().any():
            style = {"marker": "D", "facecolor": "none", "edgecolor": "black", "zorder": 4}
            axis.scatter(chosen["depth"], chosen["published"], s=42, label="published", **style)
        if guides and measure in guides:
            axis.axhline(guides[measure], color="0.4", linewidth=0.8, linestyle=":")
        axis.set_ylabel(label)
        axis.grid(axis="y", color="0.9")
        if len(axis.get_legend_handles_labels()[0]) > 1:
            axis.legend(fontsize=9)
    layers = table.drop_duplicates("depth").sort_values("depth")
    depth_axis(axes.flat[-1], layers["depth"], layers["layer"])
    return fig


def layer_scatter(panels: Mapping[str, pd.DataFrame], x: str, y: str) -> Figure:
    """Scatter one statistic of the layers against another, a panel for each table.

    Layers are written short: a1 is activation_1, m1 is mixed1.

    Args:
        panels: title -> table with columns layer, depth, x, y, and optionally the ends of
            their intervals, x_low, x_high, y_low, y_high.
        x: label of the x axis.
        y: label of the y axis.
    """
    size = (5.4 * len(panels), 4.6)
    fig, axes = plt.subplots(1, len(panels), figsize=size, sharex=True, sharey=True, squeeze=False)
    for axis, (title, table) in zip(axes.flat, panels.items(), strict=True):
        if "x_low" in table:
            axis.hlines(table["y"], table["x_low"], table["x_high"], "0.6", linewidth=1)
            axis.vlines(table["x"], table["y_low"], table["y_high"], "0.6", linewidth=1)
        points = axis.scatter(table["x"], table["y"], c=table["depth"], cmap="cividis", zorder=3)
        axis.set(title=title, xlabel=x)
    # Shared limits are final, and with them the distances between points, after the last panel.
    for axis, table in zip(axes.flat, panels.values(), strict=True):
        _name_points(axis, table)
    axes.flat[0].set_ylabel(y)
    fig.colorbar(points, ax=axes, label="depth (layer index)")
    return fig


def unit_and_direction_histograms(
    values: Mapping[str, tuple[np.ndarray, np.ndarray]], bins: int = 80, limit: float = 10
) -> Figure:
    """Compare the distribution of activations along units and along random directions.

    Args:
        values: layer -> (activations along units, activations along directions), any shapes,
            each standardised to mean 0 and standard deviation 1.
        bins: of the histograms.
        limit: the histograms reach from -limit to limit standard deviations.
    """
    size = (3.6 * len(values), 3.2)
    fig, axes = plt.subplots(1, len(values), figsize=size, sharey=True, squeeze=False)
    edges = np.linspace(-limit, limit, bins + 1)
    centres = (edges[1:] + edges[:-1]) / 2
    for axis, (layer, pair) in zip(axes.flat, values.items(), strict=True):
        for k, (sample, name) in enumerate(zip(pair, ("units", "random directions"), strict=True)):
            share = np.histogram(sample, edges)[0] / np.size(sample)
            share = np.where(share > 0, share, np.nan)
            axis.plot(centres, share, color=COLOURS[k], linestyle=LINES[k], label=name)
        axis.set(title=layer, xlabel="activation (standard deviations)", yscale="log")
    axes.flat[0].set_ylabel("share of values per bin")
    axes.flat[0].legend(fontsize=9)
    return fig


def _name_points(axis: Axes, table: pd.DataFrame) -> None:
    """Write each layer's name at the corner of its point that is farthest from all else."""
    points = axis.transData.transform(table[["x", "y"]]) * 72 / axis.figure.dpi
    corners = np.array([(5, 3), (5, -11), (-20, 3), (-20, -11)])
    to_centre = np.array([8, 4])
    taken = list(points)
    for row, point in zip(table.itertuples(), points, strict=True):
        centres = point + corners + to_centre
        room = np.linalg.norm(centres[:, None] - np.array(taken), axis=2).min(axis=1).round()
        corner = int(np.minimum(room, 16).argmax())  # with room enough, the first
        taken.append(centres[corner])
        place = {"xytext": corners[corner], "textcoords": "offset points"}
        axis.annotate(_short(row.layer), (row.x, row.y), size=9, **place)


def _short(layer: str) -> str:
    """Shorten "activation_3" to "a3" and "mixed3" to "m3", so that names do not overlap."""
    found = re.fullmatch(r"(activation|mixed)_?(\d*)", layer)
    return f"{found[1][0]}{found[2] or 0}" if found else layer


def _interval_curve(axis: Axes, rows: pd.DataFrame, name: str, k: int) -> None:
    colour = COLOURS[k % len(COLOURS)]
    rows = rows.sort_values("depth")
    axis.fill_between(rows["depth"], rows["low"], rows["high"], color=colour, alpha=0.3, lw=0)
    axis.plot(rows["depth"], rows["value"], color=colour, linestyle=LINES[k % len(LINES)])
    filled = rows["filled"] if "filled" in rows else np.ones(len(rows), bool)
    faces = [colour if full else "white" for full in filled]
    marker = {"marker": MARKERS[k % len(MARKERS)], "s": 32, "edgecolor": [colour], "zorder": 3}
    axis.scatter(rows["depth"], rows["value"], color=faces, label=name, **marker)
