import keras
import numpy as np
import pytest
import tensorflow as tf

from helpers import data, models, project
from helpers.models import _inception

ARCHIVE = project.downloads() / _inception.ARCHIVE
PHOTOS = project.downloads() / "guest-love-2017"
needs_real_data = pytest.mark.skipif(
    not ((ARCHIVE / _inception.GRAPH).exists() and PHOTOS.exists()),
    reason="needs the 2015 network and the photos in the downloads folder",
)
# Some of the graph's convolutions, the layer that each becomes, and its kernel.
CONVOLUTIONS = [
    ("conv", "conv2d", (3, 3, 3, 32)),
    ("conv_4", "conv2d_4", (3, 3, 80, 192)),
    ("mixed/tower/conv_1", "conv2d_7", (5, 5, 48, 64)),
    ("mixed_2/tower_2/conv", "conv2d_25", (1, 1, 288, 64)),
    ("mixed_3/conv", "conv2d_26", (3, 3, 288, 384)),
    ("mixed_4/tower/conv_1", "conv2d_32", (1, 7, 128, 128)),
    ("mixed_7/tower_1/conv_4", "conv2d_68", (1, 7, 192, 192)),
    ("mixed_8/tower_1/conv_3", "conv2d_75", (3, 3, 192, 192)),
    ("mixed_9/tower/mixed/conv_1", "conv2d_79", (3, 1, 384, 384)),
    ("mixed_10/tower_1/conv_1", "conv2d_90", (3, 3, 448, 384)),
    ("mixed_10/tower_2/conv", "conv2d_93", (1, 1, 2048, 192)),
]


def names(model: keras.Model) -> list[str]:
    return [layer.name for layer in model.layers]


def features(model: keras.Model, layers: list[str], x: np.ndarray) -> list[np.ndarray]:
    outputs = [model.get_layer(name).output for name in layers]
    run = keras.Model(model.input, outputs)
    batches = [run(x[i : i + 8], training=False) for i in range(0, len(x), 8)]
    return [np.concatenate(parts) for parts in zip(*batches, strict=True)]


@pytest.fixture(scope="module")
def untrained() -> keras.Model:
    for kind in (keras.layers.BatchNormalization, keras.layers.MaxPooling2D):
        kind()  # other networks of the process have used up automatic names
    return models.inception_v3_2015_untrained()


@pytest.fixture(scope="module")
def untrained_activations(untrained) -> list[np.ndarray]:
    x = np.random.default_rng(0).uniform(-1, 1, size=(2, 299, 299, 3)).astype(np.float32)
    return features(untrained, ["mixed10", "predictions"], x)


@pytest.fixture(scope="module")
def tensors(untrained) -> dict[str, np.ndarray]:
    """Small random numbers under the names and in the shapes of the 2015 graph."""
    rng = np.random.default_rng(0)
    shapes = {"softmax/weights": (2048, 1008), "softmax/biases": (1008,)}
    for i, scope in enumerate(_inception.SCOPES):
        layer = untrained.get_layer(f"conv2d_{i}" if i else "conv2d")
        shapes[f"{scope}/conv2d_params"] = layer.kernel.shape
        for name in ("beta", "gamma", "moving_mean", "moving_variance"):
            shapes[f"{scope}/batchnorm/{name}"] = (layer.filters,)
    return {name: rng.random(shape, np.float32) / 100 for name, shape in shapes.items()}


@pytest.fixture(scope="module")
def outputs() -> np.ndarray:
    return 1 + np.random.default_rng(1).permutation(1000)


@pytest.fixture(scope="module")
def loaded(untrained, tensors, outputs, tmp_path_factory) -> keras.Model:
    graph = tf.compat.v1.GraphDef()
    for name, tensor in tensors.items():
        node = graph.node.add(name=name, op="Const")
        node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(tensor))
    path = tmp_path_factory.mktemp("archive") / _inception.GRAPH
    path.write_bytes(graph.SerializeToString())
    network = keras.models.clone_model(untrained)
    _inception.load_weights(network, path, outputs)
    path.unlink()
    return network


def test_layers_of_2015_carry_the_names_of_a_fresh_process(untrained):
    assert names(untrained)[0] == "input"
    assert set(models.GUEST_LOVE_LAYERS) < set(names(untrained))
    for stem in ("conv2d", "batch_normalization", "activation"):
        numbered = [name for name in names(untrained) if name.startswith(stem)]
        assert set(numbered) == {stem, *(f"{stem}_{i}" for i in range(1, 94))}


def test_activations_of_the_untrained_network_stay_far_above_rounding_errors(
    untrained_activations,
):
    last, classes = untrained_activations
    assert last.std() > 1e-4
    assert np.abs(classes[0] - classes[1]).max() > 100 * np.spacing(np.float32(0.001))
    np.testing.assert_allclose(classes.sum(axis=1), 1, rtol=1e-5)


def test_the_last_module_pools_by_maximum_as_in_2015(untrained):
    pool = untrained.get_layer("max_pooling2d_4")
    assert isinstance(pool, keras.layers.MaxPooling2D)
    assert (pool.pool_size, pool.strides, pool.padding) == ((3, 3), (1, 1), "same")
    assert pool.input is untrained.get_layer("mixed9").output
    assert untrained.get_layer("conv2d_93").input is pool.output


