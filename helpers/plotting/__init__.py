"""Figures: one style, one way to save, one function for each kind of figure."""

from helpers.plotting.curves import layer_curve, rank_agreement
from helpers.plotting.style import COLOURS, image_grid, save, use_style

__all__ = [
    "COLOURS",
    "image_grid",
    "layer_curve",
    "rank_agreement",
    "save",
    "use_style",
]
