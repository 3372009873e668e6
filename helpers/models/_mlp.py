"""A multi-layer perceptron."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from helpers.models._card import Card


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
    model.card = Card(f"MLP {'-'.join(map(str, widths))}", f"random, seed {seed}", _flatten)
    return model


def _flatten(image: tf.Tensor) -> tf.Tensor:
    return tf.reshape(tf.cast(image, tf.float32) / 255.0, (-1,))
