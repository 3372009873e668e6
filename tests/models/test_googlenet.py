"""GoogLeNet against made-up weights, and against its Caffe description run in NumPy."""

import hashlib
import re

import keras
import numpy as np
import pytest
from PIL import Image

from helpers import layers, models, project
from helpers.models import _caffe
from helpers.models import _googlenet as googlenet

FOLDER = project.downloads() / googlenet.FOLDER
PHOTOS = project.downloads() / "imagenet-sample-images"
needs_real_data = pytest.mark.skipif(
    not ((FOLDER / "deploy.prototxt").exists() and PHOTOS.exists()),
    reason="needs GoogLeNet's files and the ImageNet samples in the downloads folder",
)
WINDOW = {"kernel_size": 1, "pad": 0, "stride": 1}  # and Caffe's defaults
MODULES = ["3a", "3b", "4a", "4b", "4c", "4d", "4e", "5a", "5b"]


@pytest.fixture(scope="module")
def model() -> keras.Model:
    return googlenet.architecture()


def small() -> keras.Model:
    """A convolution, a module's worth of names, and the classifier, in few numbers."""
    inputs = keras.Input((8, 8, 3), name="input")
    x = keras.layers.Conv2D(4, (7, 5), padding="same", name="conv2d0")(inputs)
    x = keras.layers.Conv2D(2, 3, padding="same", name="mixed4c_5x5_bottleneck")(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, keras.layers.Dense(5, name="logits")(x))


FILES = {
    "conv1/7x7_s2": (4, 7, 5, 3),
    "inception_4c/5x5_reduce": (2, 3, 3, 4),
    "loss3/classifier": (5, 2),
}


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    for name, shape in FILES.items():
        for kind, numbers in (("filter", rng.normal(size=shape)), ("bias", np.arange(shape[0]))):
            path = tmp_path / f"{name}_{kind}.bin"
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(numbers.astype("<f4").tobytes())
    return tmp_path


def test_each_file_becomes_its_layers_weights(folder):
    model = small()
    digest = googlenet.load_weights(model, folder)
    names = ["conv2d0", "mixed4c_5x5_bottleneck", "logits"]
    content = b""
    for layer, (name, shape) in zip(map(model.get_layer, names), FILES.items(), strict=True):
        filters, bias = (folder / f"{name}_{kind}.bin" for kind in ("filter", "bias"))
        content += filters.read_bytes() + bias.read_bytes()
        numbers = np.fromfile(filters, "<f4").reshape(shape)
        for output in range(shape[0]):
            np.testing.assert_array_equal(np.asarray(layer.kernel)[..., output], numbers[output])
        np.testing.assert_array_equal(layer.bias, np.arange(shape[0]))
    assert digest == hashlib.sha256(content).hexdigest()


def test_a_missing_file_is_named(folder):
    (folder / "inception_4c/5x5_reduce_bias.bin").unlink()
    message = "5x5_reduce_bias.bin, weights of layer 'mixed4c_5x5_bottleneck', is missing"
    with pytest.raises(FileNotFoundError, match=message):
        googlenet.load_weights(small(), folder)


@pytest.mark.parametrize("change", [-1, -4, 4])
def test_a_file_of_another_size_is_named(folder, change):
    path = folder / "loss3/classifier_filter.bin"
    content = path.read_bytes()
    path.write_bytes(content[:change] if change < 0 else content + bytes(change))
    message = f"loss3/classifier_filter.bin has {40 + change} bytes, layer 'logits' needs 40"
    with pytest.raises(ValueError, match=message):
        googlenet.load_weights(small(), folder)


