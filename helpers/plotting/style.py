"""The style that all figures share, the colour scales, names of layers, and saving."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence

import matplotlib.pyplot as plt
import seaborn as sns
from IPython import display
from matplotlib.figure import Figure
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from helpers import project

COLOURS = sns.color_palette("colorblind")
MARKERS = "osD^vP*X"
LINES = ("-", "--", "-.", (0, (1, 1)))
SEQUENTIAL = "cividis"  # rises evenly in brightness: the same in grey and to the colour-blind
DIVERGING = "PuOr"  # signed values, white at zero
WIDTH = 12.5  # inches: 1,000 px at the dpi of a notebook, so that no text is scaled down
FIGURE_DPI = 150

_SHORT = (
    (r"mixed_?(\w*)", "m"),
    (r"activation_?(\d*)", "a"),
    (r"conv(?:2d)?_?(\d*)", "c"),
    (r"fire_?(\d+)", "f"),
    (r"max_?pool(?:ing2d)?_?(\d*)", "p"),
    (r"(?:global_)?(?:avg|average)_?pool\w*|pool_3", "pool"),
    (r"predictions|output|softmax", "out"),
)


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


def save(fig: Figure, name: str, alt: str | None = None, colours: int | None = None) -> None:
    """Save a figure as <name>.png in the figures folder of the current profile.

    Args:
        fig: the figure.
        name: the notebook's number and what the figure shows, e.g. "01_gini_by_layer".
        alt: what the figure shows, for readers who do not see it: kept in the PNG as its
            text "Description" (`PIL.Image.open(path).text["Description"]`).
        colours: reduce the picture to so many, at most 256: for pictures of thousands of points,
            whose files become a third as large; default: all.
    """
    folder = project.current().figures
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.png"
    fig.savefig(path, dpi=FIGURE_DPI, metadata={"Software": None, "Description": alt})
    if colours:
        texts = PngInfo()
        if alt:
            texts.add_itxt("Description", alt)
        picture = Image.open(path).convert("RGB").quantize(colours, dither=Image.Dither.NONE)
        picture.save(path, optimize=True, pnginfo=texts)


def light_picture(fig: Figure, dpi: int = 72, colours: int = 64) -> display.Image:
    """Turn a figure into a picture of few colours and close it, to keep a notebook small.

    A density picture of 60,000 points takes four times as many bytes in full colour.
    """
    buffer, small = io.BytesIO(), io.BytesIO()
    fig.savefig(buffer, dpi=dpi, bbox_inches="tight")
    plt.close(fig)
    picture = Image.open(buffer).convert("RGB")
    picture.quantize(colours, dither=Image.Dither.NONE).save(small, "PNG", optimize=True)
    return display.Image(small.getvalue())


def short_names(layers: Sequence[str]) -> list[str]:
    """Shorten layers' names for the axes of figures: mixed0 is m0, activation a0, fire2 f2.

    Names that would become the same keep their full length; others than the usual ones
    stay as they are.
    """
    short = [_short(str(layer)) for layer in layers]
    return [
        s if short.count(s) == 1 else str(layer) for s, layer in zip(short, layers, strict=True)
    ]


def number(value: float, digits: int = 2) -> str:
    """Write a number briefly: .50, −.03 with a minus as on axes, 1.00, and never −.00."""
    text = f"{value:.{digits}f}"
    if not float(text):
        text = text.removeprefix("-")
    return re.sub(r"^(-?)0\.", r"\1.", text).replace("-", "−")


def _short(layer: str) -> str:
    for pattern, letter in _SHORT:
        if found := re.fullmatch(pattern, layer):
            return letter + (found[1] or "0") if found.groups() else letter
    return layer
