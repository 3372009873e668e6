import keras
import numpy as np

from helpers.models._copies import fresh_copy


def names(model: keras.Model) -> list[str]:
    return [layer.name for layer in model.layers]


def same_weights(a: keras.Model, b: keras.Model) -> bool:
    return all(map(np.array_equal, a.get_weights(), b.get_weights()))


def test_a_copy_keeps_the_weights_or_draws_new_ones_by_seed():
    inputs = keras.Input((4,))
    nested = keras.Sequential([keras.layers.Dense(3)], name="nested")
    x = nested(keras.layers.Dense(4)(inputs))
    model = keras.Model(inputs, keras.layers.Dense(2)(x))
    copies = [fresh_copy(model, seed) for seed in (None, 0, 0, 1)]
    assert [names(copy) for copy in copies] == [["input", "dense", "nested", "dense_1"]] * 4
    assert same_weights(copies[0], model)
    assert same_weights(copies[1], copies[2])
    for a, b in ((model, copies[1]), (copies[1], copies[3])):
        for x, y in zip(a.get_weights(), b.get_weights(), strict=True):
            assert x.ndim == 1 or not np.array_equal(x, y)