def test_the_architecture_is_googlenets(model):
    assert model.count_params() == 6_998_552
    assert layers.select(model, models.GOOGLENET_LAYERS) == list(models.GOOGLENET_LAYERS)
    assert len(models.GOOGLENET_LAYERS) == 15
    shapes = {
        "conv2d0": (112, 112, 64),
        "conv2d1": (56, 56, 64),
        "conv2d2": (56, 56, 192),
        "mixed3a": (28, 28, 256),
        "mixed4c": (14, 14, 512),
        "mixed5b": (7, 7, 1024),
        "avgpool0": (1024,),
        "logits": (1000,),
    }
    for name, shape in shapes.items():
        assert model.get_layer(name).output.shape[1:] == shape


@pytest.mark.parametrize("module", MODULES)
def test_a_modules_branches_are_found(model, module):
    name = f"mixed{module}"
    ends = ("1x1", "3x3", "5x5", "pool_reduce")
    found = layers.branches(model, name)
    assert list(found) == ["1x1", "3x3", "5x5", "pool"]
    assert list(found.values()) == [f"{name}_{end}" for end in ends]


def test_twins_keep_the_normalisation_and_permute_the_weights(model):
    twin = models.permute_weights(model, seed=1)
    norm = twin.get_layer("localresponsenorm1")
    assert isinstance(norm, _caffe.LocalResponseNormalization)
    assert norm.get_config() == model.get_layer("localresponsenorm1").get_config()
    for ours, theirs in zip(model.weights, twin.weights, strict=True):
        assert np.array_equal(ours, theirs) == (len(ours.shape) == 1)
    bent, straight = (
        keras.Model(m.input, m.get_layer("conv2d0").output)(np.ones((1, 224, 224, 3)))
        for m in (model, models.without_nonlinearity(model))
    )
    np.testing.assert_allclose(np.maximum(straight, 0), bent, atol=1e-6)
    assert np.min(straight) < 0


def test_its_layers_can_be_streamed_and_saved(model, tmp_path):
    x = np.random.default_rng(0).normal(size=(1, 224, 224, 3)).astype("float32")
    wanted = ["localresponsenorm0", "mixed3a", "logits", "output"]
    (seen,) = [dict(b.activations) for b in layers.stream(model, x, wanted, progress=False)]
    exact = np.exp(seen["logits"] - seen["logits"].max())
    np.testing.assert_allclose(seen["output"], exact / exact.sum(), rtol=1e-5)
    model.save(tmp_path / "network.keras")
    again = keras.saving.load_model(tmp_path / "network.keras")
    np.testing.assert_array_equal(again(x), model(x))


