"""Measures of a trained and an untrained network over its layers, replication by replication."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from helpers.plotting.style import COLOURS

_STYLE = {"trained": (COLOURS[0], "o"), "untrained": (COLOURS[1], "s")}


def condition_curves(
    table: pd.DataFrame,
    rows: Sequence[tuple[str, str]],
    measures: Sequence[str],
    published: pd.DataFrame | None = None,
    full_size: pd.DataFrame | None = None,
    names: Mapping[str, str] | None = None,
) -> Figure:
    """Draw measures against depth: mean and range over seeds, trained and untrained.

    Args:
        table: columns dataset, seed, method, condition, depth, measure, value.
        rows: (dataset, method) of each row of panels.
        measures: one column of panels each.
        published: the source's numbers in the same columns, drawn as dashed lines.
        full_size: numbers at the source's number of images, drawn as crosses.
        names: what data sets and methods are called.
    """
    names = names or {}
    fig, axes = plt.subplots(
        len(rows),
        len(measures),
        figsize=(2.45 * len(measures), 1.95 * len(rows) + 0.7),
        sharex=True,
        squeeze=False,
    )
    for line, (dataset, method) in zip(axes, rows, strict=True):
        for axis, measure in zip(line, measures, strict=True):
            for frame, draw in ((table, _range), (published, _dashed), (full_size, _crosses)):
                if frame is not None:
                    chosen = frame[(frame["dataset"] == dataset) & (frame["method"] == method)]
                    draw(axis, chosen[chosen["measure"] == measure])
        line[0].set_ylabel(f"{names.get(dataset, dataset)}\n{names.get(method, method)}")
    for axis, measure in zip(axes[0], measures, strict=True):
        axis.set_title(measure, loc="center")
    for axis in axes[-1]:
        axis.set(xlabel="layer", xticks=sorted(table["depth"].unique()))
    handles = [
        Line2D([], [], color=colour, marker=marker, label=f"{condition}: mean and range over seeds")
        for condition, (colour, marker) in _STYLE.items()
    ]
    if published is not None:
        handles.append(Line2D([], [], color="0.3", linestyle="--", label="published"))
    if full_size is not None and len(full_size):
        handles.append(
            Line2D([], [], color="0.3", linestyle="", marker="x", label="ours at the source's size")
        )
    columns = min(len(handles), max(1, len(measures) - 1))
    fig.legend(handles=handles, loc="outside upper center", ncols=columns, fontsize=9)
    return fig


def _range(axis: Axes, rows: pd.DataFrame) -> None:
    for condition, (colour, marker) in _STYLE.items():
        by_depth = rows[rows["condition"] == condition].groupby("depth")["value"]
        mean = by_depth.mean()
        axis.fill_between(mean.index, by_depth.min(), by_depth.max(), color=colour, alpha=0.25)
        axis.plot(mean.index, mean, color=colour, marker=marker, markersize=4)


def _dashed(axis: Axes, rows: pd.DataFrame) -> None:
    for condition, (colour, _) in _STYLE.items():
        chosen = rows[rows["condition"] == condition].sort_values("depth")
        axis.plot(chosen["depth"], chosen["value"], color=colour, linestyle="--", linewidth=1)


def _crosses(axis: Axes, rows: pd.DataFrame) -> None:
    for condition, (colour, _) in _STYLE.items():
        chosen = rows[rows["condition"] == condition]
        axis.plot(chosen["depth"], chosen["value"], "x", color=colour, markersize=7, mew=2)
