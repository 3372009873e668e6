import keras
import numpy as np
import pytest
from keras import layers

from helpers import models

MAKERS = [models.permute_weights, models.permute_biases, models.without_nonlinearity]


def everything():
    """A model with a rectifier in every place where Keras lets one be."""
    inner = keras.Sequential([layers.Dense(6, "relu"), layers.ReLU()], name="inner")
    shared = layers.Dense(6, activation=keras.activations.relu, name="shared")
    inputs = keras.Input((5, 6), name="input")
    x = shared(shared(inputs))
    x = inner(inner(x))
    x = layers.TimeDistributed(layers.Dense(6, "relu6"), name="wrapper")(x)
    x = layers.Activation("relu", name="as_activation")(x)
    x = layers.BatchNormalization(name="normalisation")(x)
    x = layers.Dense(6, activation=layers.ReLU(max_value=9.0), name="as_layer")(x)
    x = keras.ops.relu6(keras.ops.relu(keras.activations.relu(x)))
    model = keras.Model(inputs, x)
    model.card = models.Card("network", "random", lambda x: x)
    return _scrambled(model)


def convolutional():
    inputs = keras.Input((8, 8, 2))
    x = layers.Conv2D(4, 3, activation="relu", name="conv")(inputs)
    x = layers.BatchNormalization(name="normalisation")(x)
    x = layers.ReLU(name="rectifier")(x)
    x = layers.GlobalAveragePooling2D()(x)
    return _scrambled(keras.Model(inputs, layers.Dense(3, activation="softmax")(x)))


def _scrambled(model):
    rng = np.random.default_rng(0)
    model.set_weights([rng.uniform(0.2, 1.2, w.shape) - 0.5 * (w.ndim > 1) for w in model.weights])
    return model


def numbers(model, seed=1, n=3):
    shape = (n, *model.input_shape[1:])
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def changed(model, twin):
    pairs = zip(model.weights, twin.weights, strict=True)
    return {v.path for v, w in pairs if not np.array_equal(v, w)}


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("build", [everything, convolutional])
def test_the_original_stays_as_it_is(make, build):
    model = build()
    x, config = numbers(model), model.to_json()
    weights, output = model.get_weights(), model(x).numpy()
    twin = make(model)
    twin.set_weights([0 * w for w in twin.get_weights()])
    assert model.to_json() == config
    assert all(map(np.array_equal, weights, model.get_weights()))
    np.testing.assert_array_equal(model(x), output)


@pytest.mark.parametrize("build", [everything, convolutional])
def test_permuting_weights_changes_the_kernels_and_nothing_else(build):
    model = build()
    twin = models.permute_weights(model, seed=3)
    assert changed(model, twin) == {v.path for v in model.weights if v.name == "kernel"}
    for ours, theirs in zip(model.weights, twin.weights, strict=True):
        np.testing.assert_array_equal(np.sort(np.ravel(ours)), np.sort(np.ravel(theirs)))


@pytest.mark.parametrize("build", [everything, convolutional])
def test_permuting_biases_changes_offsets_and_nothing_else(build):
    model = build()
    twin = models.permute_biases(model, seed=3)
    assert changed(model, twin) == {v.path for v in model.weights if v.name in ("bias", "beta")}
    for ours, theirs in zip(model.weights, twin.weights, strict=True):
        np.testing.assert_array_equal(np.sort(np.ravel(ours)), np.sort(np.ravel(theirs)))


def test_permuted_weights_are_those_of_the_twin():
    model = everything()
    pairs = (models.permuted_weights, models.permute_weights), (
        models.permuted_biases, models.permute_biases,
    )  # fmt: skip
    for permuted, permute in pairs:
        for found, of_twin in zip(permuted(model, 3), permute(model, 3).get_weights(), strict=True):
            np.testing.assert_array_equal(found, of_twin)


def test_a_permuted_twin_has_the_weights_in_its_output():
    model = everything()
    x = numbers(model)
    assert not np.allclose(model(x), models.permute_weights(model)(x))


def test_one_seed_gives_one_twin():
    model = convolutional()
    first, again, other = (models.permute_weights(model, seed) for seed in (4, 4, 5))
    assert not changed(first, again)
    assert changed(first, other)


def test_without_rectifiers_a_network_is_affine():
    model = everything()
    twin = models.without_nonlinearity(model)
    x, y = numbers(model, 1), numbers(model, 2)
    assert not np.allclose(model((x + y) / 2), (model(x) + model(y)) / 2, rtol=1e-3)
    np.testing.assert_allclose(twin((x + y) / 2), (twin(x) + twin(y)) / 2, rtol=1e-3, atol=1e-4)


def test_without_rectifiers_everything_else_stays():
    model = convolutional()
    twin = models.without_nonlinearity(model)
    assert not changed(model, twin)
    assert [layer.name for layer in twin.layers] == [layer.name for layer in model.layers]
    np.testing.assert_allclose(twin(numbers(model)).numpy().sum(axis=1), 1, rtol=1e-6)
    before, after = (
        keras.Model(m.input, m.get_layer("conv").output)(numbers(model)) for m in (model, twin)
    )
    assert np.min(after) < 0
    np.testing.assert_allclose(np.maximum(after, 0), before, rtol=1e-5, atol=1e-6)


def test_shared_layers_stay_shared():
    twin = models.without_nonlinearity(everything())
    assert len(twin.get_layer("shared")._inbound_nodes) == 2
    assert len(twin.weights) == len(everything().weights)


def test_a_network_without_rectifiers_gives_a_copy_and_a_warning():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3, name="linear")])
    with pytest.warns(UserWarning, match="no ReLU"):
        twin = models.without_nonlinearity(model)
    np.testing.assert_array_equal(model(numbers(model)), twin(numbers(model)))


def test_nothing_to_permute_is_an_error():
    model = keras.Sequential([keras.Input((4,)), layers.ReLU()])
    for make in (*MAKERS[:2], models.permuted_weights, models.permuted_biases):
        with pytest.raises(ValueError, match="nothing to permute"):
            make(model)


@pytest.mark.parametrize("make", MAKERS)
def test_a_subclassed_model_is_refused(make):
    class Subclassed(keras.Model):
        def call(self, x):
            return x

    with pytest.raises(ValueError, match="subclassed"):
        make(Subclassed(name="mine"))


def test_the_card_is_kept_with_another_title():
    model = everything()
    titles = {make(model).card.title for make in MAKERS}
    assert len(titles) == 3 and all(title.startswith("network, ") for title in titles)
    assert model.card.title == "network"
    assert models.permute_weights(model).card.preprocess is model.card.preprocess
