"""GoogLeNet of 2014, the first inception network, from the weights of its Caffe training."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from helpers import data, project
from helpers.models import _caffe
from helpers.models._card import Card
from helpers.models._copies import fresh_copy

FOLDER = "googlenet-2014"
SIDE = 224
# Filters of each module: 1x1; 3x3 with its bottleneck; 5x5 with its bottleneck; after the pool.
MODULES = {
    "3a": (64, (96, 128), (16, 32), 32),
    "3b": (128, (128, 192), (32, 96), 64),
    "4a": (192, (96, 208), (16, 48), 64),
    "4b": (160, (112, 224), (24, 64), 64),
    "4c": (128, (128, 256), (24, 64), 64),
    "4d": (112, (144, 288), (32, 64), 64),
    "4e": (256, (160, 320), (32, 128), 128),
    "5a": (256, (160, 320), (32, 128), 128),
    "5b": (384, (192, 384), (48, 128), 128),
}
POOLED_AFTER = {"3b": "maxpool4", "4e": "maxpool10"}
# Caffe's names: of the layers outside modules, and of the convolutions within one.
CAFFE_NAMES = {
    "conv2d0": "conv1/7x7_s2",
    "conv2d1": "conv2/3x3_reduce",
    "conv2d2": "conv2/3x3",
    "logits": "loss3/classifier",
}
CAFFE_BRANCHES = {
    "1x1": "1x1",
    "3x3_bottleneck": "3x3_reduce",
    "3x3": "3x3",
    "5x5_bottleneck": "5x5_reduce",
    "5x5": "5x5",
    "pool_reduce": "pool_proj",
}
# The layers that Rupprecht (2017, layer decorrelation) compared, in depth order.
GOOGLENET_LAYERS = (
    *("input", "conv2d0", "conv2d1", "conv2d2"),
    *(f"mixed{module}" for module in MODULES),
    *("avgpool0", "output"),
)


def googlenet_2014() -> keras.Model:
    """Build GoogLeNet with the ImageNet weights of BVLC's training in Caffe.

    Szegedy et al. 2015, Going deeper with convolutions, CVPR. Input (224, 224, 3),
    output (1000,) in Keras' class order. Layers carry the names of TensorFlow's training
    of the same network ("inception5h"): conv2d0 to conv2d2 and the modules mixed3a to
    mixed5b, all after ReLU, avgpool0, logits, and output, the softmax; within a module
    as mixed4c_1x1, mixed4c_3x3_bottleneck, mixed4c_3x3, mixed4c_5x5 and
    mixed4c_pool_reduce.

    The SHA-256 of the network is that of all weight files after one another, in depth
    order, a layer's filter before its bias.

    Raises:
        data.FetchError: the files are missing and could not be fetched.
        ValueError: a file has another size than its layer's weights.
    """
    model = architecture()
    sha256 = load_weights(model, data.fetch(FOLDER) / "weights")
    title = "GoogLeNet (2014)"
    model.card = Card(title, "the Caffe weights bvlc_googlenet", preprocess, sha256)
    return model


def googlenet_2014_untrained(seed: int = 0) -> keras.Model:
    """Build the network of `googlenet_2014` with Keras' random initial weights."""
    model = fresh_copy(architecture(), seed)
    model.card = Card("GoogLeNet (2014), untrained", f"random, seed {seed}", preprocess)
    return model


def architecture() -> keras.Model:
    """Build the network with random weights."""
    inputs = layers.Input((SIDE, SIDE, 3), name="input")
    # Caffe pads both sides by 3; "same" would pad 2 before and 3 after.
    x = layers.ZeroPadding2D(3, name="padding0")(inputs)
    x = _convolution(x, 64, 7, "conv2d0", strides=2, padding="valid")
    x = _caffe.max_pool(x, "maxpool0")
    x = _caffe.LocalResponseNormalization(name="localresponsenorm0")(x)
    x = _convolution(x, 64, 1, "conv2d1")
    x = _convolution(x, 192, 3, "conv2d2")
    x = _caffe.LocalResponseNormalization(name="localresponsenorm1")(x)
    x = _caffe.max_pool(x, "maxpool1")
    for module in MODULES:
        x = _module(x, module)
        if module in POOLED_AFTER:
            x = _caffe.max_pool(x, POOLED_AFTER[module])
    x = layers.GlobalAveragePooling2D(name="avgpool0")(x)
    x = layers.Dense(1000, name="logits")(x)
    outputs = layers.Softmax(name="output")(x)
    return keras.Model(inputs, outputs, name="googlenet")


