"""A drawing of a network: its layers and modules from the input to the output."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from helpers.plotting.style import COLOURS, WIDTH, short_names

Block = tuple[str, Sequence[int], Sequence[str]]


def network(
    blocks: Sequence[Block],
    title: str = "",
    stages: Mapping[str, str] | None = None,
    wrap: int = 9,
) -> Figure:
    """Draw a network as blocks from the input to the output, modules with their branches.

    A block's height shows the side of its maps (by powers of two), its colour the stage of
    the network, and its text the layer, under its short name and its own, and its shape.

    Args:
        blocks: (layer, shape of its output without the images' axis, branches), in order of
            depth; no branches for a plain layer. `layers.branches` finds those of a module.
        title: above the drawing.
        stages: layer -> the part of the network that it is in.
        wrap: blocks per line.

    Raises:
        ValueError: there are no blocks.
    """
    if not blocks:
        raise ValueError("there are no blocks to draw")
    wrap = min(wrap, len(blocks))
    lines = -(-len(blocks) // wrap)
    fig, axes = plt.subplots(
        lines, 1, figsize=(min(WIDTH, 1.39 * wrap), 2.15 * lines + 0.4), squeeze=False
    )
    names = short_names([name for name, _, _ in blocks])
    stage_of = [(stages or {}).get(name, "") for name, _, _ in blocks]
    palette = {stage: COLOURS[k % len(COLOURS)] for k, stage in enumerate(dict.fromkeys(stage_of))}
    sides = [shape[0] if len(shape) == 3 else 1 for _, shape, _ in blocks]
    heights = 0.3 + 0.7 * np.log2(np.maximum(sides, 1)) / max(1.0, np.log2(max(sides)))
    for k, (layer, shape, branches) in enumerate(blocks):
        axis, x = axes[k // wrap, 0], k % wrap
        colour = palette[stage_of[k]] if stages else "0.6"
        if branches:
            _module(axis, x, heights[k], branches, colour)
        else:
            _box(axis, x, 0, 0.5, heights[k], "", colour)
        own = {"ha": "center", "va": "bottom", "fontsize": 8.5, "color": "0.35"}
        if names[k] != layer:
            axis.text(x, 0.58, layer, **own)
        axis.text(x, 0.71, names[k], **own | {"fontsize": 11, "color": "black"})
        axis.text(x, -0.58, "×".join(map(str, shape)), **own | {"va": "top"})
        if stage_of[k] and (k == 0 or stage_of[k] != stage_of[k - 1] or x == 0):
            axis.text(x - 0.42, -0.95, stage_of[k], ha="left", fontsize=9.5, color="0.2",
                      weight="bold")  # fmt: skip
        reach = 0.42 if branches else 0.25
        if k + 1 < len(blocks):
            _arrow(axis, (x + reach, 0), (x + 0.5, 0))
        if k > 0:
            _arrow(axis, (x - 0.5, 0), (x - reach, 0), head=True)
    for axis in axes.flat:
        axis.set(xlim=(-0.6, wrap - 0.4), ylim=(-1.05, 0.95))
        axis.axis("off")
    fig.suptitle(title, fontsize=13, x=0.01, ha="left")
    return fig


def _module(axis: Axes, x: float, height: float, branches: Sequence[str], colour: object) -> None:
    """Draw parallel branches between the point where they part and the one where they join."""
    each = 1.1 * max(height, 0.6) / len(branches)
    for y in (np.arange(len(branches))[::-1] - (len(branches) - 1) / 2) * each:
        axis.plot([x - 0.42, x - 0.34], [0, y], color="0.5", linewidth=0.8)
        axis.plot([x + 0.34, x + 0.42], [y, 0], color="0.5", linewidth=0.8)
    for k, name in enumerate(branches):
        y = ((len(branches) - 1) / 2 - k) * each
        text = re.sub(r"(?<=\d)x(?=\d)", "×", name)
        _box(axis, x, y, 0.68, 0.82 * each, text, colour)


def _box(
    axis: Axes, x: float, y: float, width: float, height: float, text: str, colour: object
) -> None:
    corner, style = (x - width / 2, y - height / 2), "round,pad=0,rounding_size=0.04"
    box = {"facecolor": colour, "alpha": 0.35, "edgecolor": "none"}
    axis.add_patch(FancyBboxPatch(corner, width, height, boxstyle=style, **box))
    edge = {"facecolor": "none", "edgecolor": "0.3", "linewidth": 0.8}
    axis.add_patch(FancyBboxPatch(corner, width, height, boxstyle=style, **edge))
    axis.text(x, y, text, ha="center", va="center", fontsize=8.5)


def _arrow(
    axis: Axes, start: tuple[float, float], end: tuple[float, float], head: bool = False
) -> None:
    style = {"arrowstyle": "-|>" if head else "-", "mutation_scale": 8, "color": "0.4"}
    axis.add_patch(FancyArrowPatch(start, end, shrinkA=0, shrinkB=0, linewidth=1, **style))
