"""The style that all figures share, saving, and grids of images."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from matplotlib.figure import Figure

from helpers import project
from helpers.data import ImageSet

COLOURS = sns.color_palette("colorblind")
FIGURE_DPI = 150


def use_style() -> None:
    """Set fonts, colours and grid for every figure that follows."""
    sns.set_theme(context="notebook", style="ticks", palette=COLOURS)
    plt.rcParams.update(
        {
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.titlelocation": "left",
            "axes.titlesize": 12,
            "axes.labelsize": 11,
            "figure.constrained_layout.use": True,
            "figure.dpi": 80,
            "legend.frameon": False,
            "svg.hashsalt": "layers",
        }
    )


def save(fig: Figure, name: str) -> None:
    """Save a figure as <name>.png in the figures folder of the current profile.

    Args:
        fig: the figure.
        name: the notebook's number and what the figure shows, e.g. "01_gini_by_layer".
    """
    folder = project.current().figures
    folder.mkdir(parents=True, exist_ok=True)
    fig.savefig(folder / f"{name}.png", dpi=FIGURE_DPI, metadata={"Software": None})


def image_grid(
    images: ImageSet, indices: Sequence[int], columns: int = 8, labels: Sequence[str] | None = None
) -> Figure:
    """Show some images of a set as thumbnails, each under its label.

    Args:
        images: the image set.
        indices: which images, in the order shown.
        columns: thumbnails a row.
        labels: a text for each index; default: the categories.
    """
    labels = images.category[np.asarray(indices)] if labels is None else labels
    rows = -(-len(indices) // columns)
    fig, axes = plt.subplots(rows, columns, figsize=(1.15 * columns, 1.35 * rows), squeeze=False)
    for axis in axes.flat:
        axis.axis("off")
    for axis, i, label in zip(axes.flat, indices, labels, strict=False):
        axis.imshow(images.thumbnail(i, 96))
        axis.set_title(str(label), fontsize=9, loc="center", pad=2)
    return fig
