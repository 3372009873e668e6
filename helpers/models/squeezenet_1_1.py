"""SqueezeNet 1.1, a network with AlexNet's accuracy that is small enough to ship to anyone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import keras
import tensorflow as tf
from keras import layers

from helpers import data
from helpers.models import _caffe, _openvino
from helpers.models._source import Source

FOLDER = "squeezenet-1.1"
SIDE = 227
# Filters of each fire module: squeeze 1x1, and each of the two expand convolutions.
FIRE = {2: (16, 64), 3: (16, 64), 4: (32, 128), 5: (32, 128)}
FIRE |= {6: (48, 192), 7: (48, 192), 8: (64, 256), 9: (64, 256)}
SQUEEZENET_LAYERS = ("conv1", *(f"fire{i}" for i in FIRE), "conv10")


def squeezenet() -> keras.Model:
    """Build SqueezeNet 1.1, trained on ImageNet, from its OpenVINO IR files.

    Iandola et al. 2016, arXiv:1602.07360; the weights are stored as float16.
    Input (227, 227, 3), output (1000,) in Keras' class order. Layers conv1,
    fire2 … fire9 (what the two expand convolutions give together) and conv10
    are those after ReLU.

    Raises:
        FileNotFoundError: the files cannot be had.
        ValueError: a file is damaged, or another network's.
    """
    xml, binary = (data.fetch(f"{FOLDER}/squeezenet1.1.{kind}") for kind in ("xml", "bin"))
    model = architecture()
    load_weights(model, xml, binary)
    model.source = Source("SqueezeNet 1.1", binary.name, data.sha256(binary), preprocess)
    return model


def load_weights(model: keras.Model, xml: Path, binary: Path) -> None:
    """Set the weights of the network that `architecture` builds from OpenVINO IR files.

    Raises:
        ValueError: a file is damaged, or a layer is missing or of another shape;
            the message names both.
    """
    convolutions = _openvino.read_convolutions(xml, binary)
    for layer in model.layers:
        if isinstance(layer, layers.Conv2D):
            layer.set_weights(_fitting(layer, convolutions, xml))


def architecture() -> keras.Model:
    """Build SqueezeNet 1.1 without its weights."""
    inputs = layers.Input((SIDE, SIDE, 3), name="input")
    x = layers.Conv2D(64, 3, strides=2, activation="relu", name="conv1")(inputs)
    x = _caffe.max_pool(x, "pool1")
    for i in FIRE:
        x = _fire(x, i)
        if i in (3, 5):
            x = _caffe.max_pool(x, f"pool{i}")
    x = layers.Conv2D(1000, 1, activation="relu", name="conv10")(x)
    x = layers.GlobalAveragePooling2D(name="avg_pool")(x)
    outputs = layers.Softmax(name="predictions")(x)
    return keras.Model(inputs, outputs, name="squeezenet")


def preprocess(image: tf.Tensor) -> tf.Tensor:
    """Resize (h, w, 3) RGB of 0..255 to 227 x 227, in BGR order and less the mean colour.

    The whole image, squeezed to a square, by antialiased bilinear interpolation:
    nothing is cropped away, whatever the image's shape.
    """
    resized = tf.image.resize(image, (SIDE, SIDE), antialias=True)
    return _caffe.centred(resized)


def _fire(x: keras.KerasTensor, i: int) -> keras.KerasTensor:
    squeeze, expand = FIRE[i]
    x = layers.Conv2D(squeeze, 1, activation="relu", name=f"fire{i}_squeeze1x1")(x)
    sides = [
        layers.Conv2D(
            expand, size, padding="same", activation="relu", name=f"fire{i}_expand{size}x{size}"
        )(x)
        for size in (1, 3)
    ]
    return layers.Concatenate(name=f"fire{i}")(sides)


def _fitting(
    layer: keras.Layer, convolutions: Mapping[str, _openvino.Convolution], xml: Path
) -> _openvino.Convolution:
    name = layer.name.replace("_", "/")
    if name not in convolutions:
        raise ValueError(f"{xml.name} has no layer {name!r}: it is not SqueezeNet 1.1")
    found, wanted = convolutions[name].kernel.shape, tuple(layer.kernel.shape)
    if found != wanted:
        raise ValueError(
            f"{xml.name}: the kernel of layer {name!r} is {found}, SqueezeNet 1.1 has {wanted}"
        )
    return convolutions[name]
