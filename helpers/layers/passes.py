"""Choose layers of a Keras model and see their activations, one batch of images at a time."""

from __future__ import annotations

import difflib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, NamedTuple, Protocol

import keras
import numpy as np
import pandas as pd
import tensorflow as tf
from tqdm.auto import tqdm

from helpers.layers import _taps
from helpers.layers._memory import reuse_freed_memory

Measure = Callable[..., np.ndarray]

BATCH_BYTES = 256 * 10**6
LARGEST_BATCH = 32
# What a convolutional network holds while it runs, in bytes per byte of its input. A rough
# figure: passes of 32 images took Inception-v3 beyond 2 GB, though one layer was handed out.
WORKING_MEMORY = 24
UNKNOWN_SIZE_BATCH = 8


class Batch(NamedTuple):
    """The activations of some consecutive images.

    Attributes:
        index: which images, as a slice of the image set.
        activations: layer name -> float array (images, *layer shape), in depth order.
            Emptied when the next batch is asked for: copy what must outlive it.
    """

    index: slice
    activations: dict[str, np.ndarray]


class Accumulator(Protocol):
    """Something that sees one layer's activations batch by batch, images in order."""

    def update(self, x: np.ndarray) -> None:
        """Take in the activations (images, *layer shape) of the next images."""


def select(
    model: keras.Model, patterns: str | Iterable[str] | None = None, missing: str = "raise"
) -> list[str]:
    """Choose layers by name or shell pattern.

    Args:
        model: a functional or sequential model. A layer of a nested model is named
            "nested/layer"; an input goes by the name of its input layer.
        patterns: names or patterns such as "mixed*" or "activation_[1-4]"; None for all layers.
        missing: what to do with a pattern that no layer matches: "raise" or "skip".

    Returns:
        The names, each once, in depth order: a layer comes after all that feed it.

    Raises:
        ValueError: a pattern matches no layer (the nearest names are suggested), or the
            model is not built or has no graph of layers.
    """
    if missing not in ("raise", "skip"):
        raise ValueError(f"missing={missing!r}: choose 'raise' or 'skip'")
    names = _taps.names(model)
    if patterns is None:
        return names
    chosen: set[str] = set()
    for pattern in [patterns] if isinstance(patterns, str) else patterns:
        matched = {name for name in names if name == pattern or fnmatchcase(name, pattern)}
        if not matched and missing == "raise":
            near = difflib.get_close_matches(pattern, names, n=3, cutoff=0.4)
            hint = f"; did you mean {' or '.join(map(repr, near))}?" if near else ""
            raise ValueError(f"no layer of {model.name!r} is named or matches {pattern!r}{hint}")
        chosen |= matched
    return [name for name in names if name in chosen]


def stream(
    model: keras.Model,
    images: Any,
    layers: str | Iterable[str] | None = None,
    *,
    batch_size: int | None = None,
    preprocess: Callable | None = None,
    reduce: Callable[[tf.Tensor], tf.Tensor] | None = None,
    progress: bool = True,
) -> Iterator[Batch]:
    """Run a model once over images and yield the activations of the chosen layers.

    Memory holds one batch of activations at a time, whatever the number of images.

    Args:
        model: a functional or sequential Keras model.
        images: a `data.ImageSet`; or an array (images, *input shape) that is preprocessed
            already; or, for a model with several inputs, a tuple of such arrays in the
            order of the inputs or a dict by input name.
        layers: names or patterns as in `select`; None for all layers.
        batch_size: images per batch; None for as many (at most 32) as keep the chosen
            activations of a batch, and what the network itself needs, within 256 MB each.
        preprocess: for an image set: image tensor (h, w, c) -> input tensor; by default
            the model's own, `model.source.preprocess`.
        reduce: TensorFlow operations that every layer's output passes before it leaves
            the network, as `spatial_mean`: what comes out small costs little to hand over.
        progress: whether to show a progress bar.

    Yields:
        One `Batch` after the other, the images in order.

    Raises:
        ValueError: unknown or ambiguous layers, or images that do not fit the model.
    """
    names = select(model, layers)
    if not names:
        raise ValueError(f"no layers of {model.name!r} chosen")
    if batch_size is not None and batch_size < 1:
        raise ValueError(f"batch_size={batch_size!r}: choose at least 1")
    run = _taps.tap(model, names, reduce)
    batches, count = _batches(model, images, batch_size or _affordable(model, run), preprocess)
    reuse_freed_memory()
    start = 0
    with tqdm(total=count, desc=model.name, unit="image", disable=not progress, leave=False) as bar:
        for batch in batches:
            activations = dict(zip(names, map(np.asarray, run(*batch)), strict=True))
            stop = start + len(batch[0])
            yield Batch(slice(start, stop), activations)
            activations.clear()
            bar.update(stop - start)
            start = stop


