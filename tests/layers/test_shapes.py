import keras
import pytest

from helpers import layers, models


def test_stages_are_the_stem_the_sizes_of_the_maps_and_the_output():
    network = models.mini_inception()
    names = layers.select(network, ["input", "activation*", "mixed*", "avg_pool", "predictions"])
    table = layers.describe(network, names)
    assert list(table["layer"]) == names and list(table["depth"]) == list(range(len(names)))
    stage = table.set_index("layer")["stage"]
    assert stage["input"] == stage["activation"] == "stem"
    assert stage["avg_pool"] == stage["predictions"] == "output"
    for row in table[table["layer"].str.startswith("mixed")].itertuples():
        assert row.stage == f"{row.shape[0]}×{row.shape[1]}"
        assert row.units == row.shape[0] * row.shape[1] * row.shape[2]
    assert stage["mixed0"] != stage[[n for n in names if n.startswith("mixed")][-1]]


def test_a_network_without_modules_has_no_stem_and_one_without_maps_no_stages():
    plain = keras.Sequential(
        [keras.Input((8, 8, 1)), keras.layers.Conv2D(2, 3, name="conv"),
         keras.layers.Flatten(name="flat")]
    )  # fmt: skip
    assert list(layers.describe(plain, ["conv", "flat"])["stage"]) == ["6×6", "output"]
    assert set(layers.describe(models.mlp((4, 3, 2)), ["layer1", "logits"])["stage"]) == {""}


def test_a_layer_that_is_not_there_is_named():
    with pytest.raises(ValueError, match="mixed99"):
        layers.describe(models.mini_inception(), ["mixed99"])
