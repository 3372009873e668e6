"""Sparseness and accuracy by category: a panel for each network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from helpers.plotting.curves import MARKERS, depth_axis
from helpers.plotting.style import COLOURS


def psi_distributions(
    table: pd.DataFrame,
    noise: pd.DataFrame | None = None,
    published: Mapping[str, float] | None = None,
    lines: Mapping[str, float] | None = None,
) -> Figure:
    """Draw the distribution of PSI over categories, layer by layer, a panel for each network.

    Args:
        table: columns network, layer, depth, dead, value, a row a category and layer.
        noise: the same columns for a null, whose medians are drawn as a dotted line.
        published: layer -> median of another network, drawn over the same stretch of depth.
        lines: what a reference value is called -> the value.
    """
    fig, panels = _panels(table)
    for axis, (network, rows) in zip(panels, table.groupby("network", sort=False), strict=True):
        layers = rows.drop_duplicates("depth")
        values = [v.to_numpy() for _, v in rows.groupby("depth")["value"]]
        drawn = axis.boxplot(
            values,
            positions=layers["depth"],
            widths=0.6,
            patch_artist=True,
            flierprops={"markersize": 2, "markeredgecolor": "0.6"},
            medianprops={"color": "black"},
        )
        for box in drawn["boxes"]:
            box.set(facecolor=COLOURS[0], alpha=0.55)
        if noise is not None:
            null = noise[noise["network"] == network].groupby("depth")["value"].median()
            axis.plot(null.index, null, ":", color="0.3", label="iid noise, same size (median)")
        _published(axis, published, len(layers), "AlexNet, published medians")
        for style, (name, value) in zip(["--", "-."], (lines or {}).items(), strict=False):
            axis.axhline(value, linestyle=style, color="0.45", linewidth=1, label=name)
        for depth, dead in zip(layers["depth"], layers["dead"], strict=True):
            if dead:
                axis.annotate(
                    f"{dead} dead", (depth, 0), ha="center", fontsize=8, rotation=90, va="bottom"
                )
        _finish(axis, layers, network)
    panels[0].set_ylabel("PSI (0 dense … 1 sparse)")
    panels[0].set_ylim(bottom=0)
    _legend(panels)
    return fig


def layer_panels(
    table: pd.DataFrame,
    value: str,
    label: str,
    by: str | None = None,
    null: bool = False,
    published: Mapping[str, float] | None = None,
) -> Figure:
    """Draw a value against depth, a panel for each network and a curve for each group.

    Where a table holds several rows for one layer and group (seeds), the curve is
    their mean and the band their range; else the band is low to high, where there are
    such columns.

    Args:
        table: columns network, layer, depth, `value`, and `by`, low, high, null if used.
        value: the column to draw.
        label: the y axis.
        by: the column whose values get a curve each.
        null: whether the column null, drawn as a grey band around 0, is shown.
        published: layer -> value of another network, drawn over the same stretch of depth.
    """
    fig, panels = _panels(table)
    for axis, (network, rows) in zip(panels, table.groupby("network", sort=False), strict=True):
        layers = rows.drop_duplicates("depth").sort_values("depth")
        if null:
            axis.fill_between(
                layers["depth"], -layers["null"], layers["null"], color="0.85", linewidth=0,
                label="95 % of permutations",
            )  # fmt: skip
            axis.axhline(0, color="0.6", linewidth=0.8)
        groups = rows.groupby(by, sort=False) if by else [("", rows)]
        for k, (name, group) in enumerate(groups):
            _curve(axis, group, value, str(name), k)
        _published(axis, published, len(layers), "AlexNet, published")
        _finish(axis, layers, network)
    panels[0].set_ylabel(label)
    _legend(panels)
    return fig


def accuracy_scatter(
    table: pd.DataFrame, accuracy: Mapping[str, np.ndarray], layers: Mapping[str, Sequence[str]],
    names: int = 3,
) -> Figure:  # fmt: skip
    """Scatter accuracy against PSI over categories: a row a network, a column a layer.

    Args:
        table: columns network, layer, category, value, the categories sorted.
        accuracy: network -> (categories,).
        layers: network -> the layers to show.
        names: how many of the sparsest and of the densest categories are named.
    """
    columns = max(map(len, layers.values()))
    size = (4.3 * columns, 3.9 * len(layers))
    fig, axes = plt.subplots(len(layers), columns, figsize=size, squeeze=False, sharey="row")
    for line, (network, chosen) in zip(axes, layers.items(), strict=True):
        for axis, layer in zip(line, chosen, strict=False):
            rows = table[(table["network"] == network) & (table["layer"] == layer)]
            x, y = rows["value"].to_numpy(), accuracy[network]
            axis.scatter(x, y, s=16, color=COLOURS[0], alpha=0.7, linewidth=0)
            order = np.argsort(x)
            for k, i in enumerate([*order[:names], *order[-names:]]):
                place = {"xytext": (3, 9 * (k % names) - 9), "textcoords": "offset points"}
                side = "right" if i in order[-names:] else "left"
                name = rows["category"].iloc[i]
                axis.annotate(name, (x[i], y[i]), fontsize=8, ha=side, **place)
            if np.ptp(x) and np.ptp(y):
                slope, intercept = np.polyfit(x, y, 1)
                ends = np.array([x.min(), x.max()])
                axis.plot(ends, slope * ends + intercept, color="0.3", linewidth=1)
            axis.set_title(f"{network}\n{layer}", fontsize=10)
            axis.set_xlabel("PSI of the category")
        line[0].set_ylabel("accuracy of the category")
    return fig


def _panels(table: pd.DataFrame) -> tuple[Figure, Sequence[Axes]]:
    count = table["network"].nunique()
    fig, axes = plt.subplots(1, count, figsize=(6.5 * count, 4.6), sharey=True, squeeze=False)
    return fig, axes[0]


def _curve(axis: Axes, rows: pd.DataFrame, value: str, name: str, k: int) -> None:
    style = {"color": COLOURS[k], "marker": MARKERS[k % len(MARKERS)], "markersize": 5}
    by_depth = rows.groupby("depth")
    mean = by_depth[value].mean()
    if len(rows) > len(mean):
        low, high = by_depth[value].min(), by_depth[value].max()
    else:
        low, high = (by_depth[c].first() if c in rows else mean for c in ("low", "high"))
    axis.fill_between(mean.index, low, high, color=COLOURS[k], alpha=0.2, linewidth=0)
    axis.plot(mean.index, mean, label=name or None, **style)


def _published(axis: Axes, published: Mapping[str, float] | None, layers: int, name: str) -> None:
    if published is not None:
        places = np.linspace(0, layers - 1, len(published))
        axis.plot(
            places, list(dict(published).values()), "x--", color="0.35", linewidth=1, label=name
        )


def _legend(panels: Sequence[Axes]) -> None:
    """Put one legend for all panels to the right of them, where it covers nothing."""
    handles, labels = panels[0].get_legend_handles_labels()
    if handles:
        panels[-1].legend(handles, labels, fontsize=9, loc="upper left", bbox_to_anchor=(1, 1))


def _finish(axis: Axes, layers: pd.DataFrame, network: str) -> None:
    depth_axis(axis, layers["depth"], layers["layer"])
    axis.set_xlim(layers["depth"].min() - 0.6, layers["depth"].max() + 0.6)
    axis.set_title(network)
