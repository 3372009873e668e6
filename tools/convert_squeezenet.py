"""Convert SqueezeNet 1.1 from OpenVINO IR to data/squeezenet_1_1.npz, which is committed.

`python -m tools.convert_squeezenet FOLDER` reads squeezenet1.1.xml and squeezenet1.1.bin, which
https://raw.githubusercontent.com/OmniXRI/OpenVINO_OpenCV_Squeezenet at commit
c2c0e5e0e0c7e898db976e8de76fa097b02c8077 holds.
"""

from __future__ import annotations

import argparse
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np

from helpers import data, project
from helpers.models._squeezenet import WEIGHTS

DESCRIPTION, NUMBERS = "squeezenet1.1.xml", "squeezenet1.1.bin"
SHA256 = {
    DESCRIPTION: "238be462aadc8e5665f47037aa22c47d67f5ef7da8e73bd03380edf558b9c7f4",
    NUMBERS: "4405e29f9d7b91fbd950358c470eed04edfe82a14d766a948add81493803f563",
}


def check(folder: Path) -> None:
    """Raise ValueError if one of the two files is not the original."""
    for name, sha256 in SHA256.items():
        if data.sha256(folder / name) != sha256:
            raise ValueError(f"{folder / name} is not the original: its SHA-256 differs")


def read_convolutions(description: Path, numbers: Path) -> dict[str, np.ndarray]:
    """Read all convolutions of an OpenVINO IR network (version 6 and earlier) in float16.

    Args:
        description: the .xml, which says where each layer's numbers lie.
        numbers: the .bin, kernels as output x input x height x width.

    Returns:
        "<layer>/kernel" (height, width, input, output) and "<layer>/bias" (output,), with
        "_" for "/" in the layer's own name.
    """
    blob = numbers.read_bytes()
    found = {}
    for layer in ElementTree.parse(description).iterfind("layers/layer[@type='Convolution']"):
        kernel, bias = (
            np.frombuffer(blob, "<f2", int(place.get("size")) // 2, int(place.get("offset")))
            for place in (layer.find("blobs/weights"), layer.find("blobs/biases"))
        )
        size = map(int, layer.find("data").get("kernel").split(","))
        name = layer.get("name").replace("/", "_")
        found[f"{name}/kernel"] = kernel.reshape(len(bias), -1, *size).transpose(2, 3, 1, 0)
        found[f"{name}/bias"] = bias
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="the folder of the two files")
    folder = parser.parse_args().folder
    check(folder)
    np.savez_compressed(WEIGHTS, **read_convolutions(folder / DESCRIPTION, folder / NUMBERS))
    print(f"wrote {project.shown(WEIGHTS)}")
