import weakref

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers as kl

from helpers import layers, models
from helpers.layers import _memory, _taps, passes
from helpers.metrics import sparsity
from helpers.models import _source


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


def collected(model, images, chosen=None, **options):
    """Copy what `stream` yields and join it over the batches."""
    batches = [
        {name: x.copy() for name, x in batch.activations.items()}
        for batch in layers.stream(model, images, chosen, progress=False, **options)
    ]
    return {name: np.concatenate([batch[name] for batch in batches]) for name in batches[0]}


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


# select


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


# stream


def test_activations_equal_those_of_a_model_cut_at_the_layer(branched, images):
    for name, x in collected(branched, images).items():
        cut = keras.Model(branched.input, branched.get_layer(name).output)
        expected = cut(images, training=False)
        assert x.dtype == np.float32
        np.testing.assert_allclose(x, expected, rtol=1e-5, atol=1e-6, err_msg=name)


@pytest.mark.parametrize("batch_size", [1, 3, 7, 100])
def test_batches_of_any_size_give_the_same(branched, images, batch_size):
    whole = collected(branched, images, batch_size=7)
    parts = collected(branched, images, batch_size=batch_size)
    for name in whole:
        np.testing.assert_allclose(parts[name], whole[name], rtol=1e-5, atol=1e-6)


def test_index_tells_which_images(branched, images):
    indices = [
        b.index for b in layers.stream(branched, images, "pool", batch_size=3, progress=False)
    ]
    assert indices == [slice(0, 3), slice(3, 6), slice(6, 7)]


def test_open_batch_size_bounds_the_memory_of_a_batch(branched, images, monkeypatch):
    def sizes(model, images, chosen):
        batches = layers.stream(model, images, chosen, progress=False)
        return [batch.index.stop - batch.index.start for batch in batches]

    monkeypatch.setattr(passes, "LARGEST_BATCH", 5)
    monkeypatch.setattr(passes, "WORKING_MEMORY", 0)
    assert sizes(branched, images, "stem") == [5, 2]
    monkeypatch.setattr(passes, "BATCH_BYTES", 3 * 6 * 6 * 3 * 4 + 1)
    assert sizes(branched, images, "stem") == [3, 3, 1]
    monkeypatch.setattr(passes, "BATCH_BYTES", 1)
    assert sizes(branched, images, "stem") == [1] * 7
    per_image = int(np.prod(branched.input_shape[1:])) * 4
    monkeypatch.setattr(passes, "WORKING_MEMORY", 100)
    monkeypatch.setattr(passes, "BATCH_BYTES", 2 * 100 * per_image)
    assert sizes(branched, images, "stem") == [2, 2, 2, 1]
    image = keras.Input((None, None, 2))
    any_size = keras.Model(image, kl.Conv2D(1, 3)(image))
    monkeypatch.setattr(passes, "UNKNOWN_SIZE_BATCH", 4)
    assert sizes(any_size, images, None) == [4, 3]


def test_every_image_passes_once(images):
    passed = []

    @keras.saving.register_keras_serializable("tests")
    class Counting(kl.Layer):
        def call(self, x):
            tf.numpy_function(lambda n: passed.append(int(n)), [tf.shape(x)[0]], [])
            return x

        def compute_output_shape(self, shape):
            return shape

    image = keras.Input((6, 6, 2))
    x = kl.Conv2D(2, 3, name="a")(Counting()(image))
    model = keras.Model(image, kl.Conv2D(2, 3, name="b")(x))
    collected(model, images, ["a", "b"], batch_size=3)
    assert passed == [3, 3, 1]


def test_one_batch_at_a_time_is_alive(branched, images):
    alive = []
    for batch in layers.stream(branched, images, ["stem", "mixed"], batch_size=2, progress=False):
        assert not any(reference() is not None for reference in alive)
        alive = [weakref.ref(x) for x in batch.activations.values()]


def test_the_model_is_left_as_it_was(branched, images):
    before = {layer.name: dict(vars(layer)).keys() for layer in branched.layers}
    nodes = {layer.name: len(layer._inbound_nodes) for layer in branched.layers}
    collected(branched, images)
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
    before = collected(model, images, "conv", batch_size=3)["conv"]
    model.set_weights([2 * weights for weights in model.get_weights()])
    after = collected(model, images, "conv", batch_size=4)["conv"]
    assert len(traced) == 1
    np.testing.assert_allclose(after, 2 * before, rtol=1e-5)


def test_an_exchanged_activation_is_seen(images):
    image = keras.Input((6, 6, 2))
    conv = kl.Conv2D(3, 1, activation="relu", name="conv")
    model = keras.Model(image, conv(image))
    rectified = collected(model, images)["conv"]
    conv.activation = keras.activations.linear
    linear = collected(model, images)["conv"]
    assert linear.min() < 0
    np.testing.assert_allclose(np.maximum(linear, 0), rectified, rtol=1e-5)


