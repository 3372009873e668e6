"""Batches of a model's inputs from image sets and arrays; what does not fit is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike

from helpers.layers._graph import card, input_names

# TensorFlow's words for images that do not make one batch.
_DIFFERENT_SIZES = ("Cannot batch tensors", "Cannot add tensor to the batch")


def batches(
    model: keras.Model, images: Any, batch_size: int, preprocess: Callable | None
) -> tuple[Iterator[tuple[np.ndarray, ...]], int]:
    """Return batches, each a tuple of arrays in the order of the model's inputs, and the count.

    Args:
        model: a functional or sequential model.
        images: see `layers.stream`.
        batch_size: images per batch.
        preprocess: see `layers.stream`.

    Raises:
        ValueError: the images do not fit the model; for what only a batch can show, when
            that batch is asked for.
    """
    if hasattr(images, "tensors"):
        about = card(model)
        preprocess = preprocess or (about.preprocess if about else None)
        if preprocess is None:
            raise ValueError(
                f"{model.name!r} does not say how its images are preprocessed: pass preprocess="
            )
        if not len(images):
            raise ValueError("the image set is empty")
        tensors = ((np.asarray(x),) for x in _tensors(images, preprocess, batch_size))
        return _converted(model, tensors, images.names), len(images)
    if preprocess is not None:
        raise ValueError("preprocess is for image sets: arrays are taken as preprocessed")
    arrays = _arrays(model, images)
    total = len(arrays[0])
    slices = (slice(start, start + batch_size) for start in range(0, total, batch_size))
    parts = (tuple(array[part] for array in arrays) for part in slices)
    return _converted(model, parts, range(total)), total


def count(model: keras.Model, images: Any) -> int:
    """Return how many images there are.

    Raises:
        ValueError: arrays do not fit the model.
    """
    return len(images if hasattr(images, "tensors") else _arrays(model, images)[0])


def numbers(x: ArrayLike, name: str) -> np.ndarray:
    """Return x as an array of real numbers, or raise TypeError or ValueError that names it."""
    if np.ma.is_masked(x):
        raise ValueError(f"{name} masks values: drop or fill them")
    x = np.asarray(x)
    if x.dtype.kind not in "biuf":
        raise TypeError(f"{name} holds {x.dtype}, not real numbers")
    return x


def _tensors(images: Any, preprocess: Callable, batch_size: int) -> Iterator[tf.Tensor]:
    try:
        yield from images.tensors(preprocess, batch_size)
    except tf.errors.InvalidArgumentError as error:
        if not any(words in error.message for words in _DIFFERENT_SIZES):
            raise
        raise ValueError(
            "preprocess returns images of different sizes, which one batch cannot hold: resize "
            "them in preprocess, or pass batch_size=1 if the model takes any size"
        ) from error


def _arrays(model: keras.Model, images: Any) -> tuple[np.ndarray, ...]:
    """Return one array per input of the model, of its shape."""
    names = input_names(model)
    if isinstance(images, Mapping):
        for name in names:
            if name not in images:
                raise ValueError(f"no images for input {name!r} of {model.name!r}")
        images = tuple(images[name] for name in names)
    several = isinstance(images, tuple) or (isinstance(images, list) and len(names) > 1)
    given = images if several else (images,)
    if any(np.ma.is_masked(array) for array in given):
        raise ValueError(f"the images for {model.name!r} mask values: drop or fill them")
    try:
        arrays = tuple(map(np.asarray, given))
    except ValueError as error:
        raise ValueError(
            f"the images for {model.name!r} differ in size, so that they make no array: resize them"
        ) from error
    _check_shapes(model, arrays)
    return arrays


def _converted(
    model: keras.Model, parts: Iterator[tuple[np.ndarray, ...]], names: Sequence
) -> Iterator[tuple[np.ndarray, ...]]:
    """Yield each batch in the dtypes of the model's inputs."""
    dtypes = [tf.as_dtype(x.dtype).as_numpy_dtype for x in model.inputs]
    start = 0
    for arrays in parts:
        _check_shapes(model, arrays)
        images = names[start : start + len(arrays[0])]
        yield tuple(
            _as_dtype(array, dtype, name, images)
            for array, dtype, name in zip(arrays, dtypes, input_names(model), strict=True)
        )
        start += len(arrays[0])


def _as_dtype(array: np.ndarray, dtype: type, name: str, images: Sequence) -> np.ndarray:
    """Convert values for one input, unless that would change what they mean."""
    integers = np.issubdtype(dtype, np.integer) and np.issubdtype(array.dtype, np.integer)
    if not integers and not np.can_cast(array.dtype, dtype, "same_kind"):
        raise ValueError(
            f"input {name!r} takes {np.dtype(dtype)}, and {array.dtype} cannot be converted "
            "without loss: convert the images yourself"
        )
    made = array.astype(dtype, copy=False)
    if integers and not np.array_equal(made, array):
        raise ValueError(
            f"input {name!r} takes {np.dtype(dtype)}, which cannot hold all values of the "
            f"images ({array.min()} to {array.max()})"
        )
    if not np.issubdtype(dtype, np.inexact):
        return made
    good = np.isfinite(made)
    if not good.all():
        image = images[int((~good).reshape(len(made), -1).any(axis=1).argmax())]
        raise ValueError(f"image {str(image)!r} has NaN or infinite values (input {name!r})")
    return made


def _check_shapes(model: keras.Model, arrays: tuple[np.ndarray, ...]) -> None:
    """Refuse arrays unless there is one per input of the model, of its shape."""
    fit = len(arrays) == len(model.inputs) and all(
        tf.TensorShape(x.shape).is_compatible_with(array.shape)
        for array, x in zip(arrays, model.inputs, strict=True)
    )
    if not fit or len({len(array) for array in arrays} | {0}) != 2:
        raise ValueError(
            f"images of shape {[tuple(array.shape) for array in arrays]} do not fit the inputs of "
            f"{model.name!r}, {[tuple(x.shape) for x in model.inputs]}"
        )
