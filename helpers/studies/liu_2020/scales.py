"""A network that sees its images larger or smaller, beside the same receptive fields."""

from __future__ import annotations

from dataclasses import replace

import keras
import tensorflow as tf


def at_size(model: keras.Model, side: int) -> keras.Model:
    """Return a copy of a convolutional network for inputs of another size.

    Its own input is resized to side x side after preprocessing: the same picture, larger or
    smaller, so that the receptive fields cover less or more of an object.

    Args:
        model: a functional model with a `card`, convolutional as far as it is to be looked at.
        side: of the new input, in pixels.
    """
    channels = model.input_shape[-1]
    copy = keras.models.clone_model(model, keras.Input((side, side, channels), name="input"))
    copy.set_weights(model.get_weights())

    def preprocess(image: tf.Tensor) -> tf.Tensor:
        return tf.image.resize(model.card.preprocess(image), (side, side), antialias=True)

    copy.card = replace(
        model.card, title=f"{model.card.title} at {side} pixels", preprocess=preprocess
    )
    return copy