def test_activations_are_float32_whatever_the_model_computes_in(images):
    image = keras.Input((6, 6, 2))
    half = kl.Conv2D(2, 1, dtype="mixed_float16", name="half")(image)
    whole = kl.Lambda(lambda x: keras.ops.cast(x > 0, "int32"), name="whole")(half)
    activations = collected(keras.Model(image, whole), images, ["half", "whole"])
    assert {x.dtype for x in activations.values()} == {np.dtype(np.float32)}


def test_inference_mode(images):
    image = keras.Input((6, 6, 2))
    x = kl.Dropout(0.5, name="dropout")(image)
    model = keras.Model(image, kl.BatchNormalization(name="norm")(x))
    activations = collected(model, images)
    np.testing.assert_array_equal(activations["dropout"], images)
    np.testing.assert_allclose(activations["norm"], images / np.sqrt(1.001), rtol=1e-5)


def test_image_sets_are_preprocessed_as_the_model_says(branched, images):
    photos = Photos(images * 255)
    expected = collected(branched, images)
    given = collected(branched, photos, batch_size=3, preprocess=lambda x: x / 255)
    np.testing.assert_allclose(given["mixed"], expected["mixed"], rtol=1e-4, atol=1e-6)
    with pytest.raises(ValueError, match="pass preprocess="):
        collected(branched, photos)
    branched.source = _source.Source("Net", "random", "", lambda x: x / 255)
    try:
        by_source = collected(branched, photos)
    finally:
        del branched.source
    np.testing.assert_allclose(by_source["mixed"], expected["mixed"], rtol=1e-4, atol=1e-6)
    with pytest.raises(ValueError, match="arrays are taken as preprocessed"):
        collected(branched, images, preprocess=lambda x: x)


def test_layers_can_be_reduced_within_the_network(branched, images):
    whole = collected(branched, images, ["image", "stem"])
    means = collected(branched, images, ["image", "stem"], reduce=layers.spatial_mean)
    for name, x in whole.items():
        np.testing.assert_allclose(means[name], x.mean(axis=(1, 2)), rtol=1e-5)


def test_images_that_do_not_fit_are_named(branched, images):
    for wrong in (images[:, :5], images[0], (images, images), images[:0]):
        with pytest.raises(ValueError, match=r"do not fit the inputs of 'net'"):
            collected(branched, wrong)
    with pytest.raises(ValueError, match=r"shape \[\(3, 6, 6, 1\)\] do not fit"):
        collected(branched, Photos(images), batch_size=3, preprocess=lambda x: x[..., :1])
    with pytest.raises(ValueError, match="empty"):
        collected(branched, Photos(images[:0]), preprocess=lambda x: x)
    with pytest.raises(ValueError, match="batch_size=0"):
        collected(branched, images, batch_size=0)
    with pytest.raises(ValueError, match="no layers of 'net' chosen"):
        collected(branched, images, [])


@pytest.mark.parametrize("dtype", [np.float64, np.uint8])
def test_images_of_other_dtypes_are_converted(branched, images, dtype):
    given = (images * 9).astype(dtype)
    expected = collected(branched, given.astype(np.float32))["mixed"]
    np.testing.assert_array_equal(collected(branched, given)["mixed"], expected)


# Other kinds of models


def test_sequential_model(images):
    model = keras.Sequential([keras.Input((6, 6, 2), name="image"), kl.Flatten(), kl.Dense(2)])
    activations = collected(model, images)
    assert list(activations) == ["image", *(layer.name for layer in model.layers)]
    np.testing.assert_array_equal(activations["image"], images)
    np.testing.assert_allclose(list(activations.values())[-1], model(images), rtol=1e-5)


def test_nested_model(branched, images):
    image = keras.Input((6, 6, 2), name="image")
    model = keras.Model(image, kl.Dense(2, name="last")(branched(keras.ops.relu(image))))
    assert layers.select(model, "net/long*") == ["net/long_1", "net/long_2"]
    activations = collected(model, images)
    expected = collected(branched, images)
    for name in ("stem", "mixed", "pool"):
        np.testing.assert_allclose(activations[f"net/{name}"], expected[name], rtol=1e-5)
    np.testing.assert_allclose(activations["net"], expected["predictions"], rtol=1e-5)
    np.testing.assert_array_equal(activations["relu"], images)


def test_layer_called_twice_is_refused_and_others_are_not(images):
    shared = kl.Conv2D(2, 1, name="shared")
    image = keras.Input((6, 6, 2))
    model = keras.Model(image, kl.Add(name="sum")([image, shared(shared(image))]))
    with pytest.raises(ValueError, match="'shared' is called 2 times"):
        collected(model, images)
    assert list(collected(model, images, "sum")) == ["sum"]


