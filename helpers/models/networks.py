"""The networks: each a plain Keras model whose `source` says where its weights come from."""

from __future__ import annotations

import keras
import numpy as np
import pandas as pd
import tensorflow as tf

from helpers import data
from helpers.models import inception_2015
from helpers.models._source import Source
from helpers.models.inception_2015 import SOURCE_NAMES

# The layers of the sources, in depth order; those of Rupprecht and mixed1, which he left out.
GUEST_LOVE_LAYERS = tuple(SOURCE_NAMES)
RUPPRECHT_LAYERS = tuple(name for name in SOURCE_NAMES if "pool" not in name)


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


def input_stage(channels: int = 3) -> keras.Model:
    """Build what the 2015 graph did to its input, as the layers "Sub" (x - 128) and "Mul" (/ 128).

    Its images are resized only: input and output (299, 299, channels), the input 0..255.

    Args:
        channels: 3 for photos, 1 for grey images.
    """
    inputs = x = keras.Input((inception_2015.SIDE, inception_2015.SIDE, channels), name="input")
    x = keras.layers.Rescaling(1.0, offset=-128.0, name="Sub")(x)
    x = keras.layers.Rescaling(1 / 128, name="Mul")(x)
    model = keras.Model(inputs, x, name="input_stage")
    model.source = Source("Inception-v3 (2015), input", "none", "", inception_2015.resize)
    return model


def top(probabilities: np.ndarray, k: int = 5) -> pd.DataFrame:
    """List each image's k most probable ImageNet classes, the most probable first.

    Args:
        probabilities: (images, 1000), in Keras' class order.
        k: classes per image.

    Returns:
        A table with the columns image (index), rank (from 1), wnid, name, probability.

    Raises:
        ValueError: probabilities of another shape.
    """
    probabilities = np.asarray(probabilities)
    if probabilities.ndim != 2 or probabilities.shape[1] != 1000:
        raise ValueError(f"probabilities {probabilities.shape} must be (images, 1000)")
    order = np.argsort(-probabilities, axis=1)[:, :k]
    table = data.imagenet_classes()[["wnid", "name"]].iloc[order.ravel()].reset_index(drop=True)
    table.insert(0, "image", np.repeat(np.arange(len(order)), order.shape[1]))
    table.insert(1, "rank", np.tile(np.arange(1, order.shape[1] + 1), len(order)))
    return table.assign(probability=np.take_along_axis(probabilities, order, axis=1).ravel())


def _flatten(image: tf.Tensor) -> tf.Tensor:
    return tf.reshape(tf.cast(image, tf.float32) / 255.0, (-1,))
