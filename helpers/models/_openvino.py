"""Read the convolutions of an OpenVINO IR network (version 6 and earlier: .xml and .bin)."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import NamedTuple

import numpy as np

FLOATS = {"FP16": "<f2", "FP32": "<f4"}


class Convolution(NamedTuple):
    """The weights of one convolution, as Keras wants them.

    Attributes:
        kernel: float32 (height, width, channels in, channels out).
        bias: float32 (channels out,).
    """

    kernel: np.ndarray
    bias: np.ndarray


def read_convolutions(xml: Path, binary: Path) -> dict[str, Convolution]:
    """Return the weights of every convolution, by layer name, in the file's order.

    The .xml names, for each layer, where in the .bin its numbers lie: float16
    or float32, output × input × height × width.

    Args:
        xml: the network's description.
        binary: its weights.

    Raises:
        ValueError: a file is not what it should be (not XML, not an IR network
            with convolutions, too short for what the .xml describes); the
            message names the file and the layer.
    """
    try:
        root = ElementTree.parse(xml).getroot()
    except ElementTree.ParseError as error:
        raise ValueError(
            f"{Path(xml).name} is not XML, or was cut short ({error}): fetch it again"
        ) from None
    layers = root.findall("layers/layer[@type='Convolution']") if root.tag == "net" else []
    if not layers:
        raise ValueError(f"{Path(xml).name} is not an OpenVINO IR network with convolutions")
    blob = Path(binary).read_bytes()
    return {layer.get("name", "?"): _read(layer, blob, Path(xml), Path(binary)) for layer in layers}


def _read(layer: ElementTree.Element, blob: bytes, xml: Path, binary: Path) -> Convolution:
    name = layer.get("name", "?")
    try:
        dtype = FLOATS[layer.get("precision", "")]
        outputs = int(layer.find("data").get("output"))
        kernel_size = [int(n) for n in layer.find("data").get("kernel").split(",")]
        inputs = int(layer.findall("input/port/dim")[1].text)
        groups = int(layer.find("data").get("group", "1"))
        places = [
            (int(layer.find(f"blobs/{part}").get("offset")),
             int(layer.find(f"blobs/{part}").get("size")))
            for part in ("weights", "biases")
        ]  # fmt: skip
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):
        raise ValueError(
            f"{xml.name}: layer {name!r} does not describe a float16 or float32 convolution "
            "as OpenVINO IR up to version 6 does"
        ) from None
    shape = (outputs, inputs // groups, *kernel_size)
    kernel, bias = (
        _numbers(blob, place, dtype, size, name, binary)
        for place, size in zip(places, [math.prod(shape), outputs], strict=True)
    )
    return Convolution(np.ascontiguousarray(kernel.reshape(shape).transpose(2, 3, 1, 0)), bias)


def _numbers(
    blob: bytes, place: tuple[int, int], dtype: str, count: int, name: str, binary: Path
) -> np.ndarray:
    offset, size = place
    if size != count * np.dtype(dtype).itemsize:
        raise ValueError(
            f"{binary.name}: layer {name!r} should have {count} numbers of type {dtype[1:]}, "
            f"the .xml gives it {size} bytes: .xml and .bin belong to different networks"
        )
    if not 0 <= offset <= len(blob) - size:
        raise ValueError(
            f"{binary.name} ends before the weights of layer {name!r} "
            f"({offset + size} bytes needed, {len(blob)} there): cut short, or another network's"
        )
    numbers = np.frombuffer(blob, dtype, count, offset).astype(np.float32)
    if not np.isfinite(numbers).all():
        raise ValueError(f"{binary.name}: layer {name!r} holds NaN or infinity: not its weights")
    return numbers
