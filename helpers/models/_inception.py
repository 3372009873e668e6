"""The Inception-v3 of December 2015: its frozen graph read into Keras' InceptionV3."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import keras
import tensorflow as tf

from helpers import data
from helpers.models import _frozen_graph
from helpers.models._card import Card
from helpers.models._copies import fresh_copy, numbered

ARCHIVE = "inception-2015-12-05"
GRAPH = "classify_image_graph_def.pb"
SIDE = 299
GRAPH_OUTPUTS = 1008

# What sources 1 and 2 plot, by Keras' layer names and by those of the 2015 graph.
NAMES_IN_2015 = {
    "activation": "conv",
    "activation_1": "conv_1",
    "activation_2": "conv_2",
    "max_pooling2d": "pool",
    "activation_3": "conv_3",
    "activation_4": "conv_4",
    "max_pooling2d_1": "pool_1",
    "mixed0": "mixed",
    **{f"mixed{i}": f"mixed_{i}" for i in range(1, 11)},
    "avg_pool": "pool_3",
    "predictions": "softmax",
}

# In depth order; Rupprecht leaves out mixed1, which is kept here.
GUEST_LOVE_LAYERS = tuple(NAMES_IN_2015)
RUPPRECHT_LAYERS = tuple(name for name in NAMES_IN_2015 if "pool" not in name)

_TO_35 = ["conv", "tower/conv", "tower/conv_1", "tower_1/conv", "tower_1/conv_1", "tower_1/conv_2"]
_TO_17 = ["conv", "tower/conv", "tower/conv_1", "tower/conv_2"]
_AT_17 = [*_TO_17, "tower_1/conv", *(f"tower_1/conv_{i}" for i in range(1, 5))]
_TO_8 = ["tower/conv", "tower/conv_1", "tower_1/conv", *(f"tower_1/conv_{i}" for i in range(1, 4))]
_AT_8 = ["conv", "tower/conv", "tower/mixed/conv", "tower/mixed/conv_1"]
_AT_8 += ["tower_1/conv", "tower_1/conv_1", "tower_1/mixed/conv", "tower_1/mixed/conv_1"]
_POOL = ["tower_2/conv"]
_MODULES = [_TO_35 + _POOL] * 3 + [_TO_17] + [_AT_17 + _POOL] * 4 + [_TO_8] + [_AT_8 + _POOL] * 2
# The graph's convolutions in its own order, which is Keras' order of creation, too.
SCOPES = (
    *("conv", "conv_1", "conv_2", "conv_3", "conv_4"),
    *(
        f"{NAMES_IN_2015[f'mixed{i}']}/{scope}"
        for i, module in enumerate(_MODULES)
        for scope in module
    ),
)
BATCHNORM = ("batchnorm/beta", "batchnorm/moving_mean", "batchnorm/moving_variance")

# A copy of the graph in which three tensors could not be recovered and were estimated
# anew from the network's published outputs. The layers that depend on them come close to
# the original's and are not the same. The original archive has another SHA-256.
RE_ESTIMATED = {
    "fb0bdc44f71acbbe9b6ed6c43371c42b80286d2d1d5a442e4c74c49b7e5162b6": (
        "mixed_9/tower_1/conv_1/conv2d_params",
        "mixed_10/tower_1/conv_1/conv2d_params",
        "softmax/weights",
    )
}


def inception_v3_2015() -> keras.Model:
    """Build the Inception-v3 of December 2015 with the weights of its frozen graph.

    Input (299, 299, 3), output (1000,) in Keras' class order. The graph's
    outputs that stand for no class (background and seven unused ones) are left
    out before the softmax, so that the others sum to 1.

    Raises:
        data.FetchError: the graph or a label map is missing and could not be fetched.
        ValueError: a file is damaged, incomplete or another network's.
    """
    path = data.fetch(ARCHIVE) / GRAPH
    model = architecture()
    load_weights(model, path, data.imagenet_classes().node)
    sha256 = data.sha256(path)
    tensors = RE_ESTIMATED.get(sha256, ())
    model.card = Card(
        title="Inception-v3 (2015)",
        weights=path.name,
        sha256=sha256,
        preprocess=preprocess,
        approximate=downstream(model, [_layer(tensor) for tensor in tensors]),
        note=_note(tensors),
    )
    return model


def inception_v3_2015_untrained(seed: int = 0) -> keras.Model:
    """Build the network of `inception_v3_2015` with Keras' random initial weights.

    Its batch normalisation has seen no images (means 0, variances 1), so the
    activations shrink with depth, about a hundredfold from the first layer to
    mixed10; they stay finite and far above rounding errors.
    """
    model = architecture(seed)
    model.card = Card("Inception-v3 (2015), untrained", f"random, seed {seed}", preprocess)
    return model


def input_stage(channels: int = 3) -> keras.Model:
    """Build what the 2015 graph did to its input, as the layers "Sub" (x - 128) and "Mul" (/ 128).

    Its images are resized only: input and output (299, 299, channels), the input 0..255.

    Args:
        channels: 3 for photos, 1 for grey images.
    """
    inputs = x = keras.Input((SIDE, SIDE, channels), name="input")
    x = keras.layers.Rescaling(1.0, offset=-128.0, name="Sub")(x)
    x = keras.layers.Rescaling(1 / 128, name="Mul")(x)
    model = keras.Model(inputs, x, name="input_stage")
    model.card = Card("Inception-v3 (2015), input", "none", resize)
    return model


def architecture(seed: int = 0) -> keras.Model:
    """Build Keras' InceptionV3 with the max pool that the last module had in 2015."""

    def max_pool(config: dict) -> keras.Layer:
        window = {key: config[key] for key in ("pool_size", "strides", "padding")}
        return keras.layers.MaxPooling2D(**window, name="max_pooling2d_4")

    template = keras.applications.InceptionV3(weights=None)
    return fresh_copy(template, seed, replace={"average_pooling2d_8": max_pool})