def test_preprocessing_is_bilinear_blue_first_and_without_the_mean():
    image = np.random.default_rng(0).integers(0, 256, (448, 448, 3), dtype=np.uint8)
    x = googlenet.preprocess(image).numpy()
    # Half of the size: pixel centres lie between two pixels, the mean of four.
    means = image.reshape(224, 2, 224, 2, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(x, means[..., ::-1] - [104, 117, 123], atol=1e-3)


@needs_real_data
def test_every_stage_equals_the_caffe_description_run_in_numpy():
    model = models.googlenet_2014()
    assert re.fullmatch("[0-9a-f]{64}", model.card.sha256)
    photo = np.asarray(Image.open(sorted(PHOTOS.iterdir())[0]).convert("RGB"))
    x = googlenet.preprocess(photo).numpy()
    expected = run_caffe(FOLDER, x)
    names = {
        **{f"mixed{m}": f"inception_{m}/output" for m in MODULES},
        **{layer.name: googlenet.caffe_name(layer.name) for layer in model.layers if layer.weights},
        "localresponsenorm0": "pool1/norm1",
        "maxpool0": "pool1/3x3_s2",
        "localresponsenorm1": "conv2/norm2",
        "maxpool1": "pool2/3x3_s2",
        "maxpool4": "pool3/3x3_s2",
        "maxpool10": "pool4/3x3_s2",
        "avgpool0": "pool5/7x7_s1",
        "output": "prob",
    }
    seen = keras.Model(model.input, {n: model.get_layer(n).output for n in names})(x[None])
    for ours, theirs in names.items():
        error = np.abs(seen[ours][0].numpy() - np.squeeze(expected[theirs])).max()
        assert error < 2e-5 * np.abs(expected[theirs]).max(), ours


def run_caffe(folder, x):
    """Run a deploy.prototxt on one image (h, w, channels), in float64; return all its outputs."""
    outputs = {"data": x.astype(float)}
    for layer in re.split(r"^layer ", (folder / "deploy.prototxt").read_text(), flags=re.M)[1:]:
        # A layer's own entries come before those of its fillers.
        fields = dict(reversed(re.findall(r'(\w+): "?([^"\s]+)', layer)))
        if fields["type"] == "Input":
            continue
        bottoms = [outputs[name] for name in re.findall(r'bottom: "(.*?)"', layer)]
        weights = [
            np.fromfile(path, "<f4").astype(float)
            for kind in ("filter", "bias")
            if (path := folder / "weights" / f"{fields['name']}_{kind}.bin").exists()
        ]
        outputs[fields["top"]] = CAFFE[fields["type"]](*bottoms, fields, *weights)
    return outputs


def window(fields):
    return (int(fields.get(name, default)) for name, default in WINDOW.items())


def convolve(x, fields, kernel, bias):
    k, pad, stride = window(fields)
    padded = np.pad(x, [(pad, pad), (pad, pad), (0, 0)])
    patches = np.lib.stride_tricks.sliding_window_view(padded, (k, k), axis=(0, 1))
    kernel = kernel.reshape(len(bias), k, k, -1)
    return np.einsum("abikl,okli->abo", patches[::stride, ::stride], kernel, optimize=True) + bias


def pool(x, fields):
    k, pad, stride = window(fields)
    count = -(-(len(x) + 2 * pad - k) // stride) + 1
    fill, reduce = {"MAX": (-np.inf, np.max), "AVE": (np.nan, np.nanmean)}[fields["pool"]]
    wide = np.pad(x, [(pad, pad + k), (pad, pad + k), (0, 0)], constant_values=fill)
    starts = stride * np.arange(count)
    rows = [[reduce(wide[i : i + k, j : j + k], axis=(0, 1)) for j in starts] for i in starts]
    return np.array(rows)


def normalise(x, fields):
    n, alpha, beta = (float(fields[f]) for f in ("local_size", "alpha", "beta"))
    half, channels = int(n) // 2, x.shape[-1]
    sums = np.stack(
        [(x[..., max(c - half, 0) : c + half + 1] ** 2).sum(axis=-1) for c in range(channels)], -1
    )
    return x / (1 + alpha / n * sums) ** beta


def softmax(x, fields):
    powers = np.exp(x - x.max())
    return powers / powers.sum()


CAFFE = {
    "Convolution": convolve,
    "Pooling": pool,
    "LRN": normalise,
    "ReLU": lambda x, fields: np.maximum(x, 0),
    "Concat": lambda *xs: np.concatenate(xs[:-1], axis=-1),
    "Dropout": lambda x, fields: x,
    "InnerProduct": lambda x, fields, w, b: w.reshape(len(b), -1) @ x.ravel() + b,
    "Softmax": softmax,
}


def test_the_untrained_network_is_that_of_its_seed_and_its_output_spreads():
    one, same, other = (models.googlenet_2014_untrained(seed) for seed in (1, 1, 2))
    for a, b, c in zip(one.weights, same.weights, other.weights, strict=True):
        np.testing.assert_array_equal(a, b)
        assert not np.ptp(a) or not np.array_equal(a, c)
    assert "untrained" in one.card.title
    x = np.random.default_rng(0).normal(0, 50, (2, 224, 224, 3)).astype(np.float32)
    found = layers.activations(one, x, ["avgpool0"], progress=False)["avgpool0"]
    assert np.isfinite(found).all() and not np.allclose(found[0], found[1], atol=0)
