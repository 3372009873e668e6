import keras
import numpy as np
import pytest

from helpers import data, models


def names(model: keras.Model) -> list[str]:
    return [layer.name for layer in model.layers]


def same_weights(a: keras.Model, b: keras.Model) -> bool:
    return all(map(np.array_equal, a.get_weights(), b.get_weights()))


@pytest.fixture(scope="module")
def mini() -> keras.Model:
    return models.mini_inception()


def test_the_mini_inception_knows_the_digits(mini):
    digits = data.digits_split()
    x = mini.card.preprocess(digits.x_test[..., None])
    classes = mini(x, training=False).numpy().argmax(axis=1)
    assert np.mean(classes == digits.y_test) >= 0.97


def test_the_mini_inception_is_built_like_inception(mini):
    modules = [f"mixed{i}" for i in range(4)]
    shared = [name for name in models.GUEST_LOVE_LAYERS if name in names(mini)]
    assert shared == [*models.GUEST_LOVE_LAYERS[:7], *modules, "avg_pool", "predictions"]
    assert [len(mini.get_layer(name).input) for name in modules] == [4] * 4
    assert isinstance(mini.get_layer("activation_4"), keras.layers.Activation)


def test_the_untrained_mini_inception_is_the_trained_one_before_training(mini):
    untrained = models.mini_inception(trained=False, seed=1)
    assert names(untrained) == names(mini)
    assert not same_weights(untrained, mini)
    assert (untrained.card.weights, untrained.card.sha256) == ("random, seed 1", "")
