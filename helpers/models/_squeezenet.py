"""SqueezeNet 1.1, a network with AlexNet's accuracy that is small enough to ship to anyone."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from helpers import data, project
from helpers.models import _caffe
from helpers.models._card import Card

WEIGHTS = project.ROOT / "data" / "squeezenet_1_1.npz"
SIDE = 227
# Filters of each fire module: squeeze 1x1, and each of the two expand convolutions.
FIRE = {2: (16, 64), 3: (16, 64), 4: (32, 128), 5: (32, 128)}
FIRE |= {6: (48, 192), 7: (48, 192), 8: (64, 256), 9: (64, 256)}
SQUEEZENET_LAYERS = ("conv1", *(f"fire{i}" for i in FIRE), "conv10")


def squeezenet() -> keras.Model:
    """Build SqueezeNet 1.1, trained on ImageNet, from the committed float16 weights.

    Iandola et al. 2016, arXiv:1602.07360. Input (227, 227, 3), output (1000,) in Keras'
    class order. Layers conv1, fire2 … fire9 (the outputs of a module's two expand
    convolutions, joined) and conv10 are those after ReLU.
    """
    model = architecture()
    with np.load(project.shipped(WEIGHTS)) as weights:
        for layer in model.layers:
            if layer.weights:
                parts = [weights[f"{layer.name}/{part}"] for part in ("kernel", "bias")]
                layer.set_weights([part.astype(np.float32) for part in parts])
    model.card = Card("SqueezeNet 1.1", WEIGHTS.name, preprocess, data.sha256(WEIGHTS))
    return model


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
