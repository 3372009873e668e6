"""Whole passes over images: all activations, a measure of each image, accumulators."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

import keras
import numpy as np
import pandas as pd
import tensorflow as tf

from helpers.layers import _inputs, _memory
from helpers.layers._graph import select, title
from helpers.layers._stream import stream
from helpers.layers._taps import tap

Measure = Callable[..., np.ndarray]


class Accumulator(Protocol):
    """An object that sees the activations of one layer batch by batch, the images in order."""

    def update(self, x: np.ndarray) -> None:
        """Take in the activations (images, *layer shape) of the next images."""


def activations(
    model: keras.Model,
    images: Any,
    layers: str | Iterable[str] | None = None,
    *,
    batch_size: int | None = None,
    preprocess: Callable | None = None,
    reduce: Callable[[tf.Tensor], tf.Tensor] | None = None,
    max_bytes: int | None = None,
    progress: bool = True,
) -> dict[str, np.ndarray]:
    """Return the activations of the chosen layers for all images.

    Args:
        model: see `stream`.
        images: see `stream`.
        layers: see `stream`.
        batch_size: see `stream`.
        preprocess: see `stream`.
        reduce: see `stream`; with `spatial_mean` one number per channel remains.
        max_bytes: how much memory the arrays may take together; None for what the machine
            has available.
        progress: see `stream`.

    Returns:
        layer name -> float32 array (images, *layer shape), in depth order.

    Raises:
        MemoryError: the arrays would take more than `max_bytes`; said before the first
            image passes, or after the first batch where the model takes images of any size.
        ValueError: as `stream`; or the shape of a layer's activations changes from one
            batch to the next.
    """
    names = select(model, layers)
    count = _inputs.count(model, images)
    limit = _memory.available() if max_bytes is None else max_bytes
    outputs = tap(model, names, reduce).structured_outputs
    if all(output.shape[1:].is_fully_defined() for output in outputs):
        _check_memory(count, [output.shape[1:] for output in outputs], limit)
    found: dict[str, np.ndarray] = {}
    options = {"batch_size": batch_size, "preprocess": preprocess, "reduce": reduce}
    for index, batch in stream(model, images, names, progress=progress, **options):
        if not found:
            _check_memory(count, [x.shape[1:] for x in batch.values()], limit)
            found = {name: np.empty((count, *x.shape[1:]), x.dtype) for name, x in batch.items()}
        for name, x in batch.items():
            if x.shape[1:] != found[name].shape[1:]:
                raise ValueError(
                    f"activations of layer {name!r} have shape {found[name].shape[1:]} for the "
                    f"first images but {x.shape[1:]} from image {index.start} on: resize the "
                    "images, or use `layers.stream`"
                )
            found[name][index] = x
        batch.clear()  # before the next one is computed
    return found


def measure(
    model: keras.Model,
    images: Any,
    layers: str | Iterable[str] | None = None,
    *,
    measures: Mapping[str, Measure],
    **options: Any,
) -> pd.DataFrame:
    """Apply measures to every image's activations in every chosen layer.

    Args:
        model: see `stream`.
        images: see `stream`.
        layers: see `stream`.
        measures: name -> f(x (images, units), axis=1) -> (images,).
        **options: passed on to `stream`.

    Returns:
        A table in long form with the columns network, layer, depth (place among the
        chosen layers, from 0), units, image, category, measure, value.

    Raises:
        ValueError: as `stream`; `measures` is empty; or a measure rejects an image's
            activations (the message names the layer and the image) or does not return
            one value per image.
    """
    if not measures:
        raise ValueError("no measures given")
    titles = getattr(images, "names", None)
    categories = getattr(images, "category", "")
    units, values = defaultdict(list), defaultdict(list)
    for index, batch in stream(model, images, layers, **options):
        names = range(index.start, index.stop) if titles is None else titles[index]
        for layer, x in batch.items():
            flat = x.reshape(len(x), -1)
            units[layer] += [flat.shape[1]] * len(x)
            for name, function in measures.items():
                what = f"{name} of layer {layer!r}"
                values[name, layer].append(_applied(function, flat, what, names))
        batch.clear()  # before the next one is computed
    parts = [
        pd.DataFrame(
            {
                "network": title(model),
                "layer": layer,
                "depth": depth,
                "units": units[layer],
                "image": range(index.stop) if titles is None else titles,
                "category": categories,
                "measure": name,
                "value": np.concatenate(values[name, layer]),
            }
        )
        for name in measures
        for depth, layer in enumerate(units)
    ]
    return pd.concat(parts, ignore_index=True)


def accumulate(
    model: keras.Model,
    images: Any,
    layers: str | Iterable[str] | None,
    accumulators: Mapping[str, Callable[[], Accumulator]],
    **options: Any,
) -> dict[str, dict[str, Accumulator]]:
    """Feed the activations of every chosen layer to accumulators of its own.

    Args:
        model: see `stream`.
        images: see `stream`.
        layers: see `stream`.
        accumulators: name -> function that makes a new accumulator, called once per layer.
        **options: passed on to `stream`.

    Returns:
        layer -> name -> its accumulator, which has seen all images.

    Raises:
        ValueError: as `stream`; or an accumulator rejects the activations of a layer,
            which the message names.
    """
    made = {
        layer: {name: make() for name, make in accumulators.items()}
        for layer in select(model, layers)
    }
    for _, batch in stream(model, images, list(made), **options):
        for layer, x in batch.items():
            for accumulator in made[layer].values():
                feed(accumulator, x, layer)
        batch.clear()  # before the next one is computed
    return made


def feed(accumulator: Accumulator, x: np.ndarray, layer: str) -> None:
    """Update an accumulator; where it rejects the activations, the message names the layer."""
    try:
        accumulator.update(x)
    except ValueError as error:
        raise ValueError(f"layer {layer!r}: {error}") from error


def _check_memory(count: int, shapes: Iterable[Sequence[int]], limit: int) -> None:
    size = np.dtype(np.float32).itemsize * count * sum(math.prod(shape) for shape in shapes)
    if size > limit:
        raise MemoryError(
            f"the activations of {count:,} images take {size:,} bytes, more than the {limit:,} "
            "allowed (max_bytes) or available: choose fewer layers, `reduce` them "
            "(`layers.spatial_mean`), or see them batch by batch with `layers.stream`"
        )


def _applied(function: Measure, x: np.ndarray, what: str, images: Sequence) -> np.ndarray:
    try:
        values = np.asarray(function(x, axis=1))
    except ValueError:
        for row, image in zip(x, images, strict=True):
            try:
                function(row[None], axis=1)
            except ValueError as error:
                raise ValueError(f"{what}, image {str(image)!r}: {error}") from error
        raise
    if values.shape != (len(x),):
        raise ValueError(f"{what} has shape {values.shape} for {len(x)} images, not {(len(x),)}")
    return values
