"""Decode image files of any common format to arrays."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
import tensorflow as tf
from PIL import Image, UnidentifiedImageError

JPEG = b"\xff\xd8\xff"
MAX_PIXELS = 2 * Image.MAX_IMAGE_PIXELS  # 179 million, where Pillow refuses an image, too
TOO_LARGE = f"it has more than {MAX_PIXELS:,} pixels"


def decode(path: Path) -> np.ndarray:
    """Return an image file's pixels as uint8 (height, width, 3).

    JPEG, grey and CMYK too, is decoded by TensorFlow with its default settings, as in the
    graphs of the sources (its default, the fast DCT, differs from Pillow by up to some 15
    of 255 in single pixels). All other formats go through Pillow: the first frame of
    several, 16 bits reduced to 8, transparency laid over white. The orientation that a
    camera may have noted is not applied.

    Raises:
        ValueError: the file is missing, empty, damaged, no image, or has more than
            179 million pixels; the message names it.
    """
    try:
        content = Path(path).read_bytes()
        if content.startswith(JPEG):
            height, width, _ = tf.io.extract_jpeg_shape(content).numpy().tolist()
            if height * width > MAX_PIXELS:
                raise ValueError(TOO_LARGE)
            return tf.io.decode_jpeg(content, channels=3).numpy()
        return _decode_other(content)
    except Exception as error:  # decoders raise errors of many kinds
        raise ValueError(f"{path} cannot be read as an image: {_reason(error)}") from error


def decode_tensor(path: tf.Tensor) -> tf.Tensor:
    """Return what `decode` returns, as TensorFlow operations on a string tensor."""
    content = tf.io.read_file(path)
    return tf.cond(
        tf.strings.substr(content, 0, len(JPEG)) == JPEG,
        lambda: _decode_jpeg(content),
        lambda: tf.ensure_shape(
            tf.numpy_function(lambda path: decode(os.fsdecode(path)), [path], tf.uint8),
            (None, None, 3),
        ),
    )


def _decode_jpeg(content: tf.Tensor) -> tf.Tensor:
    height, width, _ = tf.unstack(tf.cast(tf.io.extract_jpeg_shape(content), tf.int64))
    limit = tf.constant(MAX_PIXELS, tf.int64)
    within = tf.debugging.assert_less_equal(height * width, limit, message=TOO_LARGE)
    with tf.control_dependencies([within]):
        return tf.io.decode_jpeg(content, channels=3)


def _decode_other(content: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(content)) as image:
        if image.mode.startswith("I;16"):
            image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
        if image.mode in ("I", "F"):
            raise ValueError("pixels of 32 bits have no agreed range, save it with 8 or 16 bits")
        if image.has_transparency_data:
            white = Image.new("RGBA", image.size, "white")
            image = Image.alpha_composite(white, image.convert("RGBA"))
        return np.asarray(image.convert("RGB"))


def _reason(error: Exception) -> str:
    if isinstance(error, tf.errors.InvalidArgumentError):
        return "its JPEG data are damaged or incomplete"
    if isinstance(error, UnidentifiedImageError):
        return "it is empty or not an image"
    return str(error)
