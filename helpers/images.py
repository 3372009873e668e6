"""Decode image files of any common format to arrays."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import tensorflow as tf
from PIL import Image

JPEG = b"\xff\xd8\xff"


def decode(path: Path) -> np.ndarray:
    """Return an image file's pixels as uint8 (height, width, 3).

    Raises:
        ValueError: the file is empty, damaged, or no image; the message names it.
    """
    content = Path(path).read_bytes()
    try:
        if content.startswith(JPEG):
            return tf.io.decode_jpeg(content, channels=3).numpy()
        return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))
    except (tf.errors.InvalidArgumentError, OSError) as error:
        raise ValueError(f"{path} cannot be read as an image: {error}") from error
