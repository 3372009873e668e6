"""Figures: one style, one way to save, one function for each kind of figure."""

from helpers.plotting.curves import category_map, layer_curve, lorenz, rank_agreement
from helpers.plotting.style import COLOURS, image_grid, save, use_style

__all__ = [
    "COLOURS",
    "category_map",
    "image_grid",
    "layer_curve",
    "lorenz",
    "rank_agreement",
    "save",
    "use_style",
]
