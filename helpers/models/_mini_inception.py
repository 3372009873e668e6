"""A small relative of Inception-v3 for the quick profile, trained on scikit-learn's digits.

`python -m tools.train_mini_inception` trains it anew (about a minute) and writes its weights.
"""

from __future__ import annotations

from functools import partial

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from helpers import data, project
from helpers.models._card import Card
from helpers.models._copies import fresh_copy

WEIGHTS = project.ROOT / "data" / "mini_inception.npz"
SIDE = 32
# Filters of a module's branches: 1x1, 3x3, 5x5 and pool, in the order of the concatenation.
MODULES = ((8, 12, 8, 4), (8, 16, 8, 8), (16, 24, 16, 8), (24, 32, 24, 16))


def mini_inception(
    trained: bool = True, seed: int = 0, side: int = SIDE, logits: bool = False
) -> keras.Model:
    """Build the mini-Inception: input (side, side, 1), ten classes.

    As in Inception-v3 there are five convolutions and two pools before the
    modules mixed0 to mixed3, then avg_pool and predictions; each convolution is
    followed by batch normalisation and ReLU, and layers carry the same names.

    Args:
        trained: whether to load the committed weights; else the network is at
            initialisation.
        seed: seed of the initial weights; without effect on the trained network.
        side: of the input images in pixels, at least 8.
        logits: whether the output, then called "logits", comes without softmax, as
            `models.train` wants it.
    """
    model = architecture(seed, side, logits)
    if trained:
        with np.load(project.shipped(WEIGHTS)) as weights:
            model.set_weights([weights[name] for name in weights])
        weights = (WEIGHTS.name, partial(preprocess, side=side), data.sha256(WEIGHTS))
        model.card = Card("mini-Inception", *weights)
    else:
        weights = (f"random, seed {seed}", partial(preprocess, side=side))
        model.card = Card("mini-Inception, untrained", *weights)
    return model


def architecture(seed: int = 0, side: int = SIDE, logits: bool = False) -> keras.Model:
    """Build the network with random initial weights."""
    inputs = x = layers.Input((side, side, 1))
    for filters in (8, 8, 16):
        x = _convolution(x, filters, 3)
    x = layers.MaxPooling2D(3, strides=2, padding="same")(x)
    x = _convolution(x, 16, 1)
    x = _convolution(x, 24, 3)
    x = layers.MaxPooling2D(3, strides=2, padding="same")(x)
    for i, filters in enumerate(MODULES):
        if i == 2:
            x = layers.MaxPooling2D(3, strides=2, padding="same")(x)
        x = _module(x, filters, f"mixed{i}")
    x = layers.GlobalAveragePooling2D(name="avg_pool")(x)
    name, activation = ("logits", None) if logits else ("predictions", "softmax")
    outputs = layers.Dense(10, activation=activation, name=name)(x)
    return fresh_copy(keras.Model(inputs, outputs, name="mini_inception"), seed)


def preprocess(image: tf.Tensor, side: int = SIDE) -> tf.Tensor:
    """Resize a grey image (h, w, 1) of 0..255 to side x side (bilinear) and scale it to 0..1."""
    return tf.image.resize(image, (side, side)) / 255.0


def _convolution(x: keras.KerasTensor, filters: int, size: int) -> keras.KerasTensor:
    x = layers.Conv2D(filters, size, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization(scale=False, epsilon=1e-3, momentum=0.9)(x)
    return layers.Activation("relu")(x)


def _module(x: keras.KerasTensor, filters: tuple[int, ...], name: str) -> keras.KerasTensor:
    one, three, five, pool = filters
    branches = [
        _convolution(x, one, 1),
        _convolution(_convolution(x, three // 2, 1), three, 3),
        _convolution(_convolution(x, five // 2, 1), five, 5),
        _convolution(layers.AveragePooling2D(3, strides=1, padding="same")(x), pool, 1),
    ]
    return layers.Concatenate(name=name)(branches)
