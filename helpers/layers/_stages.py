"""A few layers that stand for a whole network: the outputs of its blocks, found from its graph."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import keras
import numpy as np

from helpers.layers._graph import input_names

# Joins that scale rather than bring branches together, as squeeze-and-excitation does.
GATES = ("Multiply",)
# Layers that compute nothing.
PASSING = ("Dropout", "SpatialDropout", "ZeroPadding", "Cropping", "Reshape", "Flatten")
# With fewer blocks between cuts than this, though branches are joined much more often, cells are
# linked beyond their neighbours.
FEW = 3


def stages(model: keras.Model, at_most: int = 20) -> list[str]:
    """Choose layers by which a network can be followed from its input to its output.

    A cut is a layer that every path through the network goes through. What lies between two cuts
    and joins branches (by addition or concatenation) is a block; its last layer is chosen, after
    the normalisation and the activation that follow it. So is every layer with a kernel before
    the first block (but for those that precede every block) and after the last one, or anywhere in
    a network without blocks; where blocks alternate with plain layers, the layer that a sum adds
    to; and the average over all places.
    In a network without cuts, as NASNet, every concatenation is chosen, or every sum.

    Args:
        model: a functional or sequential model; nested models are looked into.
        at_most: how many layers; at least 2. If there are more, the first, the last of each size
            of maps and the last of all stay, and others are left out evenly.

    Returns:
        The names, in depth order.

    Raises:
        TypeError: `model` is not a Keras model.
        ValueError: `at_most` is below 2, the model has no graph of layers, or no layer with a
            kernel.
    """
    if at_most < 2:
        raise ValueError(f"at_most={at_most}: choose at least 2")
    input_names(model)  # refuses what has no graph
    found = list(_ends(model))
    if not found:
        raise ValueError(f"{model.name!r} has no layer with a kernel: name the layers to look at")
    return _thinned(found, at_most)


class _End(NamedTuple):
    """The output of a block or of a plain layer: its name and the size of its maps."""

    name: str
    size: tuple[int | None, ...]


@dataclass
class _Segment:
    """What lies between two cuts, without the first.

    Attributes:
        end: the second cut.
        joins: whether it joins branches, otherwise than by gates.
        works: whether it has a kernel, or takes the mean over all places.
    """

    end: Any
    joins: bool
    works: bool


def _ends(model: keras.Model, prefix: str = "") -> Iterator[_End]:
    operations = [each for each in getattr(model, "operations", model.layers) if not _enters(each)]
    sources = {id(each): _sources(each) for each in operations}
    joints = [each for each in operations if _joins(each)]
    segments = list(_segments(operations, sources))
    if sum(segment.joins for segment in segments) < FEW and len(joints) > 2 * FEW:
        sums = [each for each in joints if isinstance(each, keras.layers.Concatenate)] or joints
        tail = [each for each in segments if each.works and not each.joins]
        first = operations.index(sums[0])
        segments = [each for each in tail if operations.index(each.end) < first]
        segments += [_Segment(each, True, True) for each in sums]
        last = operations.index(sums[-1])
        segments += [each for each in tail if operations.index(each.end) > last]
    chosen: list[_Segment] = []
    for segment in segments:
        if segment.joins or segment.works:
            chosen.append(segment)
        elif chosen and _refines(segment.end, chosen[-1].end):
            chosen[-1].end = segment.end  # the normalisation or activation of what was chosen
    blocks = [i for i, segment in enumerate(chosen) if segment.joins] or [len(chosen)]
    added_to = {id(source) for joint in joints for source in sources[id(joint)]}
    # Plain layers that precede every block belong to it, as in SqueezeNet: the first one, too.
    before = min((b - a - 1 for a, b in itertools.pairwise(blocks)), default=0)
    start = max(blocks[0] - before, 1)
    for i, segment in enumerate(chosen):
        between = start <= i < blocks[-1] and not segment.joins
        if between and id(segment.end) not in added_to:
            continue
        if _is_model(segment.end):
            yield from _ends(segment.end, f"{prefix}{segment.end.name}/")
        else:
            yield _End(prefix + segment.end.name, _shape(segment.end)[:-1])


def _segments(operations: Sequence[Any], sources: dict[int, list[Any]]) -> Iterator[_Segment]:
    place = {id(each): i for i, each in enumerate(operations)}
    needed = [0] * len(operations)  # until which place an output is needed
    for i, operation in enumerate(operations):
        for source in sources[id(operation)]:
            if id(source) in place:
                needed[place[id(source)]] = i
    start, open_until = 0, 0
    for i, operation in enumerate(operations):
        if open_until <= i:
            part = operations[start : i + 1]
            yield _Segment(operation, any(map(_joins, part)), any(map(_works, part)))
            start = i + 1
        open_until = max(open_until, needed[i])


def _thinned(ends: Sequence[_End], at_most: int) -> list[str]:
    """Leave out ends evenly, but neither the first, nor the last of any size of maps."""
    if len(ends) <= at_most:
        return [end.name for end in ends]
    last = {end.size: i for i, end in enumerate(ends)}
    kept = sorted({0, *last.values(), len(ends) - 1})
    if len(kept) > at_most:
        kept = [kept[i] for i in np.linspace(0, len(kept) - 1, at_most).round().astype(int)]
    left = [i for i in range(len(ends)) if i not in kept]
    spread = np.linspace(0, len(left) - 1, at_most - len(kept) + 2)[1:-1].round().astype(int)
    return [ends[i].name for i in sorted({*kept, *(left[i] for i in spread)})]


def _enters(operation: Any) -> bool:
    return isinstance(operation, keras.layers.InputLayer)


def _is_model(operation: Any) -> bool:
    return isinstance(operation, keras.Sequential) or hasattr(operation, "operations")


def _sources(operation: Any) -> list[Any]:
    """Return the operations that feed an operation, in any of its calls, each once."""
    tensors = [t for node in operation._inbound_nodes for t in node.input_tensors]
    return list({id(s): s for t in tensors for s in [t._keras_history.operation]}.values())


def _joins(operation: Any) -> bool:
    return len(_sources(operation)) > 1 and type(operation).__name__ not in GATES


def _works(operation: Any) -> bool:
    if type(operation).__name__.startswith("Global"):
        return True
    shapes = [weight.shape for weight in getattr(operation, "weights", [])]
    return any(sum(n > 1 for n in shape) > 1 for shape in shapes)


def _refines(operation: Any, other: Any) -> bool:
    """Whether it is a normalisation or an activation of the other's output."""
    same = _shape(operation) == _shape(other) and not _is_model(other)
    return same and not type(operation).__name__.startswith(PASSING)


def _shape(operation: Any) -> tuple[int | None, ...]:
    """Return the shape of an output, without the axis of images and those of length 1."""
    tensor = keras.tree.flatten(operation._inbound_nodes[-1].output_tensors)[0]
    return tuple(n for n in tensor.shape[1:] if n != 1)
