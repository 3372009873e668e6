from concurrent.futures import ThreadPoolExecutor
from functools import partial

import keras
import numpy as np
import pytest
from keras import layers as kl

from helpers import layers

activations = partial(layers.activations, progress=False)


def test_activations_equal_those_of_a_model_cut_at_the_layer(branched, images):
    for name, x in activations(branched, images).items():
        cut = keras.Model(branched.input, branched.get_layer(name).output)
        expected = cut(images, training=False)
        assert x.dtype == np.float32
        np.testing.assert_allclose(x, expected, rtol=1e-5, atol=1e-6, err_msg=name)


def test_the_model_is_left_as_it_was(branched, images):
    before = {layer.name: dict(vars(layer)).keys() for layer in branched.layers}
    nodes = {layer.name: len(layer._inbound_nodes) for layer in branched.layers}
    activations(branched, images)
    assert {layer.name: vars(layer).keys() for layer in branched.layers} == before
    assert {layer.name: len(layer._inbound_nodes) for layer in branched.layers} == nodes


def test_the_network_is_compiled_once(images):
    traced = []

    class Traced(kl.Layer):
        def call(self, x):
            traced.append(x)
            return 2 * x

    image = keras.Input((6, 6, 2))
    model = keras.Model(image, kl.Conv2D(1, 1, use_bias=False, name="conv")(Traced()(image)))
    traced.clear()
    before = activations(model, images, "conv", batch_size=3)["conv"]
    model.set_weights([2 * weights for weights in model.get_weights()])
    after = activations(model, images, "conv", batch_size=4)["conv"]
    assert len(traced) == 1
    np.testing.assert_allclose(after, 2 * before, rtol=1e-5)


def test_an_exchanged_activation_is_seen(images):
    image = keras.Input((6, 6, 2))
    conv = kl.Conv2D(3, 1, activation="relu", name="conv")
    model = keras.Model(image, conv(image))
    rectified = activations(model, images)["conv"]
    conv.activation = keras.activations.linear
    linear = activations(model, images)["conv"]
    assert linear.min() < 0
    np.testing.assert_allclose(np.maximum(linear, 0), rectified, rtol=1e-5)


def test_activations_are_float32_whatever_the_model_computes_in(images):
    image = keras.Input((6, 6, 2))
    half = kl.Conv2D(2, 1, dtype="mixed_float16", name="half")(image)
    whole = kl.Lambda(lambda x: keras.ops.cast(x > 0, "int32"), name="whole")(half)
    found = activations(keras.Model(image, whole), images, ["half", "whole"])
    assert {x.dtype for x in found.values()} == {np.dtype(np.float32)}


def test_inference_mode(images):
    image = keras.Input((6, 6, 2))
    x = kl.Dropout(0.5, name="dropout")(image)
    model = keras.Model(image, kl.BatchNormalization(name="norm")(x))
    found = activations(model, images)
    np.testing.assert_array_equal(found["dropout"], images)
    np.testing.assert_allclose(found["norm"], images / np.sqrt(1.001), rtol=1e-5)


def test_layers_can_be_reduced_within_the_network(branched, images):
    whole = activations(branched, images, ["image", "stem"])
    means = activations(branched, images, ["image", "stem"], reduce=layers.spatial_mean)
    for name, x in whole.items():
        np.testing.assert_allclose(means[name], x.mean(axis=(1, 2)), rtol=1e-5)


def test_sequential_model(images):
    model = keras.Sequential([keras.Input((6, 6, 2), name="image"), kl.Flatten(), kl.Dense(2)])
    found = activations(model, images)
    assert list(found) == ["image", *(layer.name for layer in model.layers)]
    np.testing.assert_array_equal(found["image"], images)
    np.testing.assert_allclose(list(found.values())[-1], model(images), rtol=1e-5)


def test_nested_model(branched, images):
    image = keras.Input((6, 6, 2), name="image")
    model = keras.Model(image, kl.Dense(2, name="last")(branched(keras.ops.relu(image))))
    assert layers.select(model, "net/long*") == ["net/long_1", "net/long_2"]
    found = activations(model, images)
    expected = activations(branched, images)
    for name in ("stem", "mixed", "pool"):
        np.testing.assert_allclose(found[f"net/{name}"], expected[name], rtol=1e-5)
    np.testing.assert_allclose(found["net"], expected["predictions"], rtol=1e-5)
    np.testing.assert_array_equal(found["relu"], images)


def test_layer_called_twice_is_refused_and_others_are_not(images):
    shared = kl.Conv2D(2, 1, name="shared")
    image = keras.Input((6, 6, 2))
    model = keras.Model(image, kl.Add(name="sum")([image, shared(shared(image))]))
    with pytest.raises(ValueError, match="'shared' is called 2 times"):
        activations(model, images)
    assert list(activations(model, images, "sum")) == ["sum"]


def test_layer_used_in_another_model_too_is_not_ambiguous(branched, images):
    image = keras.Input((6, 6, 2))
    keras.Model(image, branched.get_layer("stem")(image))
    found = activations(branched, images, "stem")["stem"]
    np.testing.assert_allclose(found, branched.get_layer("stem")(images), rtol=1e-5)


def test_layer_with_several_outputs_is_refused():
    steps = keras.Input((5, 3))
    x, *_ = kl.LSTM(2, return_state=True, name="lstm")(steps)
    model = keras.Model(steps, kl.Dense(1, name="out")(x))
    sequences = np.ones((2, 5, 3), np.float32)
    with pytest.raises(ValueError, match="'lstm' has several outputs"):
        activations(model, sequences, "lstm")
    assert activations(model, sequences, "out")["out"].shape == (2, 1)


@pytest.mark.parametrize("inside", [False, True], ids=["layer", "activation of a layer"])
def test_an_attribute_changed_in_place_is_seen(inside):
    leaky = kl.LeakyReLU(negative_slope=0.5)
    image = keras.Input((2,), name="image")
    layer = kl.Activation(leaky, name="out") if inside else leaky
    model = keras.Model(image, layer(image))
    x = np.array([[-4, 2]], np.float32)
    assert activations(model, x, layer.name)[layer.name].tolist() == [[-2, 2]]
    leaky.negative_slope = 0.25
    assert activations(model, x, layer.name)[layer.name].tolist() == [[-1, 2]]


def test_statistics_adapted_later_are_seen():
    scale = kl.Normalization(name="scale")
    scale.build((None, 1))
    scale.adapt(np.array([[-1.0], [1.0]]))
    image = keras.Input((1,))
    model = keras.Model(image, scale(image))
    x = np.ones((1, 1), np.float32)
    assert activations(model, x, "scale")["scale"] == pytest.approx(1)
    scale.adapt(np.array([[-2.0], [2.0]]))
    assert activations(model, x, "scale")["scale"] == pytest.approx(0.5)


def test_threads_may_share_a_model(branched, images):
    chosen = [name for name in layers.select(branched) if name != "image"] * 3
    expected = activations(branched, images)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda name: activations(branched, images, name)[name], chosen))
    for name, x in zip(chosen, found, strict=True):
        np.testing.assert_allclose(x, expected[name], rtol=1e-5, atol=1e-6)
