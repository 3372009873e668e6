"""What Caffe does in its own way: rounding of pools, normalisation across channels, colours."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

BGR_MEANS = (104.0, 117.0, 123.0)


@keras.saving.register_keras_serializable(package="helpers")
class LocalResponseNormalization(keras.layers.Layer):
    """Divide each activation by a power of the squares in neighbouring channels.

    y[c] = x[c] / (1 + alpha / size * sum of x[i]² over the `size` channels around c) ** beta,
    channels beyond the first and last counting as 0 (Krizhevsky et al. 2012, section 3.3,
    with Caffe's division of alpha by the size).
    """

    def __init__(
        self, size: int = 5, alpha: float = 1e-4, beta: float = 0.75, **options: Any
    ) -> None:
        super().__init__(**options)
        self.size, self.alpha, self.beta = size, alpha, beta

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Normalise (images, height, width, channels)."""
        return tf.nn.local_response_normalization(
            x, depth_radius=self.size // 2, bias=1.0, alpha=self.alpha / self.size, beta=self.beta
        )

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        """Return the shape of the input, which the output has, too."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return what makes the same layer again."""
        return super().get_config() | {"size": self.size, "alpha": self.alpha, "beta": self.beta}


def max_pool(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    """Pool by maximum, 3 x 3 with stride 2 and no padding, the number of windows rounded up."""
    # The last window may hang over the far edge. That happens for even sides, where
    # TensorFlow's "same" lets it hang over just there.
    padding = "same" if x.shape[1] % 2 == 0 else "valid"
    return keras.layers.MaxPooling2D(3, strides=2, padding=padding, name=name)(x)


def centred(rgb: tf.Tensor) -> tf.Tensor:
    """Return RGB of 0..255 in BGR order, less the mean colour of ImageNet."""
    return rgb[..., ::-1] - tf.constant(BGR_MEANS)
