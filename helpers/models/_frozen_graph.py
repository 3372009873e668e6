"""Weights out of a frozen TensorFlow graph."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError

from helpers import project

NODE_FIELD = 1  # GraphDef: repeated NodeDef node = 1
VARINT, FIXED64, LENGTH_DELIMITED, FIXED32 = 0, 1, 2, 5  # protobuf wire types
MAX_VARINT = 10  # bytes


def read_constants(path: Path, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """Read the named Const nodes of a GraphDef file; other nodes are ignored.

    The nodes are decoded one by one, so that no second copy of the whole
    graph is ever held.

    Args:
        path: the file, a serialised GraphDef (.pb).
        shapes: the tensors that must be there, by node name, with their shapes.

    Returns:
        The tensors as float32 arrays, by name, in the order of `shapes`.

    Raises:
        ValueError: the file is cut short, is something else than a GraphDef,
            lacks a tensor, or holds one of another shape or type.
    """
    found: dict[str, np.ndarray] = {}
    damage = ""
    try:
        for node in _nodes(memoryview(path.read_bytes())):
            if node.op == "Const" and node.name in shapes:
                found[node.name] = tf.make_ndarray(node.attr["value"].tensor)
    except (DecodeError, TypeError, ValueError) as error:
        damage = f"it is cut short or no TensorFlow graph ({error}), and "
    missing = [name for name in shapes if name not in found]
    if missing or damage:
        first = f"tensor {missing[0]!r} is missing" if missing else "what follows is unreadable"
        more = f" (with {len(missing) - 1} more)" if len(missing) > 1 else ""
        raise _refusal(path, f"{damage}{first}{more}")
    for name, shape in shapes.items():
        tensor = found[name]
        if tensor.shape != tuple(shape) or tensor.dtype != np.float32:
            held = f"{tensor.dtype} {tensor.shape}"
            raise _refusal(path, f"tensor {name!r} is {held} instead of float32 {tuple(shape)}")
    return {name: found[name] for name in shapes}


def _refusal(path: Path, problem: str) -> ValueError:
    return ValueError(
        f"{project.shown(path)} cannot be used: {problem}. "
        "Delete the file to have it fetched again, or put the original in its place."
    )


def _nodes(data: memoryview) -> Iterator[tf.compat.v1.NodeDef]:
    """Yield the nodes of a serialised GraphDef."""
    position = 0
    while position < len(data):
        tag, position = _varint(data, position)
        field, wire_type = tag >> 3, tag & 7
        if wire_type == LENGTH_DELIMITED:
            length, position = _varint(data, position)
        elif wire_type == VARINT:
            length, (_, position) = 0, _varint(data, position)
        elif wire_type in (FIXED32, FIXED64):
            length = 4 if wire_type == FIXED32 else 8
        else:
            raise ValueError(f"no field can start at byte {position - 1:,}")
        end = position + length
        if end > len(data):
            raise ValueError(f"{end - len(data):,} bytes are missing at the end")
        if field == NODE_FIELD and wire_type == LENGTH_DELIMITED:
            yield tf.compat.v1.NodeDef.FromString(data[position:end])
        position = end


def _varint(data: memoryview, position: int) -> tuple[int, int]:
    """Return the protobuf varint at a position, and the position after it."""
    value = 0
    for i, byte in enumerate(data[position : position + MAX_VARINT]):
        value |= (byte & 0x7F) << 7 * i
        if byte < 0x80:
            return value, position + i + 1
    raise ValueError(f"no number ends after byte {position:,}")
