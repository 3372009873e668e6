"""Figures: one style, one way to save, and one function for each kind of figure.

Every function returns a Figure (but for those that say so), takes tidy tables or plain
arrays, and names layers in one way (`short_names`); where a figure has a depth axis,
`stages` (layer -> "stem", "35×35", ..., "output") shades the parts of the network.
"""

from helpers.plotting.depth import against_depth, stacked, stretched
from helpers.plotting.distributions import (
    boxes_by_layer,
    compared_histograms,
    histograms,
    lorenz,
)
from helpers.plotting.embeddings import embedding_grid
from helpers.plotting.explorer import embedding_explorer, layer_explorer
from helpers.plotting.images import (
    activation_maps,
    class_examples,
    contact_sheet,
    image_grid,
    top_outputs,
)
from helpers.plotting.learning import over_steps, save_animation
from helpers.plotting.matrices import (
    category_map,
    clustered_matrices,
    compared_matrices,
    layer_matrices,
)
from helpers.plotting.networks import network
from helpers.plotting.scatter import (
    category_scatter,
    layer_scatter,
    name_points,
    rank_agreement,
)
from helpers.plotting.style import COLOURS, light_picture, save, short_names, use_style

__all__ = [
    "COLOURS",
    "activation_maps",
    "against_depth",
    "boxes_by_layer",
    "category_map",
    "category_scatter",
    "class_examples",
    "clustered_matrices",
    "compared_histograms",
    "compared_matrices",
    "contact_sheet",
    "embedding_explorer",
    "embedding_grid",
    "histograms",
    "image_grid",
    "layer_explorer",
    "layer_matrices",
    "layer_scatter",
    "light_picture",
    "lorenz",
    "name_points",
    "network",
    "over_steps",
    "rank_agreement",
    "save",
    "save_animation",
    "short_names",
    "stacked",
    "stretched",
    "top_outputs",
    "use_style",
]