@pytest.mark.parametrize(("scope", "layer", "shape"), CONVOLUTIONS)
def test_a_convolution_of_the_graph_becomes_that_layer(loaded, tensors, scope, layer, shape):
    convolution = loaded.get_layer(layer)
    assert tuple(convolution.kernel.shape) == shape
    np.testing.assert_array_equal(convolution.kernel, tensors[f"{scope}/conv2d_params"])
    normalisation = loaded.get_layer(layer.replace("conv2d", "batch_normalization"))
    assert normalisation.input is convolution.output
    assert normalisation.epsilon == 0.001
    for part in ("beta", "moving_mean", "moving_variance"):
        np.testing.assert_array_equal(
            getattr(normalisation, part), tensors[f"{scope}/batchnorm/{part}"]
        )


def test_unused_outputs_are_dropped_and_the_softmax_renormalised(loaded, tensors, outputs):
    x = np.random.default_rng(2).normal(size=(3, 2048)).astype(np.float32)
    all_outputs = tf.nn.softmax(x @ tensors["softmax/weights"] + tensors["softmax/biases"]).numpy()
    expected = all_outputs[:, outputs] / all_outputs[:, outputs].sum(axis=1, keepdims=True)
    np.testing.assert_allclose(loaded.get_layer("predictions")(x), expected, rtol=1e-4)


def test_label_maps_without_1000_classes_are_refused(untrained, tmp_path):
    with pytest.raises(ValueError, match="name 999 classes, not 1000"):
        _inception.load_weights(untrained, tmp_path / "no.pb", range(1, 1000))


def test_a_graph_without_a_tensor_is_refused_and_leaves_the_network_as_it_is(untrained, tmp_path):
    path = tmp_path / "empty.pb"
    path.write_bytes(tf.compat.v1.GraphDef().SerializeToString())
    before = untrained.get_layer("conv2d").get_weights()
    with pytest.raises(ValueError, match=r"empty\.pb cannot be used: tensor 'softmax/weights'"):
        _inception.load_weights(untrained, path, range(1, 1001))
    np.testing.assert_array_equal(before, untrained.get_layer("conv2d").get_weights())


def test_images_are_resized_as_in_2015():
    image = np.random.default_rng(0).integers(0, 256, (40, 71, 3), dtype=np.uint8)
    rows, columns = (np.arange(299) * side / 299 for side in image.shape[:2])
    top, left = (np.floor(at).astype(int) for at in (rows, columns))
    below, right = np.minimum(top + 1, 39), np.minimum(left + 1, 70)
    down, across = (rows - top)[:, None, None], (columns - left)[:, None]
    upper = image[top][:, left] * (1 - across) + image[top][:, right] * across
    lower = image[below][:, left] * (1 - across) + image[below][:, right] * across
    expected = upper * (1 - down) + lower * down
    np.testing.assert_allclose(_inception.resize(image), expected, atol=0.01)
    np.testing.assert_allclose(_inception.preprocess(image), (expected - 128) / 128, atol=1e-4)


def test_the_input_stage_is_the_preprocessing_taken_apart():
    image = np.random.default_rng(0).integers(0, 256, (40, 71, 3), dtype=np.uint8)
    stage = models.input_stage()
    assert names(stage) == ["input", "Sub", "Mul"]
    resized = stage.card.preprocess(image)[None]
    sub, mul = features(stage, ["Sub", "Mul"], resized)
    np.testing.assert_allclose(sub, resized - 128, atol=1e-4)
    np.testing.assert_allclose(mul[0], _inception.preprocess(image), atol=1e-6)


def test_layers_downstream_of_one_are_found_through_the_graph():
    inputs = keras.Input((3,), name="input")
    a = keras.layers.Dense(2, name="a")(inputs)
    b = keras.layers.Dense(2, name="b")(inputs)
    c = keras.layers.Dense(2, name="c")(b)
    joined = keras.layers.Concatenate(name="joined")([a, c])
    model = keras.Model(inputs, keras.layers.Dense(1, name="out")(joined))
    assert set(_inception.downstream(model, ["b"])) == {"b", "c", "joined", "out"}
    assert set(_inception.downstream(model, ["a"])) == {"a", "joined", "out"}
    assert _inception.downstream(model, []) == ()


@pytest.fixture(scope="module")
def photos():
    return data.guest_love_photos()


@pytest.fixture(scope="module")
def network() -> keras.Model:
    return models.inception_v3_2015()


@pytest.fixture(scope="module")
def seen(network, photos) -> dict[str, np.ndarray]:
    x = np.concatenate(list(photos.tensors(network.card.preprocess)))
    layers = ["mixed7", "predictions"]
    return dict(zip(layers, features(network, layers, x), strict=True))


@needs_real_data
def test_the_2015_network_has_the_published_gini_at_mixed7(seen):
    x = np.sort(seen["mixed7"].reshape(40, -1).astype(float), axis=1)
    n = x.shape[1]
    gini = ((2 * np.arange(1, n + 1) - n - 1) * x).sum(axis=1) / (n * x.sum(axis=1))
    assert gini.mean() == pytest.approx(0.947, abs=0.0005)


@needs_real_data
def test_the_2015_network_names_what_is_on_the_photos(seen, photos):
    first = models.top(seen["predictions"], k=1).name.to_numpy()
    for category, name in (("lion", "lion, king"), ("tiger", "tiger, "), ("banjo", "banjo")):
        assert all(map(str.startswith, first[photos.category == category], [name] * 5))


@needs_real_data
def test_layers_are_approximate_if_the_hash_of_the_file_says_so(network):
    approximate = set(network.card.approximate) & set(models.GUEST_LOVE_LAYERS)
    if network.card.sha256 in _inception.RE_ESTIMATED:
        assert approximate == {"mixed9", "mixed10", "avg_pool", "predictions"}
        assert "3 tensors of this weights file are re-estimates" in network.card.note
    else:
        assert not approximate
        assert network.card.note == ""
