import keras
import pytest
from keras import layers as kl

from helpers import layers, models


def names(count, stem):
    return [f"{stem}{i}" for i in range(count)]


def test_the_notebooks_layers_are_found_from_the_graph():
    convolutions = ["activation", *(f"activation_{i}" for i in range(1, 5))]
    expected = [*convolutions, *names(4, "mixed"), "avg_pool", "predictions"]
    assert layers.stages(models.mini_inception()) == expected
    inception = models.inception_v3_2015_untrained()
    own = layers.select(inception, models.RUPPRECHT_LAYERS)
    assert set(own) - {"input"} <= set(layers.stages(inception))
    fires = [f"fire{i}" for i in range(2, 10)]
    found = layers.stages(models.squeezenet())
    assert found == ["conv1", *fires, "conv10", "predictions"]


ENDS = {
    "MobileNet": ("conv1_relu", "conv_pw_13_relu", "predictions"),
    "MobileNetV2": ("Conv1_relu", "block_16_project_BN", "out_relu"),
    "MobileNetV3Small": ("expanded_conv_project_bn", "expanded_conv_2_add", "expanded_conv_10_add"),
    "ResNet50V2": ("conv2_block1_out", "conv4_block5_out", "post_relu"),
    "DenseNet121": ("conv1_relu", "pool3_relu", "relu"),
    "EfficientNetB0": ("stem_activation", "block2b_add", "top_activation"),
    "NASNetMobile": ("stem_conv1", "reduction_concat_reduce_4", "normal_concat_12"),
    "ConvNeXtTiny": ("convnext_tiny_stem/convnext_tiny_stem_layernorm", "convnext_tiny_head_dense"),
}


@pytest.mark.parametrize("name", ENDS)
def test_the_blocks_of_other_architectures(name):
    options = {"weights": None, "classes": 3}
    if name != "NASNetMobile":
        options["input_shape"] = (64, 64, 3)
    model = getattr(keras.applications, name)(**options)
    found = layers.stages(model)
    assert set(ENDS[name]) <= set(found)
    assert len(found) <= 20
    assert found == [layer for layer in layers.select(model) if layer in found]
    assert not any("dropout" in layer or "pad" in layer for layer in found)


def plain(count):
    x = image = keras.Input((40, 40, 1), name="image")
    for i in range(count):
        x = kl.Conv2D(2, 3, strides=1 + (i == 4), padding="same", name=f"c{i}")(x)
        x = kl.BatchNormalization(name=f"b{i}")(x)
        x = kl.ReLU(name=f"r{i}")(x)
    x = kl.Dropout(0.5)(x)
    return keras.Model(image, kl.Dense(3, name="end")(kl.Flatten()(x)))


def test_a_network_without_blocks_has_the_activations_of_its_kernels():
    assert layers.stages(plain(6)) == [*names(6, "r"), "end"]


def test_too_many_are_left_out_evenly_but_not_the_last_of_a_size():
    found = layers.stages(plain(30), at_most=8)
    assert len(found) == 8
    assert {"r0", "r3", "r29", "end"} <= set(found)
    assert len(layers.stages(plain(30), at_most=2)) == 2


def test_a_sum_that_skips_and_what_it_adds_to():
    x = image = keras.Input((8, 8, 2), name="image")
    x = kl.Conv2D(4, 3, padding="same", name="stem")(x)
    for i in range(3):
        inner = kl.Conv2D(6, 1, name=f"wide{i}")(x)
        x = kl.Add(name=f"sum{i}")([x, kl.Conv2D(4, 1, name=f"narrow{i}")(inner)])
        x = kl.ReLU(name=f"relu{i}")(x)
        if i == 0:
            x = kl.Conv2D(5, 1, name="between")(x)
            x = kl.Conv2D(4, 1, name="before_sum")(x)
    model = keras.Model(image, kl.GlobalAveragePooling2D(name="mean")(x))
    assert layers.stages(model) == ["stem", "relu0", "before_sum", "relu1", "relu2", "mean"]


def test_nested_models_are_looked_into():
    inner = keras.Sequential([keras.Input((8, 8, 1)), kl.Conv2D(2, 3, name="c")], name="inner")
    model = keras.Sequential([keras.Input((8, 8, 1)), inner, kl.ReLU(name="r"), kl.Flatten()])
    assert layers.stages(model) == ["inner/c"]


def test_what_has_no_stages_is_refused():
    x = keras.Input((4,), name="x")
    with pytest.raises(ValueError, match="no layer with a kernel: name the layers"):
        layers.stages(keras.Model(x, kl.ReLU()(x)))
    with pytest.raises(ValueError, match="at_most=1"):
        layers.stages(plain(2), at_most=1)
    with pytest.raises(ValueError, match="no graph of layers"):
        layers.stages(keras.Sequential([kl.Dense(2)]))
