"""Batch normalisation of networks that have never seen an image."""

from __future__ import annotations

from collections.abc import Callable

import keras
import tensorflow as tf

from helpers import data


def calibrate(model: keras.Model, images: data.ImageSet) -> None:
    """Set the statistics of a network's batch normalisations to those of some images, in place.

    A network at initialisation normalises by mean 0 and variance 1, whatever it sees, so that
    its activations shrink or grow with depth and many units are nearly always on or off.
    After calibration each normalised unit has mean 0 and variance 1 over these images. All of
    them pass at once: memory grows with their number, about 16 do for Inception-v3.

    Args:
        model: with batch normalisations, and a `card` that says how images are preprocessed.
        images: to calibrate on.

    Raises:
        ValueError: the model has no batch normalisations.
    """
    calibration(model)(images)


def calibration(model: keras.Model) -> Callable[[data.ImageSet], None]:
    """Return a function of images that does what `calibrate` does, compiled once.

    For a network whose weights change from call to call. Its layers may not, and the network
    stays in memory as long as the function does.

    Args:
        model: see `calibrate`.

    Raises:
        ValueError: the model has no batch normalisations.
    """
    normalisations = [
        layer
        for layer in model._flatten_layers()
        if isinstance(layer, keras.layers.BatchNormalization)
    ]
    if not normalisations:
        raise ValueError(f"{model.name!r} has no batch normalisations to calibrate")
    # As a graph, which lets go of each activation when it is no longer needed.
    forward = tf.function(lambda x: model(x, training=True), autograph=False)

    def calibrate_on(images: data.ImageSet) -> None:
        (batch,) = images.tensors(model.card.preprocess, len(images))
        momenta = [layer.momentum for layer in normalisations]
        for layer in normalisations:
            layer.momentum = 0.0
        try:
            forward(batch)
        finally:
            for layer, momentum in zip(normalisations, momenta, strict=True):
                layer.momentum = momentum

    return calibrate_on
