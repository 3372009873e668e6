"""The parts of a network, for the depth axes of figures."""

from __future__ import annotations

from collections.abc import Iterable

import keras

from helpers.layers._branches import parents, upstream
from helpers.layers._graph import input_names, operations


def stages(model: keras.Model, layers: Iterable[str]) -> dict[str, str]:
    """Say which part of the network each layer is in, for `plotting.against_depth`.

    Args:
        model: a functional model made of modules that join branches, as the Inceptions are.
        layers: names of layers.

    Returns:
        layer -> "input"; "stem" for what comes before the first module; from there on the
        size of the map, as "35×35"; "output" for what has no map.
    """
    inputs, depth = input_names(model), operations(model)
    joint = next((each for each in depth.values() if len(parents(each)) > 1), None)
    ends = [depth[next(reversed(depth))]] if joint is None else parents(joint)
    before = set.intersection(*({id(each) for each in upstream(end)} for end in ends))

    def stage(layer: str) -> str:
        if layer in inputs:
            return "input"
        shape = depth[layer].output.shape
        if len(shape) != 4:
            return "output"
        return "stem" if id(depth[layer]) in before else f"{shape[1]}×{shape[2]}"

    return {layer: stage(layer) for layer in layers}
