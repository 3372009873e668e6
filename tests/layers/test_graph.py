import keras
import pytest
from keras import layers as kl

from helpers import layers, models


def test_layers_come_in_the_order_of_execution(branched):
    place = {name: i for i, name in enumerate(layers.select(branched))}
    assert list(place)[:2] == ["image", "stem"]
    assert place["long_1"] < place["long_2"] < place["mixed"]
    assert place["short"] < place["mixed"] < place["pool"] < place["predictions"]


def test_select_takes_names_and_patterns_in_any_order(branched):
    assert layers.select(branched, ["pool", "long_?", "image"]) == [
        "image",
        "long_1",
        "long_2",
        "pool",
    ]
    assert layers.select(branched, "p*") == ["pool", "predictions"]
    assert layers.select(branched, ["long_1", "long_*"]) == ["long_1", "long_2"]


def test_the_layers_of_the_sources_come_in_their_order():
    model = models.inception_v3_2015_untrained()
    assert layers.select(model, reversed(models.GUEST_LOVE_LAYERS)) == list(
        models.GUEST_LOVE_LAYERS
    )


def test_unknown_layer_raises_with_near_names(branched):
    with pytest.raises(ValueError, match=r"'net'.*'mixd'.*did you mean 'mixed'"):
        layers.select(branched, ["stem", "mixd"])
    assert layers.select(branched, ["stem", "mixd"], missing="skip") == ["stem"]
    with pytest.raises(ValueError, match="missing='ignore'"):
        layers.select(branched, "stem", missing="ignore")


def test_model_without_graph_is_refused():
    class Plain(keras.Model):
        def call(self, x):
            return x

    for model in (Plain(), keras.Sequential([kl.Dense(2)])):
        with pytest.raises(ValueError, match="no graph of layers"):
            layers.select(model)


def test_an_exact_name_wins_over_a_pattern():
    image = keras.Input((2,), name="image")
    named, other = kl.ReLU(name="a[1]")(image), kl.ReLU(name="a1")(image)
    model = keras.Model(image, [named, other], name="odd")
    assert layers.select(model, "a[1]") == ["a[1]"]
    assert layers.select(model, "a[0-9]") == ["a1"]


def test_what_is_no_model_and_no_name_is_said(branched):
    with pytest.raises(TypeError, match="expected a Keras model, got NoneType"):
        layers.select(None)
    with pytest.raises(TypeError, match="chosen by name or pattern, got 3"):
        layers.select(branched, ["stem", 3])
