"""The small convolutional network of Ruman's second report, at any width."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from helpers.models._card import Card

# Filters and their side, layer by layer, at width 1.
FILTERS = ((4, 5), (16, 3), (64, 5))


def small_cnn(width: float = 1, classes: int = 10, seed: int = 0) -> keras.Model:
    """Build a small convolutional network for grey images of 28 × 28, untrained.

    4 filters of 5 × 5 and a max pool, 16 of 3 × 3 and a max pool, 64 of 5 × 5, then logits:
    27,010 parameters at width 1. ReLU follows everything but the logits. Layers are
    named input, layer1, layer2, layer3 and logits; layer1 (12, 12, 4) and layer2 (5, 5, 16) are
    the activations after pool and ReLU, layer3 is (1, 1, 64). Kernels and biases start uniform
    in ±1/√(inputs of a unit), as in Ruman 2021 (PyTorch's default). The source put a ReLU on the
    logits, too, which is not repeated.

    Args:
        width: factor on the number of filters of all three layers, such as 0.5 or 4.
        classes: number of logits.
        seed: of the initial weights.

    Raises:
        ValueError: a layer would have no filter.
    """
    counts = [int(count * width) for count, _ in FILTERS]
    if min(counts) < 1:
        raise ValueError(f"width={width!r} leaves a layer without filters: take 0.25 or more")
    seeds = iter(np.random.default_rng(seed).integers(2**31, size=2 * len(FILTERS) + 2).tolist())

    def start(inputs: int) -> dict[str, keras.Initializer]:
        uniform = keras.initializers.RandomUniform
        return {
            f"{part}_initializer": uniform(-(inputs**-0.5), inputs**-0.5, next(seeds))
            for part in ("kernel", "bias")
        }

    inputs = x = keras.Input((28, 28, 1), name="input")
    for i, (count, (_, side)) in enumerate(zip(counts, FILTERS, strict=True), start=1):
        own = start(side * side * x.shape[-1])
        x = keras.layers.Conv2D(count, side, name=f"conv{i}", **own)(x)
        if x.shape[1] > 1:
            x = keras.layers.MaxPooling2D(name=f"pool{i}")(x)
        x = keras.layers.ReLU(name=f"layer{i}")(x)
    x = keras.layers.Flatten(name="flat")(x)
    x = keras.layers.Dense(classes, name="logits", **start(counts[-1]))(x)
    model = keras.Model(inputs, x, name="small_cnn")
    title = f"CNN {'-'.join(map(str, counts))}"
    model.card = Card(title, f"random, seed {seed}", _scaled)
    return model


def _scaled(image: tf.Tensor) -> tf.Tensor:
    return tf.cast(image, tf.float32) / 255.0