def load_weights(model: keras.Model, folder: Path) -> str:
    """Set the weights of the network that `architecture` builds.

    Args:
        model: the network.
        folder: holds <Caffe's layer name>_filter.bin and _bias.bin, little-endian float32:
            filters (output, y, x, input), the classifier's (output, input).

    Returns:
        The SHA-256 of all files after one another, as `googlenet_2014` says.

    Raises:
        FileNotFoundError: a file is missing; the message names it.
        ValueError: a file has another size than its layer's weights; the message names both.
    """
    digest = hashlib.sha256()
    for layer in model.layers:
        if not layer.weights:
            continue
        parts = []
        for kind, variable in (("filter", layer.kernel), ("bias", layer.bias)):
            path = folder / f"{caffe_name(layer.name)}_{kind}.bin"
            content = _read(path, tuple(variable.shape), layer.name)
            digest.update(content)
            shape = variable.shape[-1:] + variable.shape[:-1]
            parts.append(np.moveaxis(np.frombuffer(content, "<f4").reshape(shape), 0, -1))
        layer.set_weights(parts)
    return digest.hexdigest()


def caffe_name(layer: str) -> str:
    """Return what a layer with weights is called in Caffe: inception_3a/3x3_reduce."""
    if layer in CAFFE_NAMES:
        return CAFFE_NAMES[layer]
    module, _, branch = layer.removeprefix("mixed").partition("_")
    return f"inception_{module}/{CAFFE_BRANCHES[branch]}"


def preprocess(image: tf.Tensor) -> tf.Tensor:
    """Resize (h, w, 3) RGB of 0..255 to 224 x 224, in BGR order and less the mean colour.

    The whole image, squeezed to a square, by bilinear interpolation that is not
    antialiased: the network recognises fewer images when it is.
    """
    return _caffe.centred(tf.image.resize(image, (SIDE, SIDE)))


def _convolution(
    x: keras.KerasTensor, filters: int, size: int, name: str, **options: Any
) -> keras.KerasTensor:
    options = {"padding": "same", "activation": "relu", "name": name} | options
    return layers.Conv2D(filters, size, **options)(x)


def _module(x: keras.KerasTensor, module: str) -> keras.KerasTensor:
    one, (three_in, three), (five_in, five), after_pool = MODULES[module]
    name = f"mixed{module}"
    in_three = _convolution(x, three_in, 1, f"{name}_3x3_bottleneck")
    in_five = _convolution(x, five_in, 1, f"{name}_5x5_bottleneck")
    pooled = layers.MaxPooling2D(3, strides=1, padding="same", name=f"{name}_pool")(x)
    branches = [
        _convolution(x, one, 1, f"{name}_1x1"),
        _convolution(in_three, three, 3, f"{name}_3x3"),
        _convolution(in_five, five, 5, f"{name}_5x5"),
        _convolution(pooled, after_pool, 1, f"{name}_pool_reduce"),
    ]
    return layers.Concatenate(name=name)(branches)


def _read(path: Path, shape: tuple[int, ...], layer: str) -> bytes:
    if not path.is_file():
        raise FileNotFoundError(f"{project.shown(path)}, weights of layer {layer!r}, is missing")
    content = path.read_bytes()
    size = 4 * int(np.prod(shape))
    if len(content) != size:
        raise ValueError(
            f"{project.shown(path)} has {len(content)} bytes, layer {layer!r} needs {size}: "
            "delete the file to have it fetched again, or put the original in its place"
        )
    return content
