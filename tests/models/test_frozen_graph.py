import io

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from helpers.models import _frozen_graph

SHAPES = {"conv/conv2d_params": (2, 1, 3, 4), "conv/batchnorm/beta": (4,), "softmax/biases": (5,)}


@pytest.fixture
def tensors() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {name: rng.normal(size=shape).astype(np.float32) for name, shape in SHAPES.items()}


def graph(tensors: dict[str, np.ndarray]) -> bytes:
    """A GraphDef as frozen ones are: constants among other nodes, and a field after them."""
    made = tf.compat.v1.GraphDef()
    made.node.add(name="DecodeJpeg/contents", op="Placeholder")
    for name, tensor in tensors.items():
        node = made.node.add(name=name, op="Const")
        node.attr["dtype"].type = tf.as_dtype(tensor.dtype).as_datatype_enum
        node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(tensor))
        made.node.add(name=f"{name}/read", op="Identity", input=[name])
    made.node.add(name="conv/Conv2D", op="Conv2D", input=["Mul", "conv/conv2d_params/read"])
    made.versions.producer = 8
    return made.SerializeToString()


@pytest.fixture
def file(tmp_path):
    def write(content: bytes):
        path = tmp_path / "archive" / "graph.pb"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        return path

    return write


def test_constants_are_read_by_name_among_other_nodes(file, tensors):
    found = _frozen_graph.read_constants(file(graph(tensors)), SHAPES)
    assert list(found) == list(SHAPES)
    for name, tensor in tensors.items():
        np.testing.assert_array_equal(found[name], tensor)


def test_values_may_be_stored_as_a_list_of_numbers(file):
    made = tf.compat.v1.GraphDef()
    value = made.node.add(name="beta", op="Const").attr["value"].tensor
    value.dtype = tf.float32.as_datatype_enum
    value.tensor_shape.dim.add(size=3)
    value.float_val.extend([1.0, 2.0, 3.0])
    found = _frozen_graph.read_constants(file(made.SerializeToString()), {"beta": (3,)})
    assert found["beta"].tolist() == [1, 2, 3]


def test_constants_that_nobody_asked_for_may_be_anything(file, tensors):
    others = {"labels": np.arange(3), "softmax/weights": np.zeros((1, 2), np.float32)}
    path = file(graph(tensors | others))
    assert list(_frozen_graph.read_constants(path, SHAPES)) == list(SHAPES)


def test_wherever_a_file_is_cut_the_first_missing_tensor_is_named(file, tensors):
    content = graph(tensors)
    # A constant ends where the node after it starts: 4 bytes before the name of that one.
    ends = {name: content.index(f"{name}/read".encode()) - 4 for name in tensors}
    for length in [*range(0, max(ends.values()), 5), *(end - 1 for end in ends.values())]:
        path = file(content[:length])
        missing = next(name for name, end in ends.items() if length < end)
        with pytest.raises(ValueError, match=f"tensor '{missing}' is missing") as raised:
            _frozen_graph.read_constants(path, SHAPES)
        assert str(raised.value).startswith("archive/graph.pb cannot be used: ")
        assert str(path.parents[1]) not in str(raised.value)


def test_a_file_cut_after_the_tensors_is_refused_all_the_same(file, tensors):
    with pytest.raises(ValueError, match="cut short .* what follows is unreadable"):
        _frozen_graph.read_constants(file(graph(tensors)[:-1]), SHAPES)


def test_a_missing_tensor_is_named(file, tensors):
    del tensors["conv/batchnorm/beta"]
    with pytest.raises(ValueError, match="used: tensor 'conv/batchnorm/beta' is missing. Delete"):
        _frozen_graph.read_constants(file(graph(tensors)), SHAPES)


@pytest.mark.parametrize(
    ("wrong", "held"),
    [
        (np.zeros(6, np.float32), r"float32 \(6,\)"),
        (np.zeros((5, 1), np.float32), r"float32 \(5, 1\)"),
        (np.zeros(5, np.float64), r"float64 \(5,\)"),
        (np.zeros(5, np.int32), r"int32 \(5,\)"),
    ],
)
def test_a_tensor_of_another_shape_or_type_is_refused(file, tensors, wrong, held):
    tensors["softmax/biases"] = wrong
    message = rf"tensor 'softmax/biases' is {held} instead of float32 \(5,\)"
    with pytest.raises(ValueError, match=message):
        _frozen_graph.read_constants(file(graph(tensors)), SHAPES)


def test_foreign_files_are_refused(file):
    picture = io.BytesIO()
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(picture, "PNG")
    page = b"<!DOCTYPE html><html><body>404 Not Found</body></html>"
    foreign = [picture.getvalue(), page, b"", b"\xff" * 100_000, b"\x1f\x8b\x08\x00rest of a gzip"]
    for content in foreign:
        with pytest.raises(ValueError, match="tensor 'conv/conv2d_params' is missing"):
            _frozen_graph.read_constants(file(content), SHAPES)


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(position=st.integers(0, 10_000), byte=st.integers(0, 255))
def test_a_damaged_byte_never_raises_anything_but_a_refusal(file, tensors, position, byte):
    content = bytearray(graph(tensors))
    content[position % len(content)] = byte
    try:
        found = _frozen_graph.read_constants(file(bytes(content)), SHAPES)
    except ValueError as error:
        assert "graph.pb cannot be used" in str(error)
    else:
        assert {name: tensor.shape for name, tensor in found.items()} == SHAPES
