"""A network by its name or from a file, with its card."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import keras
import tensorflow as tf

from helpers import data, models

OWN = {"SqueezeNet": models.squeezenet, "mini-Inception": models.mini_inception}
RANGES = {"0..255": (1.0, 0.0), "0..1": (1 / 255, 0.0), "-1..1": (1 / 127.5, -1.0)}
SCALING = ("Rescaling", "Normalization")


def network(name: str, weights: str = "imagenet", pixels: str = "") -> keras.Model:
    """Build or load a network, with its card.

    Args:
        name: a .keras file; "SqueezeNet" or "mini-Inception"; or a network of
            keras.applications, as "MobileNetV2".
        weights: for keras.applications: "imagenet", or "none" for random ones.
        pixels: for a .keras file: what pixels are scaled to, "0..255", "0..1" or "-1..1"; may be
            left empty where the model scales them itself.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: no such network; or a model that does not take one image of a fixed size, or
            does not say how pixels are scaled.
        ConnectionError: weights that Keras does not have and cannot fetch.
    """
    if name in OWN:
        return OWN[name]()
    if not name.endswith(".keras"):
        if weights not in ("imagenet", "none"):
            raise ValueError(f"weights={weights!r}: choose 'imagenet' or 'none' (random)")
        return models.application(name, None if weights == "none" else weights)
    path = Path(name)
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}: save the model with model.save({path.name!r})")
    model = keras.saving.load_model(path, compile=False)
    height, width, channels = image_shape(model)
    card = models.Card(
        path.stem,
        path.name,
        partial(preprocess, size=(height, width), channels=channels, pixels=_pixels(model, pixels)),
        data.sha256(path),
    )
    model.card = card
    return model


def image_shape(model: keras.Model) -> tuple[int, int, int]:
    """Return (height, width, channels) of the images that a model takes.

    Raises:
        ValueError: it takes several inputs, no image, or images of any size.
    """
    if len(model.inputs) != 1:
        raise ValueError(
            f"{model.name!r} has {len(model.inputs)} inputs: this notebook shows each image to one "
            "input; `layers.accumulate` takes a tuple of arrays, one per input"
        )
    shape = tuple(model.inputs[0].shape[1:])
    if len(shape) != 3 or shape[2] not in (1, 3) or None in shape:
        raise ValueError(
            f"{model.name!r} takes inputs of shape {shape}, not (height, width, 1 or 3): build it "
            "for images of a fixed size, channels last"
        )
    return shape


def preprocess(image: tf.Tensor, size: tuple[int, int], channels: int, pixels: str) -> tf.Tensor:
    """Resize an image (bilinear, antialiased), and scale its pixels.

    Args:
        image: uint8 (height, width, 1 or 3).
        size: (height, width) that the network takes.
        channels: 1 for a network of grey images, else 3.
        pixels: "0..255", "0..1" or "-1..1".
    """
    image = tf.image.resize(image, size, antialias=True)
    if channels == 1 and image.shape[-1] == 3:
        image = tf.image.rgb_to_grayscale(image)
    if channels == 3 and image.shape[-1] == 1:
        image = tf.image.grayscale_to_rgb(image)
    factor, offset = RANGES[pixels]
    return image * factor + offset


def weights_sha256(model: keras.Model) -> str:
    """Return the SHA-256 of a model's weights: their dtypes, shapes and bytes, in Keras' order."""
    return data.digest(*model.get_weights())


def _pixels(model: keras.Model, pixels: str) -> str:
    if pixels and pixels not in RANGES:
        raise ValueError(f"pixels={pixels!r}: choose {', '.join(map(repr, RANGES))}")
    if pixels:
        return pixels
    if any(type(layer).__name__ in SCALING for layer in model._flatten_layers()):
        return "0..255"
    raise ValueError(
        f"{model.name!r} has no Rescaling or Normalization layer: say what pixels are scaled to, "
        f"PIXELS = {' or '.join(map(repr, RANGES))}"
    )
