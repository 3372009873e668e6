"""One pass of a model over images, batch by batch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf
from tqdm.auto import tqdm

from helpers.layers import _inputs
from helpers.layers._graph import select
from helpers.layers._memory import reuse_freed_memory
from helpers.layers._taps import tap

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
        activations: layer name -> float32 array (images, *layer shape), in depth order.
    """

    index: slice
    activations: dict[str, np.ndarray]


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

    A batch belongs to the caller: `stream` keeps nothing of it. In a plain `for` loop its
    arrays live until the next batch has been computed, so that memory holds two batches,
    whatever the number of images; with `batch.activations.clear()` at the end of the
    loop's body it holds one.

    On Linux the first pass sets two options of the C library's memory allocator (glibc's
    mallopt) for the whole process, so that the memory of a batch is reused by the next.

    Args:
        model: a functional or sequential Keras model.
        images: a `data.ImageSet`; or an array (images, *input shape) that is preprocessed
            already; or, for a model with several inputs, a tuple or list of such arrays
            in the order of the inputs or a dict by input name. Numbers are converted to
            the input's dtype where that loses nothing but float precision.
        layers: names or patterns as in `select`; None for all layers.
        batch_size: images per batch; None for as many (at most 32) as keep the chosen
            activations of a batch, and what the network itself needs, within 256 MB each.
        preprocess: for an image set: image tensor (h, w, c) -> input tensor; by default
            the model's own, `model.card.preprocess`.
        reduce: TensorFlow operations applied to every layer's output within the network,
            such as `spatial_mean`: a small result is handed over at little cost.
        progress: whether to show a progress bar.

    Yields:
        One `Batch` after the other, the images in order.

    Raises:
        TypeError: `model` is not a Keras model.
        ValueError: unknown or ambiguous layers; images that do not fit the model, differ
            in size within a batch, or hold NaN or infinite values.
    """
    names = select(model, layers)
    if not names:
        raise ValueError(f"no layers of {model.name!r} chosen")
    if batch_size is not None and batch_size < 1:
        raise ValueError(f"batch_size={batch_size!r}: choose at least 1")
    run = tap(model, names, reduce)
    batches, count = _inputs.batches(
        model, images, batch_size or _affordable(model, run), preprocess
    )
    reuse_freed_memory()
    start = 0
    with tqdm(total=count, desc=model.name, unit="image", disable=not progress, leave=False) as bar:
        for arrays in batches:
            stop = start + len(arrays[0])
            # Without a name here, so that the caller holds the only reference.
            yield Batch(
                slice(start, stop), dict(zip(names, map(np.asarray, run(*arrays)), strict=True))
            )
            bar.update(stop - start)
            start = stop


def default_batch_size(
    model: keras.Model, layers: Sequence[str], reduce: Callable | None = None
) -> int:
    """Return how many images a batch of `stream` has if `batch_size` leaves it open."""
    return _affordable(model, tap(model, layers, reduce))


def spatial_mean(x: tf.Tensor) -> tf.Tensor:
    """Return each channel's mean over space: (images, ..., channels) -> (images, channels)."""
    if x.shape.rank == 4 and None not in x.shape[1:3]:
        # Twice as fast as a reduction over two axes.
        return tf.nn.avg_pool2d(x, x.shape[1:3], 1, "VALID")[:, 0, 0]
    return tf.reduce_mean(x, axis=list(range(1, x.shape.rank - 1)))


def _affordable(model: keras.Model, run: Any) -> int:
    """Return how many images a batch may have if `batch_size` leaves it open."""
    outputs = [output.shape[1:].num_elements() for output in run.structured_outputs]
    inputs = [tf.TensorShape(x.shape[1:]).num_elements() for x in model.inputs]
    if None in outputs + inputs:
        return UNKNOWN_SIZE_BATCH
    size = np.dtype(np.float32).itemsize
    per_image = size * max(sum(outputs), WORKING_MEMORY * sum(inputs))
    return max(1, min(LARGEST_BATCH, BATCH_BYTES // per_image))