def load_weights(model: keras.Model, path: Path, outputs: Sequence[int]) -> None:
    """Set the weights of the network that `architecture` builds from the frozen graph.

    Args:
        model: the network.
        path: the GraphDef file.
        outputs: for each of the network's 1,000 classes, its index among the
            graph's 1,008 outputs.

    Raises:
        ValueError: the file is damaged, incomplete or another network's, or there are
            not 1,000 outputs.
    """
    if len(set(outputs)) != 1000:
        raise ValueError(f"the label maps of {ARCHIVE} name {len(set(outputs))} classes, not 1000")
    convolutions = {scope: model.get_layer(numbered("conv2d", i)) for i, scope in enumerate(SCOPES)}
    classifier = model.get_layer("predictions")
    shapes = {"softmax/weights": (classifier.kernel.shape[0], GRAPH_OUTPUTS)}
    shapes["softmax/biases"] = (GRAPH_OUTPUTS,)
    for scope, layer in convolutions.items():
        shapes[f"{scope}/conv2d_params"] = tuple(layer.kernel.shape)
        shapes |= {f"{scope}/{name}": (layer.filters,) for name in BATCHNORM}

    tensors = _frozen_graph.read_constants(path, shapes)
    for i, (scope, layer) in enumerate(convolutions.items()):
        layer.set_weights([tensors[f"{scope}/conv2d_params"]])
        normalisation = model.get_layer(numbered("batch_normalization", i))
        normalisation.set_weights([tensors[f"{scope}/{name}"] for name in BATCHNORM])
    kept = list(outputs)
    weights, biases = tensors["softmax/weights"], tensors["softmax/biases"]
    classifier.set_weights([weights[:, kept], biases[kept]])


def preprocess(image: tf.Tensor) -> tf.Tensor:
    """Resize (h, w, 3) of 0..255 to 299 x 299 as the 2015 graph did, and scale to -1..1."""
    return (resize(image) - 128.0) / 128.0


def resize(image: tf.Tensor) -> tf.Tensor:
    """Resize (h, w, 3) to 299 x 299: bilinear, not antialiased, grid aligned at the top left."""
    return tf.raw_ops.ResizeBilinear(
        images=image[None], size=(SIDE, SIDE), align_corners=False, half_pixel_centers=False
    )[0]


def downstream(model: keras.Model, names: Sequence[str]) -> tuple[str, ...]:
    """Return the named layers and all that depend on them, in the model's order."""
    reached, tensors = [], set()
    for layer in model.layers:
        inputs = {id(tensor) for tensor in keras.tree.flatten(layer.input)}
        if layer.name in names or inputs & tensors:
            reached.append(layer.name)
            tensors |= {id(tensor) for tensor in keras.tree.flatten(layer.output)}
    return tuple(reached)


def _layer(tensor: str) -> str:
    """Return the layer that a tensor of the graph is the kernel of."""
    scope, _, kind = tensor.rpartition("/")
    return numbered("conv2d", SCOPES.index(scope)) if kind == "conv2d_params" else "predictions"


def _note(tensors: Sequence[str]) -> str:
    if not tensors:
        return ""
    return (
        f"{len(tensors)} tensors of this weights file are re-estimates ({', '.join(tensors)}): "
        "mixed9 (768 of its 2,048 channels), mixed10, avg_pool and predictions are approximate."
    )
