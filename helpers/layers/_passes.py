"""Whole passes over images: all activations, a measure of each image, accumulators."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import keras
import numpy as np
import pandas as pd
import tensorflow as tf

from helpers.layers import _inputs, _memory
from helpers.layers._graph import select, title
from helpers.layers._shards import built, merged, shard_results
from helpers.layers._stream import default_batch_size, stream
from helpers.layers._taps import tap

Measure = Callable[..., np.ndarray]


class Accumulator(Protocol):
    """An object that sees the activations of one layer batch by batch, the images in order.

    With `client` or `keep` it needs `merge`, too: it then sees a part of the images, and is
    joined with the one that saw the next part.
    """

    def update(self, x: np.ndarray) -> None:
        """Take in the activations (images, *layer shape) of the next images."""


class PerImage:
    """An accumulator of what functions return for each image.

    Attributes:
        functions: name -> function of (images, *layer shape) that returns (images, ...).
    """

    def __init__(self, functions: Mapping[str, Callable[[np.ndarray], np.ndarray]]) -> None:
        self.functions = dict(functions)
        self._found: dict[str, list[np.ndarray]] = {name: [] for name in self.functions}

    def update(self, x: np.ndarray) -> None:
        """Take in the activations (images, *layer shape) of the next images.

        Raises:
            ValueError: a function does not return one entry per image.
        """
        for name, function in self.functions.items():
            found = np.asarray(function(x))
            if len(found) != len(x):
                raise ValueError(f"{name} has shape {found.shape} for {len(x)} images")
            self._found[name].append(found)

    def merge(self, other: PerImage) -> None:
        """Take in what another one found for the images that come after those seen."""
        for name, found in other._found.items():
            self._found[name] += found

    def __getitem__(self, name: str) -> np.ndarray:
        """Return (images, ...) what the function of that name returned."""
        return np.concatenate(self._found[name])


def channel_means(x: np.ndarray) -> np.ndarray:
    """Return each channel's mean over places, for `PerImage` and a `Recorder`.

    Args:
        x: (images, ..., channels) activations.

    Returns:
        (images, channels), of the type of x.
    """
    return x.reshape(len(x), -1, x.shape[-1]).mean(axis=1)


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
    client: Any = None,
    keep: str | Path | None = None,
    **options: Any,
) -> pd.DataFrame:
    """Apply measures to every image's activations in every chosen layer.

    Args:
        model: see `stream`; or a function without arguments that builds it, here and on
            every worker.
        images: see `stream`; with `client` or `keep` a `data.ImageSet`.
        layers: see `stream`.
        measures: name -> f(x (images, units), axis=1) -> (images,).
        client: a `dask.distributed.Client`: its workers compute the images in shards. The
            network goes to each worker once; workers read the images from their files. Batches
            are those of a single pass, and so are the values, to the bit on machines of the
            same kind.
        keep: a folder for shards that are finished, to go on after an interruption. Measures
            must then have names: functions of a module, or a `functools.partial` of them.
        **options: passed on to `stream`.

    Returns:
        A table in long form with the columns network, layer, depth (place among the
        chosen layers, from 0), units, image, category, measure, value.

    Raises:
        ValueError: as `stream`; `measures` is empty; or a measure rejects an image's
            activations (the message names the layer and the image) or does not return
            one value per image; or shards failed, whose errors the message has.
        ConnectionError: the scheduler is gone; finished shards are in `keep`.
        ImportError: `client` is given and Dask is not installed.
    """
    if not measures:
        raise ValueError("no measures given")
    network = built(model)
    names = select(network, layers)

    def job(place: slice) -> Callable[..., _Measured]:
        return partial(_measured, names=names, measures=measures)

    done = in_parts(job, model, network, images, names, client, keep, options)
    count = sum(part.images for part in done)
    titles = getattr(images, "names", range(count))
    parts = [
        pd.DataFrame(
            {
                "network": title(network),
                "layer": layer,
                "depth": depth,
                "units": np.concatenate([part.units[layer] for part in done]),
                "image": titles,
                "category": getattr(images, "category", ""),
                "measure": name,
                "value": np.concatenate([part.values[name, layer] for part in done]),
            }
        )
        for name in measures
        for depth, layer in enumerate(names)
    ]
    return pd.concat(parts, ignore_index=True)


class _Measured(NamedTuple):
    """What was measured of some images.

    Attributes:
        images: how many.
        units: layer -> (images,) its number of units.
        values: measure, layer -> (images,).
    """

    images: int
    units: dict[str, np.ndarray]
    values: dict[tuple[str, str], np.ndarray]


def _measured(
    model: keras.Model,
    images: Any,
    *,
    names: Sequence[str],
    measures: Mapping[str, Measure],
    **options: Any,
) -> _Measured:
    titles = getattr(images, "names", None)
    units, values = defaultdict(list), defaultdict(list)
    for index, batch in stream(model, images, names, **options):
        those = range(index.start, index.stop) if titles is None else titles[index]
        for layer, x in batch.items():
            flat = x.reshape(len(x), -1)
            units[layer] += [flat.shape[1]] * len(x)
            for name, function in measures.items():
                what = f"{name} of layer {layer!r}"
                values[name, layer].append(_applied(function, flat, what, those))
        batch.clear()  # before the next one is computed
    joined = {key: np.concatenate(parts) for key, parts in values.items()}
    return _Measured(index.stop, {key: np.array(each) for key, each in units.items()}, joined)


def accumulate(
    model: keras.Model,
    images: Any,
    layers: str | Iterable[str] | None,
    accumulators: Mapping[str, Callable[[], Accumulator]],
    *,
    client: Any = None,
    keep: str | Path | None = None,
    **options: Any,
) -> dict[str, dict[str, Accumulator]]:
    """Feed the activations of every chosen layer to accumulators of its own.

    Args:
        model: see `measure`.
        images: see `measure`.
        layers: see `stream`.
        accumulators: name -> function that makes a new accumulator, called once per layer.
        client: see `measure`; accumulators need `merge`, and sums are equal to those of a
            single pass to about 1e-6.
        keep: see `measure`.
        **options: passed on to `stream`.

    Returns:
        layer -> name -> its accumulator, which has seen all images.

    Raises:
        ValueError: as `stream`; or an accumulator rejects the activations of a layer,
            which the message names; or shards failed.
        TypeError: with `client` or `keep`, an accumulator has no `merge`.
        ConnectionError, ImportError: as `measure`.
    """
    network = built(model)
    names = select(network, layers)

    def job(place: slice) -> Callable[..., _Accumulated]:
        return partial(_accumulated, names=names, accumulators=accumulators)

    done = in_parts(job, model, network, images, names, client, keep, options)
    if len(done) == 1:
        return done[0]
    return {
        layer: {name: merged([part[layer][name] for part in done]) for name in accumulators}
        for layer in names
    }


_Accumulated = dict[str, dict[str, Accumulator]]


def _accumulated(
    model: keras.Model,
    images: Any,
    *,
    names: Sequence[str],
    accumulators: Mapping[str, Callable[[], Accumulator]],
    **options: Any,
) -> _Accumulated:
    made = {layer: {name: make() for name, make in accumulators.items()} for layer in names}
    for _, batch in stream(model, images, names, **options):
        for layer, x in batch.items():
            for accumulator in made[layer].values():
                feed(accumulator, x, layer)
        batch.clear()  # before the next one is computed
    return made


def in_parts(
    job_for: Callable[[slice], Callable],
    model: keras.Model | Callable[[], keras.Model],
    network: keras.Model,
    images: Any,
    names: Sequence[str],
    client: Any,
    keep: str | Path | None,
    options: Mapping[str, Any],
) -> list[Any]:
    """Return what a job makes of all images at once or, with `client` or `keep`, of each shard."""
    if client is None and keep is None:
        return [job_for(slice(0, _inputs.count(network, images)))(network, images, **options)]
    reduce = options.get("reduce")
    size = options.get("batch_size") or default_batch_size(network, names, reduce)
    within = {**options, "batch_size": size, "progress": False}

    def shard(place: slice) -> Callable:
        return partial(job_for(place), **within)

    return shard_results(
        shard, network, images,
        layers=names,
        build=None if model is network else model,
        client=client,
        keep=keep,
        batch_size=size,
        progress=options.get("progress", True),
    )  # fmt: skip


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
