import numpy as np
import pytest

from helpers import data, layers, project
from helpers.models import _caffe, _openvino, squeezenet_1_1

FOLDER = project.downloads() / squeezenet_1_1.FOLDER
PHOTOS = project.downloads() / "guest-love-2017"
LAYER = """<layer name="{name}" precision="FP16" type="Convolution">
<data kernel="{kh},{kw}" output="{out}" group="1"/>
<input><port id="0"><dim>1</dim><dim>{inputs}</dim><dim>9</dim><dim>9</dim></port></input>
<blobs><weights offset="{offset}" size="{size}"/>
<biases offset="{bias}" size="{bias_size}"/></blobs>
</layer>"""


def write(folder, kernels, cut=0):
    """Write kernels {name: (out, in, kh, kw) array} as an IR network, biases 0, 1, 2 …"""
    described, blob = [], b""
    for name, kernel in kernels.items():
        out, inputs, kh, kw = kernel.shape
        size, bias_size = 2 * kernel.size, 2 * out
        numbers = {"offset": len(blob), "size": size, "bias": len(blob) + size}
        described.append(
            LAYER.format(
                name=name, kh=kh, kw=kw, out=out, inputs=inputs, bias_size=bias_size, **numbers
            )
        )
        blob += kernel.astype("<f2").tobytes() + np.arange(out, dtype="<f2").tobytes()
    xml, binary = folder / "net.xml", folder / "net.bin"
    xml.write_text(f'<net version="6"><layers>{"".join(described)}</layers></net>')
    binary.write_bytes(blob[: len(blob) - cut])
    return xml, binary


@pytest.fixture
def kernels():
    rng = np.random.default_rng(0)
    return {"a": rng.normal(size=(3, 2, 5, 4)), "b/c": rng.normal(size=(7, 3, 1, 1))}


def test_kernels_arrive_in_keras_order(tmp_path, kernels):
    read = _openvino.read_convolutions(*write(tmp_path, kernels))
    assert list(read) == ["a", "b/c"]
    for name, kernel in kernels.items():
        assert read[name].kernel.dtype == np.float32
        o, i, h, w = 2, 1, 0, 0
        assert read[name].kernel[h, w, i, o] == np.float32(np.float16(kernel[o, i, h, w]))
        back = read[name].kernel.transpose(3, 2, 0, 1)
        np.testing.assert_allclose(back, kernel, rtol=1e-3)
        np.testing.assert_array_equal(read[name].bias, np.arange(len(kernel)))


def test_a_short_binary_is_refused_by_name(tmp_path, kernels):
    with pytest.raises(ValueError, match=r"net\.bin ends before the weights of layer 'b/c'"):
        _openvino.read_convolutions(*write(tmp_path, kernels, cut=2))


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda text: text[: len(text) // 2], "net.xml is not XML, or was cut short"),
        (lambda text: "<html><body>404</body></html>", "not an OpenVINO IR network"),
        (lambda text: text.replace("FP16", "I8"), "layer 'a' does not describe"),
        (lambda text: text.replace('kernel="5,4"', ""), "layer 'a' does not describe"),
        (lambda text: text.replace('kernel="5,4"', 'kernel="3,4"'), "different networks"),
        (lambda text: text.replace('offset="0"', 'offset="-4"'), "net.bin ends before"),
    ],
)
def test_a_foreign_description_is_refused(tmp_path, kernels, edit, message):
    xml, binary = write(tmp_path, kernels)
    xml.write_text(edit(xml.read_text()))
    with pytest.raises(ValueError, match=message):
        _openvino.read_convolutions(xml, binary)


def test_nan_weights_are_refused(tmp_path, kernels):
    kernels["b/c"][0] = np.nan
    with pytest.raises(ValueError, match="layer 'b/c' holds NaN"):
        _openvino.read_convolutions(*write(tmp_path, kernels))


def test_another_networks_files_are_refused(tmp_path, kernels):
    model = squeezenet_1_1.architecture()
    with pytest.raises(ValueError, match=r"net\.xml has no layer 'conv1'"):
        squeezenet_1_1.load_weights(model, *write(tmp_path, kernels))
    with pytest.raises(ValueError, match=r"kernel of layer 'conv1' is \(5, 4, 2, 3\)"):
        squeezenet_1_1.load_weights(model, *write(tmp_path, {"conv1": kernels["a"]}))


def test_the_architecture_is_squeezenets():
    model = squeezenet_1_1.architecture()
    assert model.count_params() == 1_235_496
    sides = {name: model.get_layer(name).output.shape[1] for name in ("conv1", "pool1", "pool3")}
    assert sides == {"conv1": 113, "pool1": 56, "pool3": 28}
    assert model.get_layer("fire9").output.shape[1:] == (14, 14, 512)
    assert layers.select(model, squeezenet_1_1.SQUEEZENET_LAYERS) == list(
        squeezenet_1_1.SQUEEZENET_LAYERS
    )


@pytest.mark.parametrize("side", [113, 56, 28, 5, 6])
def test_pooling_rounds_up_as_caffe_does(side):
    from keras import Input, Model

    x = np.random.default_rng(0).normal(size=(1, side, side, 1)).astype("float32")
    inputs = Input((side, side, 1))
    pooled = Model(inputs, _caffe.max_pool(inputs, "pool"))(x)[0, ..., 0]
    starts = 2 * np.arange(int(np.ceil((side - 3) / 2)) + 1)
    written_out = [[x[0, i : i + 3, j : j + 3].max() for j in starts] for i in starts]
    np.testing.assert_array_equal(pooled, written_out)


def test_preprocessing_gives_blue_first_and_no_mean():
    red = np.zeros((50, 80, 3), np.uint8)
    red[..., 0] = 200
    x = squeezenet_1_1.preprocess(red).numpy()
    assert x.shape == (227, 227, 3)
    np.testing.assert_allclose(x[100, 100], [-104, -117, 200 - 123], atol=1e-3)


@pytest.mark.skipif(not (FOLDER.exists() and PHOTOS.exists()), reason="weights or photos not here")
def test_it_names_what_photos_show():
    model, photos = squeezenet_1_1.squeezenet(), data.guest_love_photos()
    # Keras' indices of the ImageNet classes.
    classes = {"lion": 291, "tiger": 292, "robin": 15, "sportscar": 817, "banjo": 420}
    chosen = photos[np.isin(photos.category, list(classes))]
    (output,) = [
        np.concatenate([batch.activations["predictions"].copy() for batch in batches])
        for batches in [layers.stream(model, chosen, "predictions", progress=False)]
    ]
    top5 = output.argsort(axis=1)[:, -5:]
    hits = [classes[c] in row for c, row in zip(chosen.category, top5, strict=True)]
    assert np.mean(hits) >= 0.95
