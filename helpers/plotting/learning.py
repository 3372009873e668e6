"""Figures of learning: values against training steps, and animations of what steps show."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from IPython import display
from matplotlib.figure import Figure
from PIL import Image

from helpers import project
from helpers.plotting.arrays import tabled
from helpers.plotting.style import SEQUENTIAL, WIDTH, short_names


def over_steps(
    table: pd.DataFrame,
    label: str = "",
    *,
    rows: str | None = None,
    columns: str | None = None,
    limits: tuple[float, float] | None = None,
    guides: Sequence[float] = (),
) -> Figure:
    """Draw a value against training steps: a curve per layer, from dark (early) to light (late).

    A layer has one colour in all panels of a column. Where a curve has several rows per step
    (seeds), it is their mean, and the band is their range. The layer "input" is dashed. The axis
    of steps is logarithmic from 1 on and begins with step 0.

    Args:
        table: columns step, layer, depth, value, and those named by `rows` and `columns`.
        label: of the y axes, without `rows`, whose values are the labels then.
        rows: the column whose values get a row of panels each, with a y axis of their own.
        columns: the column whose values get a column of panels each.
        limits: ends of all y axes.
        guides: heights of thin lines.

    Raises:
        TypeError: a column of numbers holds something else.
        ValueError: a column is missing, the table is empty, a step or depth is not finite, a step
            is negative, or a value is infinite.
    """
    table = tabled(table, ["step", "depth"], ["value"], ["layer", rows, columns])
    if table["step"].min() < 0:
        raise ValueError(f"column step of the table begins at {table['step'].min()}, before 0")
    down = [None] if rows is None else list(table[rows].unique())
    across = [None] if columns is None else list(table[columns].unique())
    high = 3.4 if len(down) == 1 else 2.3
    size = (min(WIDTH, 5.6 * len(across) + 1.2), high * len(down) + 0.6)
    fig, axes = plt.subplots(
        len(down), len(across), figsize=size, squeeze=False, sharey="row", sharex="col"
    )
    for i, d in enumerate(down):
        for j, a in enumerate(across):
            axis = axes[i, j]
            column = table if columns is None else table[table[columns] == a]
            _curves(axis, column if rows is None else column[column[rows] == d], _layers(column))
            for height in guides:
                axis.axhline(height, color="0.35", linewidth=1, linestyle=":")
            axis.grid(axis="y", color="0.9")
            if limits is not None:
                axis.set_ylim(limits)
            if i == 0 and a is not None:
                axis.set_title(str(a))
            if j == 0:
                axis.set_ylabel(str(d) if rows else label)
            if i == len(down) - 1:
                axis.set_xlabel("training step")
                _legend(axis)
    return fig


def save_animation(
    figures: Iterable[Figure], name: str, dpi: int = 60, colours: int = 64, seconds: float = 0.5
) -> display.Image:
    """Save figures as frames of <name>.gif in the figures folder of the profile, and close them.

    The last frame stays four times as long. All figures need one size.

    Args:
        figures: the frames; a generator keeps only one of them open at a time.
        name: the notebook's number and what the animation shows.
        dpi: pixels per inch.
        colours: at most 256, shared by all frames.
        seconds: that a frame stays.

    Returns:
        The animation, to be shown in a notebook.
    """
    frames = []
    for fig in figures:
        buffer = io.BytesIO()
        fig.savefig(buffer, dpi=dpi, format="png")
        plt.close(fig)
        frames.append(Image.open(buffer).convert("RGB"))
    every = Image.fromarray(np.concatenate([np.asarray(each) for each in frames]))
    palette = every.quantize(colours, dither=Image.Dither.NONE)
    frames = [each.quantize(palette=palette, dither=Image.Dither.NONE) for each in frames]
    durations = [round(1000 * seconds)] * (len(frames) - 1) + [round(4000 * seconds)]
    folder = project.current().figures
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.gif"
    frames[0].save(
        path, save_all=True, append_images=frames[1:], duration=durations, loop=0, optimize=True
    )
    return display.Image(path.read_bytes(), format="gif")


def _layers(table: pd.DataFrame) -> list[str]:
    return table.drop_duplicates("layer").sort_values("depth")["layer"].tolist()


def _curves(axis: plt.Axes, panel: pd.DataFrame, layers: list[str]) -> None:
    colours = plt.get_cmap(SEQUENTIAL)(np.linspace(0, 0.95, len(layers)))
    names = short_names(layers)
    for layer, name, colour in zip(layers, names, colours, strict=True):
        own = panel[panel["layer"] == layer]
        if own.empty:
            continue
        curve = own.groupby("step")["value"].agg(["mean", "min", "max"])
        axis.fill_between(curve.index, curve["min"], curve["max"], color=colour, alpha=0.15, lw=0)
        line = {"linewidth": 1.6, "linestyle": "--" if layer == "input" else "-"}
        axis.plot(curve.index, curve["mean"], color=colour, label=name, **line)
    steps = panel["step"].max()
    axis.set_xscale("symlog", linthresh=1, linscale=0.4)
    ticks = [0, *(10**k for k in range(int(np.log10(max(steps, 1))) + 1)), steps]
    ticks = [t for t in sorted(set(ticks)) if t in (0, steps) or steps / t > 1.7]
    axis.set_xticks(ticks, [np.format_float_positional(t, trim="-") for t in ticks])
    axis.minorticks_off()
    axis.set_xlim(0, steps)


def _legend(axis: plt.Axes) -> None:
    handles, labels = axis.get_legend_handles_labels()
    across = -(-len(labels) // -(-len(labels) // 7))
    # Matplotlib fills columns; in this order the rows read from left to right.
    order = [k for column in range(across) for k in range(column, len(labels), across)]
    axis.legend(
        [handles[k] for k in order],
        [labels[k] for k in order],
        loc="upper left",
        bbox_to_anchor=(0, -0.22),
        ncols=across,
        fontsize=9,
        handlelength=1.6,
        columnspacing=1,
    )
