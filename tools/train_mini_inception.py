"""Train the mini-Inception anew on the digits and write its weights (about a minute)."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from helpers import data, project
from helpers.models._mini_inception import WEIGHTS, architecture, preprocess


def train(seed: int = 0, epochs: int = 15) -> keras.Model:
    """Train the network on the digits that `data.digits_split` gives for training."""
    digits = data.digits_split()
    x = preprocess(digits.x_train[..., None]).numpy()
    model = architecture(seed)
    rate = keras.optimizers.schedules.CosineDecay(3e-3, epochs * (len(x) // 32))
    model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", jit_compile=False)
    rng = np.random.default_rng(seed)
    for _ in range(epochs):
        order = rng.permutation(len(x))
        shift = tf.constant(rng.integers(-3, 4, size=2))
        shifted = tf.roll(x[order], shift, axis=(1, 2)).numpy()
        model.fit(shifted, digits.y_train[order], batch_size=32, shuffle=False, verbose=0)
    return model


if __name__ == "__main__":
    weights = {f"{i:03}": w for i, w in enumerate(train().get_weights())}
    np.savez_compressed(WEIGHTS, **weights)
    print(f"wrote {project.shown(WEIGHTS)}")
