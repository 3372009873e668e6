"""The shapes of a model's layers and the stages of the network that they belong to."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import keras
import pandas as pd

from helpers.layers._graph import operations, parents, upstream


def describe(model: keras.Model, layers: Iterable[str]) -> pd.DataFrame:
    """Tabulate layers of a functional model: their shape, units and stage.

    The stages of a convolutional network are the "stem" (all before the first module, that
    is, before anything that joins branches), then maps of one size each ("35×35", "17×17",
    "8×8"), then the "output" (all without maps). A network without modules has no stem, one
    without maps no stages ("").

    Args:
        model: a functional model, its maps (height, width, channels).
        layers: names, in order of depth; those in a nested model as "nested/layer".

    Returns:
        A row per layer, with the columns layer, depth (0, 1, ...), shape (without the axis of
        the images), units (their number) and stage.

    Raises:
        ValueError: there is no such layer.
    """
    inside = operations(model)
    layers = list(layers)
    found = [inside[name] if "/" in name and name in inside else model.get_layer(name)
             for name in layers]  # fmt: skip
    shapes = [tuple(layer.output.shape[1:]) for layer in found]
    modular = any(_joins(layer) for layer in model.layers)
    stages = [
        _stage(layer, shape, modular) if any(len(each) == 3 for each in shapes) else ""
        for layer, shape in zip(found, shapes, strict=True)
    ]
    columns = {
        "layer": list(layers),
        "depth": range(len(found)),
        "shape": shapes,
        "units": [math.prod(shape) for shape in shapes],
        "stage": stages,
    }
    return pd.DataFrame(columns)


def _stage(layer: Any, shape: tuple[int, ...], modular: bool) -> str:
    if len(shape) != 3:
        return "output"
    if modular and not any(_joins(each) for each in upstream(layer)):
        return "stem"
    return f"{shape[0]}×{shape[1]}"


def _joins(operation: Any) -> bool:
    return len(parents(operation)) > 1
