"""The branches of a module, found from the graph of a model."""

from __future__ import annotations

from typing import Any

import keras

from helpers.layers._graph import parents, upstream


def branches(model: keras.Model, layer: str) -> dict[str, str]:
    """Find the branches that a layer joins, from the graph of the model.

    Each is named after its largest kernel: "1x1", "3x3", "5x5", "double 3x3" for two
    of that size in a row (1x7 after 7x1 counts as one 7x7), and "pool" if it pools.

    Args:
        model: a functional model.
        layer: name of a layer with several inputs, such as the concatenation that ends an
            inception module ("mixed0").

    Returns:
        branch -> name of the layer whose output enters the joint, in the order of the joint.

    Raises:
        ValueError: there is no such layer, or it has only one input.
    """
    joint = model.get_layer(layer)
    ends = parents(joint)
    if len(ends) < 2:
        raise ValueError(f"layer {layer!r} joins no branches: it has only one input")
    parts = [upstream(end) for end in ends]
    shared = set.intersection(*({id(operation) for operation in part} for part in parts))
    found: dict[str, str] = {}
    for end, part in zip(ends, parts, strict=True):
        own = [operation for operation in part if id(operation) not in shared]
        label = name = _label(own)
        count = 1
        while label in found:
            count += 1
            label = f"{name} ({count})"
        found[label] = end.name
    return found


def _label(operations: list[Any]) -> str:
    if any("Pooling" in type(operation).__name__ for operation in operations):
        return "pool"
    kernels = [operation.kernel_size for operation in operations if _convolves(operation)]
    size = max((max(kernel) for kernel in kernels), default=1)
    if size == 1:
        return "1x1"
    # A pair of 1 x n and n x 1 counts as one n x n.
    depth = sum(min(kernel) == size or 0.5 for kernel in kernels if max(kernel) == size)
    times = {1: "", 2: "double "}.get(depth, f"{depth:g} x ")
    return f"{times}{size}x{size}"


def _convolves(operation: Any) -> bool:
    return hasattr(operation, "kernel_size")
