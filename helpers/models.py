"""The networks: each a plain Keras model whose `source` says where its weights come from."""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from helpers import frozen_graph, profile
from helpers.source import Source

# The layers of the sources, by our names and by those of the 2015 graph.
SOURCE_NAMES = {
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
GUEST_LOVE_LAYERS = tuple(SOURCE_NAMES)
RUPPRECHT_LAYERS = tuple(name for name in SOURCE_NAMES if "pool" not in name)

ARCHIVE = "inception-2015-12-05"
GRAPH = "classify_image_graph_def.pb"
LABEL_MAP = "imagenet_2012_challenge_label_map_proto.pbtxt"
# Convolutions in the order of the graph, which is also Keras' order of creation.
_STEM = ("conv", "conv_1", "conv_2", "conv_3", "conv_4")
_35X35 = ("conv", "tower/conv", "tower/conv_1", "tower_1/conv", "tower_1/conv_1", "tower_1/conv_2")
_17X17 = ("conv", "tower/conv", "tower/conv_1", "tower/conv_2")
_17X17 += ("tower_1/conv", *(f"tower_1/conv_{i}" for i in range(1, 5)))
_8X8 = ("conv", "tower/conv", "tower/mixed/conv", "tower/mixed/conv_1", "tower_1/conv")
_8X8 += ("tower_1/conv_1", "tower_1/mixed/conv", "tower_1/mixed/conv_1")
_MODULES = (
    *((*_35X35, "tower_2/conv") for _ in range(3)),
    _17X17[:4],
    *((*_17X17, "tower_2/conv") for _ in range(4)),
    ("tower/conv", "tower/conv_1", "tower_1/conv", *(f"tower_1/conv_{i}" for i in range(1, 4))),
    *((*_8X8, "tower_2/conv") for _ in range(2)),
)
SCOPES = _STEM + tuple(
    f"{SOURCE_NAMES[f'mixed{i}']}/{scope}" for i, module in enumerate(_MODULES) for scope in module
)

# A copy of the graph in which three tensors were not recovered but estimated anew:
# from the layers that they feed, activations are close to the original's, not equal.
RE_ESTIMATED = {
    "fb0bdc44f71acbbe9b6ed6c43371c42b80286d2d1d5a442e4c74c49b7e5162b6": (
        "mixed_9/tower_1/conv_1/conv2d_params",
        "mixed_10/tower_1/conv_1/conv2d_params",
        "softmax/weights",
    )
}


def inception_v3_2015() -> keras.Model:
    """Build the Inception-v3 of December 2015 from its frozen graph.

    Input (299, 299, 3), output (1000,) in Keras' class order. The graph's
    outputs without a class (background and seven unused) are dropped before
    the softmax, which renormalises the others.

    Raises:
        FileNotFoundError: the graph or a label map cannot be had.
        ValueError: a file is damaged, foreign or incomplete.
    """
    folder = profile.downloads() / ARCHIVE
    path = folder / GRAPH
    model = _inception_2015_architecture(seed=0)
    labels = frozen_graph.read_label_map(folder / LABEL_MAP)
    outputs = sorted(labels, key=labels.get)
    load_2015_weights(model, path, outputs)
    sha256 = _sha256(path)
    tensors = RE_ESTIMATED.get(sha256, ())
    model.source = Source(
        "Inception-v3 (2015)",
        path.name,
        sha256,
        preprocess_2015,
        approximate=_downstream(model, [_layer_of(tensor) for tensor in tensors]),
        note=_note(tensors),
    )
    return model


def load_2015_weights(model: keras.Model, path: Path, outputs: list[int]) -> None:
    """Set a model's weights from the frozen graph.

    Args:
        model: from inception_v3_2015_untrained.
        path: the GraphDef file.
        outputs: the graph's output indices in the order of the model's classes.

    Raises:
        ValueError: the file is damaged, foreign or incomplete.
    """
    shapes: dict[str, tuple[int, ...]] = {}
    batchnorm = [f"batchnorm/{name}" for name in ("beta", "moving_mean", "moving_variance")]
    for i, scope in enumerate(SCOPES):
        kernel = model.get_layer(_numbered("conv2d", i)).kernel
        shapes[f"{scope}/conv2d_params"] = tuple(kernel.shape)
        shapes |= {f"{scope}/{name}": (kernel.shape[-1],) for name in batchnorm}
    shapes |= {"softmax/weights": (2048, 1008), "softmax/biases": (1008,)}
    tensors = frozen_graph.read_constants(path, shapes)
    for i, scope in enumerate(SCOPES):
        model.get_layer(_numbered("conv2d", i)).set_weights([tensors[f"{scope}/conv2d_params"]])
        normalisation = model.get_layer(_numbered("batch_normalization", i))
        normalisation.set_weights([tensors[f"{scope}/{name}"] for name in batchnorm])
    classifier = tensors["softmax/weights"][:, outputs], tensors["softmax/biases"][outputs]
    model.get_layer("predictions").set_weights(classifier)


def inception_v3_2015_untrained(seed: int = 0) -> keras.Model:
    """Build the architecture of 2015 with Keras' random initial weights."""
    model = _inception_2015_architecture(seed)
    model.source = Source(
        "Inception-v3 (2015), untrained", f"random, seed {seed}", "", preprocess_2015
    )
    return model


def preprocess_2015(image: tf.Tensor) -> tf.Tensor:
    """Resize (h, w, 3) of 0..255 to 299 x 299 as the 2015 graph does, and scale to -1..1."""
    return (_resize_2015(image) - 128.0) / 128.0


def mlp(widths: tuple[int, ...] = (784, 512, 256, 128, 10), seed: int = 0) -> keras.Model:
    """Build a multi-layer perceptron: ReLU after every layer but the last, which gives logits.

    Layers are named input, layer1, layer2 … and logits; activations are those after ReLU.
    Kernels and biases start uniform in ±1/√(units of the layer before), as in Ruman 2021
    (PyTorch's default; Keras' own would start with larger kernels and with biases of zero).

    Args:
        widths: units from the input to the output.
        seed: seed of the initial weights.
    """
    seeds = np.random.default_rng(seed).integers(2**31, size=(len(widths), 2)).tolist()
    inputs = x = keras.Input((widths[0],), name="input")
    for i, width in enumerate(widths[1:], start=1):
        last = i == len(widths) - 1
        bound = widths[i - 1] ** -0.5
        x = keras.layers.Dense(
            width,
            activation=None if last else "relu",
            kernel_initializer=keras.initializers.RandomUniform(-bound, bound, seeds[i][0]),
            bias_initializer=keras.initializers.RandomUniform(-bound, bound, seeds[i][1]),
            name="logits" if last else f"layer{i}",
        )(x)
    model = keras.Model(inputs, x, name="mlp")
    model.source = Source(f"MLP {'-'.join(map(str, widths))}", f"random, seed {seed}", "", _flatten)
    return model


def _inception_2015_architecture(seed: int) -> keras.Model:
    """Keras' InceptionV3, with the max pool that the last module had in 2015."""

    def max_pool(config: dict) -> keras.layers.Layer:
        kept = {key: config[key] for key in ("pool_size", "strides", "padding")}
        return keras.layers.MaxPooling2D(**kept, name="max_pooling2d_4")

    template = keras.applications.InceptionV3(weights=None)
    return _rebuild(template, seed, replace={"average_pooling2d_8": max_pool})


def _rebuild(
    model: keras.Model,
    seed: int,
    replace: Mapping[str, Callable[[dict], keras.layers.Layer]] | None = None,
) -> keras.Model:
    """Return a freshly initialised copy whose names and weights depend on nothing but the seed.

    Keras numbers layers without a name through the whole process; the copy's
    numbers start from the beginning. Its input layer is called "input".

    Args:
        model: a functional model with one input.
        seed: seed of all initial weights.
        replace: what to put instead of a layer, by its new name: config -> layer.
    """
    replace = replace or {}
    names = _fresh_names(model)
    rng = np.random.default_rng(seed)

    def clone(layer: keras.layers.Layer) -> keras.layers.Layer:
        config = layer.get_config() | {"name": names.get(layer.name, layer.name)}
        if config["name"] in replace:
            return replace[config["name"]](config)
        _set_seeds(config, rng)
        return type(layer).from_config(config)

    inputs = keras.Input(model.input_shape[1:], name="input")
    return keras.models.clone_model(model, input_tensors=inputs, clone_function=clone)


def _fresh_names(model: keras.Model) -> dict[str, str]:
    """Map automatic names ("conv2d_97") to those that a fresh process gives ("conv2d_3")."""
    automatic = defaultdict(list)
    for layer in model.layers:
        stem, number = re.fullmatch(r"(.*?)(?:_(\d+))?", layer.name).groups()
        if stem == type(layer).__name__.lower() or stem == _snake_case(type(layer).__name__):
            automatic[stem].append((int(number or 0), layer.name))
    return {
        name: _numbered(stem, i)
        for stem, layers in automatic.items()
        for i, (_, name) in enumerate(sorted(layers))
    }


def _snake_case(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z][a-z])", "_", name).lower()


