import keras

from helpers import layers, models


def test_the_stages_of_an_inception_network():
    model = models.mini_inception()
    names = ["input_layer", "activation", "activation_4", "mixed0", "mixed2", "avg_pool"]
    names[0] = layers.select(model)[0]
    found = layers.stages(model, [*names, "predictions"])
    assert list(found.values()) == ["input", "stem", "stem", "8×8", "4×4", "output", "output"]


def test_what_is_inside_the_first_module_is_no_stem():
    model = models.mini_inception()
    branch = list(layers.branches(model, "mixed0").values())
    assert set(layers.stages(model, branch).values()) == {"8×8"}


def test_a_network_without_modules_is_all_stem():
    inputs = keras.Input((8, 8, 1))
    x = keras.layers.Conv2D(2, 3, name="conv")(inputs)
    model = keras.Model(inputs, keras.layers.Dense(3, name="out")(keras.layers.Flatten()(x)))
    assert layers.stages(model, ["conv", "out"]) == {"conv": "stem", "out": "output"}
