import numpy as np
import pytest

from helpers import project
from helpers.models import _squeezenet
from tools import convert_squeezenet

FOLDER = project.downloads() / "squeezenet-1.1"
LAYER = """"<layer name="{name}" precision="FP16" type="Convolution">
<data kernel="{kh},{kw}" output="{out}" group="1"/>
<input><port id="0"><dim>1</dim><dim>{inputs}</dim><dim>9</dim><dim>9</dim></port></input>
<blobs><weights offset="{offset}" size="{size}"/>
<biases offset="{bias}" size="{bias_size}"/></blobs>
</layer>"""


def test_kernels_arrive_in_keras_order_and_float16(tmp_path):
    rng = np.random.default_rng(0)
    kernels = {"a": rng.normal(size=(3, 2, 5, 4)), "b/c": rng.normal(size=(7, 3, 1, 1))}
    described, blob = [], b""
    for name, kernel in kernels.items():
        out, inputs, kh, kw = kernel.shape
        places = {"offset": len(blob), "size": 2 * kernel.size}
        places |= {"bias": len(blob) + 2 * kernel.size, "bias_size": 2 * out}
        described.append(LAYER.format(name=name, kh=kh, kw=kw, out=out, inputs=inputs, **places))
        blob += kernel.astype("<f2").tobytes() + np.arange(out, dtype="<f2").tobytes()
    description, numbers = tmp_path / "net.xml", tmp_path / "net.bin"
    description.write_text(f'<net version="6"><layers>{"".join(described)}</layers></net>')
    numbers.write_bytes(blob)

    found = convert_squeezenet.read_convolutions(description, numbers)
    assert list(found) == ["a/kernel", "a/bias", "b_c/kernel", "b_c/bias"]
    for name, kernel in kernels.items():
        ours = found[f"{name.replace('/', '_')}/kernel"]
        assert ours.dtype == np.float16
        o, i, h, w = 2, 1, 0, 0
        assert ours[h, w, i, o] == np.float16(kernel[o, i, h, w])
        np.testing.assert_array_equal(ours.transpose(3, 2, 0, 1), kernel.astype(np.float16))
    np.testing.assert_array_equal(found["b_c/bias"], np.arange(7))


def test_other_files_are_refused(tmp_path):
    for name in convert_squeezenet.SHA256:
        (tmp_path / name).write_bytes(b"another network")
    with pytest.raises(ValueError, match=r"squeezenet1\.1\.xml is not the original"):
        convert_squeezenet.check(tmp_path)


def test_the_committed_weights_are_the_networks():
    shapes = {
        f"{layer.name}/{part}": tuple(getattr(layer, part).shape)
        for layer in _squeezenet.architecture().layers
        if layer.weights
        for part in ("kernel", "bias")
    }
    with np.load(_squeezenet.WEIGHTS) as weights:
        assert {name: weights[name].shape for name in weights} == shapes
        assert {weights[name].dtype for name in weights} == {np.dtype(np.float16)}


@pytest.mark.skipif(not FOLDER.exists(), reason="needs the OpenVINO files in the downloads folder")
def test_converting_the_original_gives_the_committed_weights():
    convert_squeezenet.check(FOLDER)
    files = (FOLDER / name for name in convert_squeezenet.SHA256)
    converted = convert_squeezenet.read_convolutions(*files)
    with np.load(_squeezenet.WEIGHTS) as weights:
        assert list(weights) == list(converted)
        for name, numbers in converted.items():
            np.testing.assert_array_equal(weights[name], numbers)