def _numbered(stem: str, i: int) -> str:
    return f"{stem}_{i}" if i else stem


def _set_seeds(config: dict, rng: np.random.Generator) -> None:
    """Give every initialiser without a seed one of its own, in place."""
    for key, value in config.items():
        if key == "seed" and value is None:
            config[key] = int(rng.integers(2**31))
        elif isinstance(value, dict):
            _set_seeds(value, rng)


def _layer_of(tensor: str) -> str:
    scope, _, kind = tensor.rpartition("/")
    return _numbered("conv2d", SCOPES.index(scope)) if kind == "conv2d_params" else "predictions"


def _downstream(model: keras.Model, names: list[str]) -> tuple[str, ...]:
    """Return the named layers and all that depend on them, in the model's order."""
    reached, tensors = [], set()
    for layer in model.layers:
        inputs = {id(tensor) for tensor in keras.tree.flatten(layer.input)}
        if layer.name in names or inputs & tensors:
            reached.append(layer.name)
            tensors |= {id(tensor) for tensor in keras.tree.flatten(layer.output)}
    return tuple(reached)


def _note(tensors: tuple[str, ...]) -> str:
    if not tensors:
        return ""
    return (
        f"{len(tensors)} of this file's tensors are re-estimates ({', '.join(tensors)}): "
        "mixed9 (768 of its 2,048 channels), mixed10, avg_pool and predictions are approximate."
    )


def _resize_2015(image: tf.Tensor) -> tf.Tensor:
    return tf.raw_ops.ResizeBilinear(
        images=image[None], size=(299, 299), align_corners=False, half_pixel_centers=False
    )[0]


def _flatten(image: tf.Tensor) -> tf.Tensor:
    return tf.reshape(tf.cast(image, tf.float32) / 255.0, (-1,))


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
