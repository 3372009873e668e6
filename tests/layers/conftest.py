import keras
import numpy as np
import pytest
from keras import layers as kl

from helpers import data, models


@pytest.fixture(scope="module")
def branched():
    """A small module: two branches of different depth, joined, pooled."""
    keras.utils.set_random_seed(0)
    x = image = keras.Input((6, 6, 2), name="image")
    x = kl.Conv2D(3, 3, padding="same", activation="relu", name="stem")(x)
    short = kl.Conv2D(2, 1, activation="relu", name="short")(x)
    long = kl.Conv2D(4, 3, padding="same", name="long_1")(x)
    long = kl.Conv2D(2, 3, padding="same", activation="relu", name="long_2")(long)
    x = kl.Concatenate(name="mixed")([short, long])
    x = kl.GlobalAveragePooling2D(name="pool")(x)
    return keras.Model(image, kl.Dense(3, activation="softmax", name="predictions")(x), name="net")


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).random((7, 6, 6, 2), dtype=np.float32)


@pytest.fixture(scope="module")
def network():
    return models.mini_inception()


@pytest.fixture(scope="module")
def digits():
    return data.digits(70)


class Photos:
    """What `stream` needs of an image set."""

    def __init__(self, pixels):
        self.pixels = pixels
        self.names = np.array([f"photo {i}" for i in range(len(pixels))])
        self.category = np.array(["cat", "dog"])[np.arange(len(pixels)) % 2]

    def __len__(self):
        return len(self.pixels)

    def tensors(self, preprocess, batch_size):
        for start in range(0, len(self), batch_size):
            yield preprocess(self.pixels[start : start + batch_size])


@pytest.fixture
def photos():
    """Make an image set of pixels."""
    return Photos
