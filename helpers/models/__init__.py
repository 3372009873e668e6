"""The networks: each a plain Keras model whose `card` says where its weights come from.

GoogLeNet, Inception-v3, SqueezeNet and any network of keras.applications, trained on
ImageNet; a mini-Inception for the quick profile and a multi-layer perceptron and a
small convolutional network with their training; and control twins of any of them.
"""

from helpers.models._applications import application
from helpers.models._calibration import calibrate, calibration
from helpers.models._card import Card
from helpers.models._classes import top
from helpers.models._googlenet import (
    GOOGLENET_LAYERS,
    googlenet_2014,
    googlenet_2014_untrained,
)
from helpers.models._inception import (
    GUEST_LOVE_LAYERS,
    RUPPRECHT_LAYERS,
    inception_v3_2015,
    inception_v3_2015_untrained,
    input_stage,
)
from helpers.models._mini_inception import mini_inception
from helpers.models._mlp import mlp, train
from helpers.models._small_cnn import small_cnn
from helpers.models._squeezenet import SQUEEZENET_LAYERS, squeezenet
from helpers.models._twins import (
    permute_biases,
    permute_weights,
    permuted_biases,
    permuted_weights,
    without_nonlinearity,
)

__all__ = [
    "Card",
    "GOOGLENET_LAYERS",
    "GUEST_LOVE_LAYERS",
    "RUPPRECHT_LAYERS",
    "SQUEEZENET_LAYERS",
    "application",
    "calibrate",
    "calibration",
    "googlenet_2014",
    "googlenet_2014_untrained",
    "inception_v3_2015",
    "inception_v3_2015_untrained",
    "input_stage",
    "mini_inception",
    "mlp",
    "permute_biases",
    "permute_weights",
    "permuted_biases",
    "permuted_weights",
    "small_cnn",
    "squeezenet",
    "top",
    "train",
    "without_nonlinearity",
]
