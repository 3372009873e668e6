"""What a network says about itself: its title, its weights, and how it wants its images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import tensorflow as tf


@dataclass(frozen=True)
class Source:
    """Where a network comes from and how it wants its images.

    Attributes:
        title: name for captions, as "Inception-v3 (2015)".
        weights: name of the weights file, or "random, seed 0".
        sha256: SHA-256 of the weights file ("" if there is none).
        preprocess: image (h, w, c) uint8 -> network input float32, in TensorFlow ops.
        approximate: layers whose activations depend on re-estimated tensors.
        note: a sentence to show beside those layers.
    """

    title: str
    weights: str
    sha256: str
    preprocess: Callable[[tf.Tensor], tf.Tensor]
    approximate: tuple[str, ...] = ()
    note: str = ""
