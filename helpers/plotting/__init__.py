"""Figures: one style, one way to save, one function for each kind of figure."""

from helpers.plotting.accuracy import accuracy_scatter, layer_panels, psi_distributions
from helpers.plotting.curves import (
    category_map,
    layer_curve,
    lorenz,
    rank_agreement,
    small_multiples,
)
from helpers.plotting.embedding import (
    class_examples,
    embedded_image,
    embedding_explorer,
    embedding_grid,
    light_picture,
)
from helpers.plotting.layer_measures import condition_curves
from helpers.plotting.matrices import clustered_matrices, layer_matrices, matrix_with_images
from helpers.plotting.panels import (
    histogram_panels,
    interval_panels,
    layer_scatter,
    unit_and_direction_histograms,
)
from helpers.plotting.style import COLOURS, image_grid, save, use_style

__all__ = [
    "COLOURS",
    "accuracy_scatter",
    "category_map",
    "class_examples",
    "clustered_matrices",
    "condition_curves",
    "embedded_image",
    "embedding_explorer",
    "embedding_grid",
    "histogram_panels",
    "image_grid",
    "interval_panels",
    "layer_curve",
    "layer_matrices",
    "layer_panels",
    "layer_scatter",
    "light_picture",
    "lorenz",
    "matrix_with_images",
    "psi_distributions",
    "rank_agreement",
    "save",
    "small_multiples",
    "unit_and_direction_histograms",
    "use_style",
]
