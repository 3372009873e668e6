"""How much the images of a category differ, as a measure of how difficult it is."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike, NDArray

from helpers.data import ImageSet
from helpers.metrics import checks


def small_pixels(images: ImageSet, side: int = 32) -> NDArray[np.float32]:
    """Return the images shrunk to side x side, as vectors (images, side² * channels) of 0..1."""

    def shrink(image: tf.Tensor) -> tf.Tensor:
        return tf.reshape(tf.image.resize(image, (side, side), antialias=True) / 255.0, [-1])

    return np.concatenate([batch.numpy() for batch in images.tensors(shrink, batch_size=256)])


def variance_within(vectors: ArrayLike, labels: ArrayLike) -> NDArray[np.float64]:
    """Return how much the images of each category differ: the mean squared distance to their mean.

    Args:
        vectors: (images, dimensions).
        labels: (images,) categories.

    Returns:
        (categories,) in the order of the sorted categories, in squared units of `vectors`.

    Raises:
        TypeError: vectors are no real numbers, or labels neither text nor numbers.
        ValueError: NaN, infinity, another shape, or not one label per image.
    """
    vectors = checks.finite(vectors, "vectors", ("images", "dimensions"))
    labels = checks.one_each(labels, len(vectors))
    return np.array(
        [vectors[labels == category].var(axis=0).sum() for category in np.unique(labels)]
    )
