import keras
import pytest

from helpers import models
from helpers.layers import branches


@pytest.fixture(scope="module")
def inception():
    return models.inception_v3_2015_untrained()


@pytest.mark.parametrize(
    ("module", "expected"),
    [
        ("mixed0", ["1x1", "5x5", "double 3x3", "pool"]),
        ("mixed3", ["3x3", "double 3x3", "pool"]),
        ("mixed4", ["1x1", "7x7", "double 7x7", "pool"]),
        ("mixed8", ["3x3", "7x7", "pool"]),
        ("mixed9", ["1x1", "3x3", "double 3x3", "pool"]),
    ],
)
def test_modules_of_inception(inception, module, expected):
    found = branches(inception, module)
    assert list(found) == expected
    channels = [inception.get_layer(layer).output.shape[-1] for layer in found.values()]
    assert sum(channels) == inception.get_layer(module).output.shape[-1]


def test_branches_of_any_graph():
    inputs = keras.Input((8, 8, 3))
    shared = keras.layers.Conv2D(4, 7, padding="same")(inputs)
    ends = [
        keras.layers.Conv2D(2, 3, padding="same", name="a")(shared),
        keras.layers.Conv2D(2, 3, padding="same", name="b")(shared),
        keras.layers.MaxPooling2D(3, 1, padding="same", name="c")(shared),
    ]
    model = keras.Model(inputs, keras.layers.Concatenate(name="joint")(ends))
    assert branches(model, "joint") == {"3x3": "a", "3x3 (2)": "b", "pool": "c"}
    with pytest.raises(ValueError, match="layer 'a' joins no branches"):
        branches(model, "a")
    with pytest.raises(ValueError, match="nowhere"):
        branches(model, "nowhere")
