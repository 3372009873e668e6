"""Values against the depth of a network: one figure for curves, intervals, nulls and panels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Literal

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import blended_transform_factory
from pandas.api.typing import DataFrameGroupBy

from helpers.metrics.intervals import mean_estimate
from helpers.plotting.arrays import drawable, tabled
from helpers.plotting.style import COLOURS, LINES, MARKERS, WIDTH, short_names

HATCHES = ("", "///", "...")
_REFERENCES = (
    {"linestyle": "--", "marker": "x"},
    {"linestyle": ":", "marker": "+"},
    {"linestyle": "-.", "marker": "1"},
)


def against_depth(
    table: pd.DataFrame,
    label: str | Mapping[str, str] = "",
    *,
    value: str = "value",
    by: str | None = None,
    rows: str | None = None,
    columns: str | None = None,
    wrap: int | None = None,
    spread: Literal["range", "interval"] = "range",
    points: bool = False,
    null: str = "null",
    references: pd.DataFrame | None = None,
    guides: Mapping[str, float] | None = None,
    stages: Mapping[str, str] | None = None,
    zero: bool = False,
    share_y: bool = True,
    seed: int = 0,
) -> Figure:
    """Draw a value against depth, with its interval, in one or several panels.

    A curve is not drawn across a layer at which it has no value. Where a curve has several
    rows per layer (seeds, images), it is their mean.

    Args:
        table: a row per layer (and curve, panel, replication). Columns: layer, depth and
            `value`; those named by `by`, `rows`, `columns`; and optionally
            low, high: ends of an interval, drawn as a band;
            published: drawn as open diamonds;
            significant: False opens the marker;
            null_low, null_high: drawn as grey bars, layer by layer;
            stage: the part of the network, see `stages`.
        label: of the y axes; with `rows`, a mapping from a row of panels to its label, which
            also chooses and orders the rows.
        value: the column to draw.
        by: the column whose values get a curve each; at most four read well.
        rows: the column whose values get a row of panels each.
        columns: the column whose values get a column of panels each.
        wrap: panels per row, where there are `columns` only.
        spread: the band around a mean of several rows: the "range" of seeds, or the 95 %
            "interval" of the mean over images (Student's t).
        points: draw each row's value behind the curve.
        null: what the grey bars are called.
        references: curves of others, such as another network's (see `stretched`): columns
            depth, value, name, and `rows`, `columns`, `by` if used.
        guides: name -> height of a thin line. One that is called like a row or column of
            panels is drawn there only and not named again.
        stages: layer -> the part of the network that it is in ("stem", "35×35", "output"),
            for tables without a column stage; parts are shaded in turn.
        zero: let the y axis start at zero, as that of a share should.
        share_y: whether the panels of a row, or all wrapped ones, have one y axis.
        seed: of the jitter of points.

    Raises:
        TypeError: a column of numbers holds something else.
        ValueError: a column is missing, the table is empty, a depth is not finite, or a value is
            infinite.
    """
    ends = ("low", "high", "published", "null_low", "null_high")
    table = tabled(table, ["depth"], [value], ["layer", by, rows, columns], ends)
    if references is not None:
        references = tabled(references, ["depth"], ["value"], ["name"], name="references")
    if stages is not None:
        table = table.assign(stage=table["layer"].map(stages))
    down = list(label) if isinstance(label, Mapping) else _values(table, rows)
    across = _values(table, columns)
    groups = _values(table, by)
    fig, axes, width = _grid(len(down), len(across), wrap, share_y)
    cells = [(d, a) for d in down for a in across]
    panels = [_where(table, {rows: d, columns: a}) for d, a in cells]
    same = len({tuple(_layers(panel)["layer"]) for panel in panels if len(panel)}) == 1
    for k, (axis, (d, a), panel) in enumerate(zip(axes, cells, panels, strict=True)):
        layers = _layers(table if same else panel)
        _null(axis, panel, null)
        for g, group in enumerate(groups):
            curve = _where(panel, {by: group})
            _curve(axis, curve, layers["depth"], value, "ours" if group is None else str(group), g,
                   spread, points, seed)  # fmt: skip
        _published(axis, panel, by, groups)
        if references is not None:
            _references(axis, _where(references, {rows: d, columns: a}), by, groups)
        _guides(axis, guides or {}, (d, a), set(map(str, down + across)))
        per_row = wrap or len(across)
        last = k + per_row >= len(cells)
        headings = "stage" in layers and (k < per_row or not same)
        depth_axis(axis, layers, width, ticks=last or not same, headings=headings)
        if a is not None and (wrap or k < len(across)):
            axis.set_title(str(a), pad=17 if headings else None)
        if k % per_row == 0 or (isinstance(label, Mapping) and not share_y):
            axis.set_ylabel(
                label.get(d, "") if isinstance(label, Mapping) else label or str(d or "")
            )
    for axis in axes if zero else ():  # once all is drawn: it ends the autoscaling of shared axes
        axis.set_ylim(bottom=0)
    one_legend(fig, axes)
    return fig


def stacked(
    table: pd.DataFrame,
    parts: Mapping[str, str],
    label: str,
    stages: Mapping[str, str] | None = None,
) -> Figure:
    """Draw what a value of each layer is made of: its parts as bars upon each other.

    Args:
        table: a row per layer, columns layer, depth and those of the parts.
        parts: column -> what the part is called; the first one is the lowest.
        label: of the y axis, which starts at zero.
        stages: layer -> the part of the network that it is in.

    Raises:
        TypeError, ValueError: as in `against_depth`.
    """
    table = tabled(table, ["depth"], parts, ["layer"])
    if stages is not None:
        table = table.assign(stage=table["layer"].map(stages))
    fig, axis = plt.subplots(figsize=(10, 4.4))
    bottom = np.zeros(len(table))
    for k, (column, name) in enumerate(parts.items()):
        style = {"color": COLOURS[k], "hatch": HATCHES[k % len(HATCHES)], "edgecolor": "white"}
        axis.bar(table["depth"], table[column], 0.75, bottom, label=name, linewidth=0, **style)
        bottom = bottom + table[column].to_numpy()
    axis.set_ylabel(label)
    depth_axis(axis, _layers(table), 9.3)
    one_legend(fig, [axis])
    return fig


def stretched(
    values: Mapping[str, float],
    table: pd.DataFrame,
    name: str,
    columns: str = "network",
    ends: Mapping[str, tuple[str, str]] | None = None,
) -> pd.DataFrame:
    """Place another network's layers over the depth of each network, first on first, last on last.

    Args:
        values: the other network's layers, in order of depth -> value.
        table: columns layer, depth and `columns`.
        name: what the other network's curve is called.
        columns: the column that tells the networks apart.
        ends: network -> its layers on which the first and the last of `values` fall;
            default: its first and its last layer.

    Returns:
        A table for `against_depth(references=...)`: `columns`, layer, depth, value, name.

    Raises:
        TypeError, ValueError: values or the table are not as `against_depth` takes them.
    """
    table = tabled(table, ["depth"], others=["layer", columns])
    values = dict(values)
    values = dict(zip(values, drawable(list(values.values()), "values", 1), strict=True))
    placed = []
    for network, rows in table.groupby(columns, sort=False):
        depth = rows.drop_duplicates("layer").set_index("layer")["depth"]
        first, last = (ends or {}).get(network, (depth.idxmin(), depth.idxmax()))
        at = np.linspace(depth[first], depth[last], len(values))
        found = {"layer": list(values), "depth": at, "value": list(values.values())}
        placed.append(pd.DataFrame({columns: network, **found, "name": name}))
    return pd.concat(placed, ignore_index=True)


def depth_axis(
    axis: Axes, layers: pd.DataFrame, width: float, ticks: bool = True, headings: bool = True
) -> None:
    """Write short layer names on the x axis and shade the stages of the network.

    Args:
        axis: to label.
        layers: columns layer, depth, and optionally stage, in order of depth.
        width: of the axis in inches; names that would run into each other are smaller, then turned.
        ticks: whether the names are written.
        headings: whether the names of the stages are written above the axis.
    """
    names = short_names(layers["layer"])
    each = width * 72 / len(names)
    longest = max(map(len, names))
    size = 9 if longest * 7 < each else 8
    crowded = longest * 5.6 > each
    turned = {"rotation": 90 if each < 16 else 45, "ha": "center" if each < 16 else "right"}
    style = turned | {"rotation_mode": "default"} if crowded else {}
    axis.set_xticks(layers["depth"], names if ticks else [""] * len(names), fontsize=size, **style)
    if ticks:
        axis.set_xlabel("layer, in order of depth")
    axis.grid(axis="y", color="0.9")
    axis.set_axisbelow(True)
    axis.set_xlim(layers["depth"].min() - 0.6, layers["depth"].max() + 0.6)
    if "stage" in layers:
        _shade(axis, layers, each, headings)


def one_legend(fig: Figure, axes: Sequence[Axes]) -> None:
    """Put one legend for all panels below them, where it covers nothing; none for one entry."""
    found = {}
    for axis in axes:
        for handle, label in zip(*axis.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    if len(found) > 1:
        each = max(map(len, found)) * 0.085 + 0.7
        ncols = max(1, min(len(found), int(fig.get_figwidth() / each)))
        fig.legend(found.values(), found, loc="outside lower center", ncols=ncols, fontsize=10)


def _grid(down: int, across: int, wrap: int | None, share_y: bool) -> tuple[Figure, list, float]:
    """Return a figure, one axis per panel, and the width of an axis in inches."""
    count = down * across
    per_row = wrap or across
    lines = -(-count // per_row)
    width = 10 if per_row == 1 else WIDTH
    high = 4.4 if count == 1 else 4.6 if lines == 1 and per_row < 3 else 3.0 if per_row < 3 else 2.3
    fig, axes = plt.subplots(
        lines,
        per_row,
        figsize=(width, high * lines + 0.8),
        squeeze=False,
        sharey=("all" if wrap else "row") if share_y else False,
    )
    for axis in axes.flat[count:]:
        axis.axis("off")
    return fig, list(axes.flat[:count]), width / per_row - 0.7


def _values(table: pd.DataFrame, column: str | None) -> list:
    return [None] if column is None else list(table[column].unique())


def _where(table: pd.DataFrame, chosen: Mapping[str | None, object]) -> pd.DataFrame:
    """Return the rows with these values; a column of None chooses nothing."""
    for column, value in chosen.items():
        if column is not None:
            table = table[table[column] == value]
    return table


def _layers(table: pd.DataFrame) -> pd.DataFrame:
    columns = [name for name in ("layer", "depth", "stage") if name in table]
    return table.drop_duplicates("depth").sort_values("depth")[columns]


def _curve(
    axis: Axes, rows: pd.DataFrame, depth: pd.Series, value: str, name: str, k: int,
    spread: str, points: bool, seed: int,
) -> None:  # fmt: skip
    rows = rows.dropna(subset=[value])
    if rows.empty:
        return
    colour = COLOURS[k % len(COLOURS)]
    if points:
        jitter = np.random.default_rng(seed).uniform(-0.18, 0.18, len(rows))
        axis.scatter(rows["depth"] + jitter, rows[value], s=7, color=colour, alpha=0.3, linewidth=0)
    by_depth = rows.groupby("depth")
    middle, low, high = _interval(by_depth, value, spread).reindex(depth).T.to_numpy()
    axis.fill_between(depth, low, high, color=colour, alpha=0.22, linewidth=0)
    known = np.pad(~np.isnan(middle), 1)
    alone = known[1:-1] & ~known[:-2] & ~known[2:]  # a band needs a neighbour, a bar does not
    axis.vlines(depth[alone], low[alone], high[alone], color=colour, alpha=0.35, linewidth=4)
    line, marker = LINES[k % len(LINES)], MARKERS[k % len(MARKERS)]
    style = {"color": colour, "linestyle": line, "linewidth": 1.8, "marker": marker}
    size = {"markersize": 6 if len(depth) < 24 else 5}
    drawn = {"solid_capstyle": "butt", "markeredgecolor": colour, "zorder": 3}
    axis.plot(depth, middle, label=name, **style, **size, **drawn)
    if "significant" in rows:
        judged = by_depth["significant"].first().reindex(depth)
        weak = (judged == False).to_numpy()  # noqa: E712  (NaN is neither)
        style |= {"linestyle": "", "markerfacecolor": "white"}
        axis.plot(depth[weak], middle[weak], **style, **size, zorder=3.5)


def _interval(by_depth: DataFrameGroupBy, value: str, spread: str) -> pd.DataFrame:
    """Return the mean at each depth and the ends of its band."""
    if by_depth.size().max() == 1:
        nothing = by_depth[value].first() * np.nan
        ends = [by_depth[c].first() if c in by_depth.obj else nothing for c in ("low", "high")]
        return pd.concat([by_depth[value].first(), *ends], axis=1, ignore_index=True)
    if spread == "range":
        return by_depth[value].agg(["mean", "min", "max"])
    found = {d: mean_estimate(v.to_numpy()) for d, v in by_depth[value] if len(v) > 1}
    return pd.DataFrame.from_dict(found, orient="index")


def _null(axis: Axes, panel: pd.DataFrame, name: str) -> None:
    if {"null_low", "null_high"} <= set(panel):
        by_depth = panel.dropna(subset=["null_low"]).groupby("depth")
        low, high = by_depth["null_low"].min(), by_depth["null_high"].max()
        style = {"width": 1, "color": "0.86", "linewidth": 0, "zorder": 1}
        if len(low):
            axis.bar(low.index, high - low, bottom=low, label=name, **style)


def _published(axis: Axes, panel: pd.DataFrame, by: str | None, groups: list) -> None:
    if "published" not in panel or not panel["published"].notna().any():
        return
    known = panel.dropna(subset=["published"])
    apart = known.groupby("depth")["published"].nunique().max() > 1
    for k, group in enumerate(groups if apart else [None]):
        drawn = (_where(known, {by: group}) if apart else known).drop_duplicates("depth")
        edge = COLOURS[k % len(COLOURS)] if apart else "black"
        style = {"marker": "D", "s": 60, "facecolor": "none", "linewidth": 1.4, "zorder": 4}
        name = f"published, {group}" if apart else "published"
        axis.scatter(drawn["depth"], drawn["published"], edgecolor=edge, label=name, **style)


def _references(axis: Axes, curves: pd.DataFrame, by: str | None, groups: list) -> None:
    for (name, rows), style in zip(
        curves.groupby("name", sort=False), _REFERENCES * len(curves), strict=False
    ):
        coloured = by is not None and by in rows
        for k, group in enumerate(groups if coloured else [None]):
            drawn = (_where(rows, {by: group}) if coloured else rows).sort_values("depth")
            colour = COLOURS[k % len(COLOURS)] if coloured else "0.3"
            label = f"{group}, {name}" if coloured else name
            axis.plot(drawn["depth"], drawn["value"], color=colour, linewidth=1.1, label=label,
                      zorder=2.5, **style)  # fmt: skip


def _guides(axis: Axes, guides: Mapping[str, float], own: tuple, panels: set[str]) -> None:
    styles = iter([":", "-.", "--"] * len(guides))
    for name, height in guides.items():
        if name not in panels or name in map(str, own):
            label = None if name in panels else name
            axis.axhline(height, color="0.35", linewidth=1, linestyle=next(styles), label=label)


def _shade(axis: Axes, layers: pd.DataFrame, each: float, headings: bool) -> None:
    rows = list(zip(layers["depth"], layers["stage"].fillna(""), strict=True))
    over = blended_transform_factory(axis.transData, axis.transAxes)
    for k, (stage, run) in enumerate(groupby(rows, key=lambda row: row[1])):
        depths = [depth for depth, _ in run]
        left, right = depths[0] - 0.5, depths[-1] + 0.5
        if k % 2 == 0 and stage:
            axis.axvspan(left, right, color="0.95", linewidth=0, zorder=0)
        if headings and stage and len(stage) * 4.6 <= (right - left) * each:
            style = {"fontsize": 8.5, "color": "0.35", "ha": "center", "va": "bottom"}
            axis.text((left + right) / 2, 1.01, stage, transform=over, **style)
