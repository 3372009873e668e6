"""What a network says about itself: its title, its weights, and how it takes its images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import tensorflow as tf


@dataclass(frozen=True)
class Card:
    """What is to be known about a network beside its layers: `model.card`.

    Attributes:
        title: name for captions, as "Inception-v3 (2015)".
        weights: name of the weights file, or "random, seed 0".
        preprocess: image (h, w, c) uint8 -> network input float32, in TensorFlow operations.
        sha256: SHA-256 of the weights file ("" if there is none).
        approximate: layers whose activations depend on re-estimated tensors.
        note: a sentence to show beside those layers.
    """

    title: str
    weights: str
    preprocess: Callable[[tf.Tensor], tf.Tensor]
    sha256: str = ""
    approximate: tuple[str, ...] = ()
    note: str = ""
