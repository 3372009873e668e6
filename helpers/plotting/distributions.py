"""Distributions: histograms with the zeros apart, boxes by layer, Lorenz curves."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from helpers.plotting.arrays import drawable, tabled
from helpers.plotting.depth import depth_axis, one_legend
from helpers.plotting.style import COLOURS, LINES, WIDTH, number, short_names

Histogram = tuple[np.ndarray, np.ndarray]


def histograms(
    ours: Mapping[str, Histogram],
    texts: Mapping[str, str] | None = None,
    zeros: Mapping[str, float] | None = None,
    published: Mapping[str, Histogram] | None = None,
    published_zeros: Mapping[str, float] | None = None,
    wrap: int = 6,
    label: str = "activation",
    unit: str = "units",
) -> Figure:
    """Draw one histogram per layer, on a logarithmic axis of shares, with the zeros apart.

    Args:
        ours: layer -> (edges (bins + 1,), share of all units in each bin (bins,)), without
            the zeros if they are given apart.
        texts: layer -> what to write into its panel.
        zeros: layer -> share of the units that are exactly zero: a bar of its own, left of
            the histogram.
        published: layer -> published histogram, drawn as an outline.
        published_zeros: layer -> published share of zeros, drawn as a diamond on their bar.
        wrap: panels per row.
        label: of the x axis.
        unit: of what the shares are.

    Raises:
        TypeError: shares or edges are no real numbers.
        ValueError: they do not fit each other, or hold infinity; an edge is NaN.
    """
    names = dict(zip(ours, short_names(list(ours)), strict=True))
    wrap = min(wrap, len(ours))
    lines = -(-len(ours) // wrap)
    size = (min(WIDTH, 4.2 * wrap), (1.9 if wrap > 3 else 2.8) * lines + 0.7)
    fig, axes = plt.subplots(lines, wrap, figsize=size, sharex=True, sharey=True, squeeze=False)
    for axis in axes.flat[len(ours) :]:
        axis.axis("off")
    lowest = axes.flat[max(len(ours) - wrap, 0) : len(ours)]  # with no other panel below
    name = "not zero" if published is None else "ours"
    for axis, (layer, (edges, share)) in zip(axes.flat, ours.items(), strict=False):
        share = drawable(share, f"share of {layer!r}", 1)
        edges = drawable(edges, f"edges of {layer!r}", 1, finite=True)
        if len(edges) != len(share) + 1 or (np.diff(edges) <= 0).any():
            raise ValueError(
                f"edges of {layer!r} must rise, one more than shares, got {len(edges)} edges for "
                f"a share each of {len(share)} bins"
            )
        axis.stairs(share, edges, fill=True, color=COLOURS[0], alpha=0.75, label=name)
        axis.set_yscale("log")
        width = 0.06 * (edges[-1] - edges[0])
        at = edges[0] - 1.3 * width
        if zeros is not None and layer in zeros:
            axis.bar(at, zeros[layer], width=width, color=COLOURS[1], label="exactly zero")
            text = {"ha": "left", "va": "center", "fontsize": 8.5}
            axis.annotate(f"{100 * zeros[layer]:.0f} %", (at + 0.8 * width, zeros[layer]), **text)
        if published is not None and layer in published:
            their_edges, theirs = published[layer]
            axis.stairs(theirs, their_edges, color="black", linewidth=1.2, label="published")
        if published_zeros is not None and layer in published_zeros:
            style = {"marker": "D", "s": 40, "facecolor": "none", "edgecolor": "black"}
            axis.scatter(at, published_zeros[layer], zorder=3, label="zeros, published", **style)
        axis.set_title(names[layer], fontsize=10, pad=3)
        if texts is not None:
            style = {"ha": "right", "va": "top", "size": 9}
            axis.text(0.97, 0.96, texts.get(layer, ""), transform=axis.transAxes, **style)
    for axis in lowest:
        axis.set_xlabel(label)
        axis.tick_params(labelbottom=True)
    one_legend(fig, axes.flat)
    fig.supylabel(f"share of {unit} per bin (log)", fontsize=11)
    return fig


def compared_histograms(
    samples: Mapping[str, Mapping[str, ArrayLike]],
    label: str,
    limits: tuple[float, float] | None = None,
    bins: int = 60,
    log: bool = False,
    wrap: int = 4,
) -> Figure:
    """Draw the distributions of several samples over each other, one panel per layer.

    Args:
        samples: layer -> what a sample is called ("ours", "published"; "units", "random
            directions") -> its values, of any shape; NaN and infinity are left
            out.
        label: of the x axis.
        limits: ends of the x axis; default: of the values. The share of a sample's values
            that lie outside is written into the panel.
        bins: of the histograms.
        log: whether the shares are on a logarithmic axis, to see the tails.
        wrap: panels per row.

    Raises:
        TypeError: a sample holds no real numbers.
        ValueError: a sample is empty, or none of its values is finite.
    """
    names = dict(zip(samples, short_names(list(samples)), strict=True))
    wrap = min(wrap, len(samples))
    lines = -(-len(samples) // wrap)
    size = (min(WIDTH, 4.6 * wrap), 2.9 * lines + 0.6)
    fig, axes = plt.subplots(lines, wrap, figsize=size, sharey=True, squeeze=False)
    for axis in axes.flat[len(samples) :]:
        axis.axis("off")
    for axis, (layer, named) in zip(axes.flat, samples.items(), strict=False):
        known = {name: drawable(x, f"sample {name!r}", infinite=True) for name, x in named.items()}
        known = {name: x[np.isfinite(x)] for name, x in known.items()}
        if unknown := [name for name, x in known.items() if not len(x)]:
            raise ValueError(f"sample {unknown[0]!r} of {layer!r} holds no finite value")
        every = np.concatenate(list(known.values()))
        low, high = limits or (every.min(), every.max())
        edges = np.linspace(low, high, bins + 1)
        outside = []
        for k, (name, sample) in enumerate(known.items()):
            share = np.histogram(sample, edges)[0] / len(sample)
            style = {"color": COLOURS[k], "linestyle": LINES[k % len(LINES)], "linewidth": 1.8}
            axis.stairs(np.where(share > 0, share, np.nan) if log else share, edges, baseline=None,
                        label=name, **style)  # fmt: skip
            beyond = np.mean((sample < low) | (sample > high))
            if beyond:
                outside.append(f"{name}: {100 * beyond:.2g} %")
        if outside:
            text = "outside\n" + "\n".join(outside)
            place = {"transform": axis.transAxes, "ha": "right", "va": "top", "size": 8.5}
            axis.text(0.98, 0.97, text, **place)
        axis.set(title=names[layer], yscale="log" if log else "linear", xlabel=label)
        if limits:
            axis.set_xlim(limits)
    for line in axes:
        line[0].set_ylabel("share of values per bin")
    one_legend(fig, axes.flat)
    return fig


def boxes_by_layer(
    table: pd.DataFrame,
    label: str,
    columns: str | None = None,
    null: pd.DataFrame | None = None,
    null_name: str = "null (median)",
    references: pd.DataFrame | None = None,
    guides: Mapping[str, float] | None = None,
    notes: Mapping[tuple[str, str], str] | None = None,
    stages: Mapping[str, str] | None = None,
) -> Figure:
    """Draw the distribution of values (over categories, images) as one box per layer.

    A box reaches from quartile to quartile, its line is the median, and its whiskers reach
    to the last value within 1.5 times its height.

    Args:
        table: columns layer, depth, value, and `columns`.
        label: of the y axis, which starts at zero.
        columns: the column whose values (networks) get a panel each.
        null: the same columns; the median of each layer is a dotted line.
        null_name: what that line is called.
        references: columns depth, value, name and `columns`, e.g. from `stretched`.
        guides: name -> height of a thin line.
        notes: (value of `columns`, layer) -> a remark on the layer, at the top.
        stages: layer -> the part of the network that it is in.

    Raises:
        TypeError, ValueError: as in `against_depth`, for each of the tables.
    """
    table = tabled(table, ["depth"], ["value"], ["layer", columns])
    if null is not None:
        null = tabled(null, ["depth"], ["value"], [columns], name="null")
    if references is not None:
        references = tabled(references, ["depth"], ["value"], ["name", columns], name="references")
    if stages is not None:
        table = table.assign(stage=table["layer"].map(stages))
    panels = list(table.groupby(columns, sort=False)) if columns else [(None, table)]
    size = (10 if len(panels) == 1 else WIDTH, 5.0)
    fig, axes = plt.subplots(1, len(panels), figsize=size, sharey=True, squeeze=False)
    for axis, (name, rows) in zip(axes.flat, panels, strict=True):
        keep = [column for column in ("layer", "depth", "stage") if column in rows]
        layers = rows.drop_duplicates("depth").sort_values("depth")[keep]
        drawn = axis.boxplot(
            [v.dropna().to_numpy() for _, v in rows.groupby("depth")["value"]],
            positions=layers["depth"],
            widths=0.62,
            patch_artist=True,
            flierprops={"marker": ".", "markersize": 3, "markeredgecolor": "0.55"},
            medianprops={"color": "black"},
        )
        for box in drawn["boxes"]:
            box.set(facecolor=COLOURS[0], alpha=0.55)
        for data, style in ((null, ":"), (references, "x--")):
            chosen = data if data is None or columns is None else data[data[columns] == name]
            if data is null and data is not None:
                medians = chosen.groupby("depth")["value"].median()
                axis.plot(medians.index, medians, style, color="0.15", label=null_name)
            elif data is not None:
                for title, curve in chosen.groupby("name", sort=False):
                    axis.plot(curve["depth"], curve["value"], style, color="0.3", label=title)
        for k, (title, height) in enumerate((guides or {}).items()):
            style = LINES[1 + k % (len(LINES) - 1)]
            axis.axhline(height, linestyle=style, color="0.4", linewidth=1, label=title)
        for depth, layer in zip(layers["depth"], layers["layer"], strict=True):
            if note := (notes or {}).get((name, layer)):
                style = {"ha": "center", "va": "top", "rotation": 90, "fontsize": 8.5}
                axis.text(depth, 0.99, note, transform=axis.get_xaxis_transform(), **style)
        depth_axis(axis, layers, size[0] / len(panels) - 0.7)
        axis.set_title(name or "", pad=17 if "stage" in layers else None)
    axes.flat[0].set_ylabel(label)
    axes.flat[0].set_ylim(bottom=0)
    one_legend(fig, axes.flat)
    return fig


def lorenz(patterns: Mapping[str, ArrayLike], gini: Mapping[str, float] | None = None) -> Figure:
    """Draw the Lorenz curve of each pattern: the share of activation that the least active hold.

    Args:
        patterns: label -> non-negative values (n,) with a positive sum.
        gini: label -> Gini coefficient, twice the area between diagonal and curve, for the
            legend.

    Raises:
        ValueError: a pattern has a negative value or no positive one.
    """
    fig, axis = plt.subplots(figsize=(5.6, 4.6))
    axis.plot([0, 1], [0, 1], color="0.6", linewidth=1, linestyle=":")
    for k, (label, values) in enumerate(patterns.items()):
        values = drawable(values, f"pattern {label!r}", 1, finite=True)
        if not values.sum() > 0 or values.min() < 0:
            raise ValueError(f"pattern {label!r}: a Lorenz curve needs values >= 0, some above 0")
        share = np.insert(np.cumsum(np.sort(values)) / np.sum(values), 0, 0)
        units = np.linspace(0, 1, len(share))
        line = {"color": COLOURS[k], "linestyle": LINES[k % len(LINES)], "linewidth": 2.2}
        name = label if gini is None else f"{label}, Gini {number(gini[label])}"
        axis.plot(units, share, label=name, clip_on=False, zorder=3, **line)
    axis.set(
        xlabel="share of the units, least active first",
        ylabel="share of the activation they hold",
        xlim=(0, 1),
        ylim=(0, 1.01),
    )
    axis.legend(fontsize=10, loc="upper left")
    return fig
