"""Curves over the depth of a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from helpers.metrics.intervals import bootstrap_mean
from helpers.plotting.style import COLOURS

MARKERS = "osD^vP*X"
LINES = ("-", "--", "-.", (0, (1, 1)))


def layer_curve(
    table: pd.DataFrame,
    measure: str,
    by: str | None = None,
    label: str | None = None,
    names: Mapping[str, str] | None = None,
    published: pd.DataFrame | None = None,
    points: bool = True,
    seed: int = 0,
) -> Figure:
    """Draw a measure against depth: the mean over images with its 95 % bootstrap interval.

    Args:
        table: tidy table with columns layer, depth, image, measure, value.
        measure: which measure of the table to draw.
        by: a column whose values get a curve each (a network, a category).
        label: the y axis; default: the measure's name.
        names: layer name → the name shown on the axis.
        published: published numbers to draw in, with columns layer and value.
        points: whether each image's value is drawn behind the curve.
        seed: of the bootstrap.
    """
    chosen = table[table["measure"] == measure]
    layers = chosen.drop_duplicates("depth").sort_values("depth")
    fig, axis = plt.subplots(figsize=(10, 4.6))
    groups = [("", chosen)] if by is None else list(chosen.groupby(by, sort=False))
    for k, (name, rows) in enumerate(groups):
        _curve(axis, rows, str(name), k, points, seed)
    if published is not None:
        _published(axis, published, layers.set_index("layer")["depth"])
    shown = [(names or {}).get(layer, layer) for layer in layers["layer"]]
    depth_axis(axis, layers["depth"], shown)
    axis.set_ylabel(label or measure)
    if by is not None or published is not None:
        axis.legend(title=by, fontsize=9)
    return fig


def rank_agreement(table: pd.DataFrame, pairs: Sequence[tuple[str, str]]) -> Figure:
    """Scatter the layers' means of one measure against those of another, a panel for each pair.

    Args:
        table: columns layer, depth and one column for each measure (a layer a row).
        pairs: the measures of each panel, (x, y).
    """
    fig, axes = plt.subplots(1, len(pairs), figsize=(5 * len(pairs), 4.4), squeeze=False)
    for axis, (x, y) in zip(axes.flat, pairs, strict=True):
        drawn = axis.scatter(table[x], table[y], c=table["depth"], cmap="cividis", s=45, zorder=2)
        for row, away in zip(table.iloc[[0, -1]].to_dict("records"), (-12, 6), strict=True):
            at = (row[x], row[y])
            axis.annotate(
                row["layer"], at, xytext=(6, away), textcoords="offset points", fontsize=9
            )
        rho = table[[x, y]].corr(method="spearman").iloc[0, 1]
        axis.set(xlabel=x.replace("_", " "), ylabel=y.replace("_", " "))
        axis.set_title(f"Spearman ρ = {rho:.2f} over {len(table)} layers")
    fig.colorbar(drawn, ax=axes, label="depth (layer index)")
    return fig


def lorenz(patterns: Mapping[str, np.ndarray]) -> Figure:
    """Draw the Lorenz curve of each pattern: the share of activation that the least active hold.

    Args:
        patterns: label → non-negative values (n,) with a positive sum.
    """
    fig, axis = plt.subplots(figsize=(5.6, 4.6))
    axis.plot([0, 1], [0, 1], color="0.6", linewidth=1, linestyle=":")
    for k, (label, values) in enumerate(patterns.items()):
        share = np.insert(np.cumsum(np.sort(values)) / np.sum(values), 0, 0)
        units = np.linspace(0, 1, len(share))
        line = {"color": COLOURS[k], "linestyle": LINES[k % len(LINES)], "linewidth": 2.2}
        axis.plot(units, share, label=label, clip_on=False, zorder=3, **line)
    axis.set(
        xlabel="share of the units, least active first",
        ylabel="share of the activation they hold",
        xlim=(0, 1),
        ylim=(0, 1.01),
    )
    axis.legend(fontsize=9, loc="upper left")
    return fig


def category_map(
    table: pd.DataFrame, measure: str, names: Mapping[str, str] | None = None
) -> Figure:
    """Draw, for each category and layer, how far its mean lies from the layer's mean.

    Args:
        table: tidy table with columns layer, depth, category, measure, value.
        measure: which measure of the table to draw.
        names: layer name → the name shown on the axis.
    """
    chosen = table[table["measure"] == measure]
    means = chosen.pivot_table(index="category", columns="depth", values="value")
    away = means - means.mean(axis=0)
    limit = float(away.abs().max().max())
    layers = chosen.drop_duplicates("depth").sort_values("depth")["layer"]
    fig, axis = plt.subplots(figsize=(10, 0.36 * len(means) + 1.9))
    drawn = axis.imshow(away, cmap="PuOr", vmin=-limit, vmax=limit, aspect="auto")
    axis.set_yticks(range(len(means)), means.index)
    depth_axis(axis, range(len(layers)), [(names or {}).get(layer, layer) for layer in layers])
    axis.grid(False)
    fig.colorbar(drawn, ax=axis, label=f"{measure}: category − all", pad=0.01)
    return fig


def depth_axis(axis: Axes, depth: Sequence[int], names: Sequence[str]) -> None:
    """Label the x axis with layer names in depth order."""
    axis.set_xticks(list(depth), list(names), rotation=45, ha="right", fontsize=9)
    axis.set_xlabel("layer, in order of depth")
    axis.grid(axis="y", color="0.9")


def _curve(axis: Axes, rows: pd.DataFrame, name: str, k: int, points: bool, seed: int) -> None:
    colour = COLOURS[k % len(COLOURS)]
    by_depth = rows.groupby("depth")["value"]
    depth = np.array(list(by_depth.groups))
    mean, low, high = np.array([bootstrap_mean(v.to_numpy(), seed=seed) for _, v in by_depth]).T
    if points:
        jitter = np.random.default_rng(seed).uniform(-0.18, 0.18, len(rows))
        axis.scatter(
            rows["depth"] + jitter, rows["value"], s=6, color=colour, alpha=0.25, linewidth=0
        )
    axis.fill_between(depth, low, high, color=colour, alpha=0.3, linewidth=0)
    marker = MARKERS[k % len(MARKERS)]
    label = name or "mean over images, 95 % interval"
    axis.plot(depth, mean, color=colour, marker=marker, markersize=5, label=label)


def _published(axis: Axes, published: pd.DataFrame, depths: pd.Series) -> None:
    drawn = published[published["layer"].isin(depths.index)]
    x = depths.loc[drawn["layer"]]
    style = {"s": 110, "marker": "D", "facecolor": "none", "edgecolor": "black", "zorder": 4}
    axis.scatter(x, drawn["value"], label="published", **style)
    for depth, value in zip(x, drawn["value"], strict=True):
        axis.annotate(
            f"{value:.3f}", (depth, value), xytext=(-9, 4), textcoords="offset points", ha="right"
        )


def small_multiples(profiles: pd.DataFrame, columns: int = 3) -> Figure:
    """Draw a panel for each column of a table against depth, all with the same layers.

    Args:
        profiles: a layer a row, in depth order; a measure a column; NaN where not measured.
        columns: panels a row.
    """
    rows = -(-profiles.shape[1] // columns)
    size = (4.2 * columns, 2.5 * rows + 0.9)
    fig, axes = plt.subplots(rows, columns, figsize=size, sharex=True, squeeze=False)
    for axis, (measure, values) in zip(axes.flat, profiles.items(), strict=False):
        known = values.dropna()
        at = profiles.index.get_indexer(known.index)
        axis.plot(at, known, marker="o", markersize=4)
        axis.set_title(measure, fontsize=11)
        axis.grid(axis="both", color="0.92")
    for axis in axes.flat[profiles.shape[1] :]:
        axis.axis("off")
    for axis in axes[-1]:
        axis.set_xticks(range(len(profiles)), profiles.index, rotation=90, fontsize=8)
    fig.supxlabel("layer, in order of depth", fontsize=11)
    return fig