def test_layer_used_in_another_model_too_is_not_ambiguous(branched, images):
    image = keras.Input((6, 6, 2))
    keras.Model(image, branched.get_layer("stem")(image))
    activations = collected(branched, images, "stem")["stem"]
    np.testing.assert_allclose(activations, branched.get_layer("stem")(images), rtol=1e-5)


def test_layer_with_several_outputs_is_refused():
    steps = keras.Input((5, 3))
    x, *_ = kl.LSTM(2, return_state=True, name="lstm")(steps)
    model = keras.Model(steps, kl.Dense(1, name="out")(x))
    sequences = np.ones((2, 5, 3), np.float32)
    with pytest.raises(ValueError, match="'lstm' has several outputs"):
        collected(model, sequences, "lstm")
    assert collected(model, sequences, "out")["out"].shape == (2, 1)


@pytest.mark.parametrize("structure", [list, dict])
def test_several_inputs(structure):
    left, right = keras.Input((2,), name="left"), keras.Input((3,), name="right")
    out = kl.Concatenate(name="both")([right, left])
    inputs = [left, right] if structure is list else {"right": right, "left": left}
    model = keras.Model(inputs, out)
    rng = np.random.default_rng(0)
    a, b = (rng.random((5, n), dtype=np.float32) for n in (2, 3))
    by_name = collected(model, {"right": b, "left": a}, batch_size=2)
    np.testing.assert_array_equal(by_name["both"], np.hstack([b, a]))
    in_order = (a, b) if _taps.inputs(model) == ["left", "right"] else (b, a)
    np.testing.assert_array_equal(collected(model, in_order)["left"], a)
    with pytest.raises(ValueError, match="do not fit"):
        collected(model, (a, b[:4]))
    with pytest.raises(ValueError, match="no images for input 'right'"):
        collected(model, {"left": a})


def test_model_without_graph_is_refused(images):
    class Plain(keras.Model):
        def call(self, x):
            return x

    for model in (Plain(), keras.Sequential([kl.Dense(2)])):
        with pytest.raises(ValueError, match="no graph of layers"):
            layers.select(model)


# measure and accumulate


def test_measure_gives_a_tidy_table(branched, images):
    photos = Photos(images)
    chosen = ["pool", "stem"]
    measures = {"gini": sparsity.gini, "active": sparsity.active_fraction}
    options = {"batch_size": 3, "preprocess": lambda x: x, "progress": False}
    table = layers.measure(branched, photos, chosen, measures=measures, **options)
    assert list(table) == [
        "network",
        "layer",
        "depth",
        "units",
        "image",
        "category",
        "measure",
        "value",
    ]
    assert len(table) == 2 * 2 * 7
    assert table.groupby("layer")[["depth", "units"]].first().to_dict("index") == {
        "stem": {"depth": 0, "units": 108},
        "pool": {"depth": 1, "units": 4},
    }
    activations = collected(branched, images, chosen)
    for (layer, measure), rows in table.groupby(["layer", "measure"]):
        assert list(rows.image) == list(photos.names)
        assert list(rows.category) == list(photos.category)
        expected = [measures[measure](x) for x in activations[layer]]
        np.testing.assert_allclose(rows.value, expected, rtol=1e-5)
    assert set(table.network) == {"net"}


def test_measure_names_the_layer_and_image_it_cannot_measure(branched, images):
    broken = images.copy()
    broken[4, 0, 0, 0] = np.nan
    with pytest.raises(ValueError, match=r"gini of layer 'image', image 'photo 4': .*NaN"):
        layers.measure(
            branched,
            Photos(broken),
            "image",
            measures={"gini": sparsity.gini},
            batch_size=3,
            preprocess=lambda x: x,
            progress=False,
        )


def test_accumulators_see_every_image_of_their_layer(branched, images):
    class Total:
        def __init__(self):
            self.images, self.sum = 0, 0.0

        def update(self, x):
            self.images += len(x)
            self.sum += x.sum(axis=0)

    made = layers.accumulate(
        branched, images, ["mixed", "pool"], {"total": Total}, batch_size=2, progress=False
    )
    assert [*made] == ["mixed", "pool"]
    activations = collected(branched, images)
    for layer, by_name in made.items():
        assert by_name["total"].images == 7
        np.testing.assert_allclose(by_name["total"].sum, activations[layer].sum(axis=0), rtol=1e-5)


def test_progress_bar_can_be_silenced(branched, images, capsys):
    collected(branched, images)
    assert capsys.readouterr() == ("", "")
    list(layers.stream(branched, images, "pool"))
    assert "net" in capsys.readouterr().err


def test_setting_the_allocator_twice_is_harmless():
    assert _memory.reuse_freed_memory() == _memory.reuse_freed_memory()
