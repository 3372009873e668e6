"""The networks: each a plain Keras model whose `source` says where its weights come from."""

from helpers.models._applications import application
from helpers.models.googlenet import GOOGLENET_LAYERS, googlenet_2014
from helpers.models.inception_2015 import (
    SOURCE_NAMES,
    inception_v3_2015,
    inception_v3_2015_untrained,
)
from helpers.models.mini import mini_inception
from helpers.models.networks import (
    GUEST_LOVE_LAYERS,
    RUPPRECHT_LAYERS,
    input_stage,
    mlp,
    top,
)
from helpers.models.squeezenet_1_1 import SQUEEZENET_LAYERS, squeezenet
from helpers.models.twins import permute_biases, permute_weights, without_nonlinearity

__all__ = [
    "GOOGLENET_LAYERS",
    "GUEST_LOVE_LAYERS",
    "RUPPRECHT_LAYERS",
    "SOURCE_NAMES",
    "SQUEEZENET_LAYERS",
    "application",
    "googlenet_2014",
    "inception_v3_2015",
    "inception_v3_2015_untrained",
    "input_stage",
    "mini_inception",
    "mlp",
    "permute_biases",
    "permute_weights",
    "squeezenet",
    "top",
    "without_nonlinearity",
]