def spatial_mean(x: tf.Tensor) -> tf.Tensor:
    """Return each channel's mean over space: (images, ..., channels) -> (images, channels)."""
    if x.shape.rank == 4 and None not in x.shape[1:3]:
        # Twice as fast as a reduction over two axes.
        return tf.nn.avg_pool2d(x, x.shape[1:3], 1, "VALID")[:, 0, 0]
    return tf.reduce_mean(x, axis=list(range(1, x.shape.rank - 1)))


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
        ValueError: as `stream`; or a measure refuses an image's activations, in which
            case the message names the layer and the image.
    """
    titles = getattr(images, "names", None)
    categories = getattr(images, "category", "")
    network = getattr(getattr(model, "source", None), "title", model.name)
    units = {}
    values = defaultdict(list)
    for index, activations in stream(model, images, layers, **options):
        image = range(index.start, index.stop) if titles is None else titles[index]
        for layer, x in activations.items():
            flat = x.reshape(len(x), -1)
            units[layer] = flat.shape[1]
            for name, function in measures.items():
                what = f"{name} of layer {layer!r}"
                values[name, layer].append(_applied(function, flat, what, image))
    parts = [
        pd.DataFrame(
            {
                "network": network,
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
    """Feed every chosen layer's activations to accumulators of its own.

    Args:
        model: see `stream`.
        images: see `stream`.
        layers: see `stream`.
        accumulators: name -> function that makes a new accumulator, called once a layer.
        **options: passed on to `stream`.

    Returns:
        layer -> name -> its accumulator, which has seen all images.
    """
    made = {
        layer: {name: make() for name, make in accumulators.items()}
        for layer in select(model, layers)
    }
    for batch in stream(model, images, list(made), **options):
        for layer, x in batch.activations.items():
            for accumulator in made[layer].values():
                accumulator.update(x)
    return made


def _affordable(model: keras.Model, run: Any) -> int:
    """Return how many images a batch may have if `batch_size` leaves it open."""
    outputs = [output.shape[1:].num_elements() for output in run.structured_outputs]
    taken = [tf.TensorShape(x.shape[1:]).num_elements() for x in model.inputs]
    if None in outputs + taken:
        return UNKNOWN_SIZE_BATCH
    size = np.dtype(np.float32).itemsize
    per_image = size * max(sum(outputs), WORKING_MEMORY * sum(taken))
    return max(1, min(LARGEST_BATCH, BATCH_BYTES // per_image))


def _applied(function: Measure, x: np.ndarray, what: str, images: Sequence) -> np.ndarray:
    try:
        return function(x, axis=1)
    except ValueError:
        for row, image in zip(x, images, strict=True):
            try:
                function(row[None], axis=1)
            except ValueError as error:
                raise ValueError(f"{what}, image {str(image)!r}: {error}") from error
        raise


def _batches(
    model: keras.Model, images: Any, batch_size: int, preprocess: Callable | None
) -> tuple[Iterator[tuple], int]:
    """Return batches, each a tuple of arrays in the order of the model's inputs, and the count."""
    if hasattr(images, "tensors"):
        preprocess = preprocess or getattr(getattr(model, "source", None), "preprocess", None)
        if preprocess is None:
            raise ValueError(
                f"{model.name!r} does not say how its images are preprocessed: pass preprocess="
            )
        if not len(images):
            raise ValueError("the image set is empty")
        tensors = images.tensors(preprocess, batch_size)
        return (_fitting(model, (batch,)) for batch in tensors), len(images)
    if preprocess is not None:
        raise ValueError("preprocess is for image sets: arrays are taken as preprocessed")
    if isinstance(images, Mapping):
        for name in _taps.inputs(model):
            if name not in images:
                raise ValueError(f"no images for input {name!r} of {model.name!r}")
        images = tuple(images[name] for name in _taps.inputs(model))
    arrays = images if isinstance(images, tuple) else (images,)
    arrays = _fitting(model, tuple(np.asarray(array) for array in arrays))
    count = len(arrays[0])
    slices = (slice(start, start + batch_size) for start in range(0, count, batch_size))
    kinds = [x.dtype for x in model.inputs]
    cut = (
        tuple(a[part].astype(kind, copy=False) for a, kind in zip(arrays, kinds, strict=True))
        for part in slices
    )
    return cut, count


def _fitting(model: keras.Model, arrays: tuple) -> tuple:
    """Return the arrays if there is one for each of the model's inputs, of its shape."""
    if (
        len(arrays) == len(model.inputs)
        and all(
            tf.TensorShape(x.shape).is_compatible_with(array.shape)
            for array, x in zip(arrays, model.inputs, strict=True)
        )
        and len({len(array) for array in arrays} | {0}) == 2
    ):
        return arrays
    raise ValueError(
        f"images of shape {[tuple(array.shape) for array in arrays]} do not fit the inputs of "
        f"{model.name!r}, {[tuple(x.shape) for x in model.inputs]}"
    )
