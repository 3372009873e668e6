"""Any network of keras.applications, with its own preprocessing."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Callable

import keras
import tensorflow as tf

from helpers.models._card import Card
from helpers.models._copies import fresh_copy

WEIGHTS = ("imagenet", None)
OPEN_SIDE = 224  # for networks that take images of any size


def application(name: str, weights: str | None = "imagenet", seed: int = 0) -> keras.Model:
    """Build a network of keras.applications at its default input size, or 224 x 224.

    Layers keep Keras' names, as a fresh process gives them; the input is called
    "input". Images are resized to the input size (bilinear, antialiased) and
    then go through the network's own `preprocess_input`.

    Args:
        name: as in keras.applications, such as "VGG16".
        weights: "imagenet" for Keras' own weights, which it fetches once and
            keeps in its cache; None for random ones.
        seed: seed of the random weights; without effect on trained ones.

    Raises:
        ValueError: no such network, or other weights.
        ConnectionError: the weights are not in Keras' cache and cannot be fetched.
    """
    builders = {key: build for key, build in vars(keras.applications).items() if key[0].isupper()}
    if name not in builders:
        near = difflib.get_close_matches(name.lower(), [key.lower() for key in builders], 3, 0.4)
        close = [key for key in builders if key.lower() in near] or list(builders)
        raise ValueError(f"keras.applications has no {name!r}: did you mean {', '.join(close)}?")
    if weights not in WEIGHTS:
        raise ValueError(f"weights={weights!r}: choose 'imagenet', or None for random weights")
    model = fresh_copy(_built(name, builders[name], weights), None if weights else seed)
    model.card = Card(
        title=f"{name} (Keras)" if weights else f"{name} (Keras), untrained",
        weights="ImageNet weights of keras.applications" if weights else f"random, seed {seed}",
        preprocess=_preprocessing(builders[name], model.input_shape[1] or OPEN_SIDE),
    )
    return model


def _built(name: str, build: Callable[..., keras.Model], weights: str | None) -> keras.Model:
    try:
        built = build(weights=weights)
        if None in built.input_shape[1:]:
            built = build(weights=weights, input_shape=(OPEN_SIDE, OPEN_SIDE, 3))
        return built
    except Exception as error:  # keras.utils.get_file raises no narrower type
        if "fetch failure" not in str(error):
            raise
        raise ConnectionError(
            f"the ImageNet weights of {name} could not be fetched ({error}): connect once to "
            "have Keras keep them in its cache, or ask for weights=None"
        ) from error


def _preprocessing(build: Callable, side: int) -> Callable[[tf.Tensor], tf.Tensor]:
    # Not every public module has both the builder and its preprocessing.
    module = sys.modules[build.__module__]

    def preprocess(image: tf.Tensor) -> tf.Tensor:
        return module.preprocess_input(tf.image.resize(image, (side, side), antialias=True))

    return preprocess
