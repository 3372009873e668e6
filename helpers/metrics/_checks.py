"""What measures ask of their arrays, and the errors that say what is wrong with them."""

from __future__ import annotations

import operator

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray


def unmasked(x: ArrayLike, name: str, dtype: DTypeLike = None) -> np.ndarray:
    """Return x as an array, or raise ValueError where it masks values, which arrays would show."""
    if np.ma.is_masked(x):
        raise ValueError(f"{name} masks values: drop them (x.compressed()) or fill them (x.filled)")
    return np.asarray(x, dtype)


def finite(x: ArrayLike, name: str, shape: tuple[str, ...], least: int = 1) -> NDArray[np.float64]:
    """Return x in float64, or raise ValueError.

    Args:
        x: real numbers.
        name: what x is, for errors.
        shape: the names of its axes.
        least: the smallest length of the first axis.
    """
    x = unmasked(x, name, float)
    axes = ", ".join(shape)
    if x.ndim != len(shape):
        raise ValueError(f"{name} must be an array ({axes}), got shape {x.shape}")
    if len(x) < least or not x.size:
        raise ValueError(f"{name} ({axes}) needs at least {least} {shape[0]}, got shape {x.shape}")
    if not np.isfinite(x).all():
        kind = "NaN" if np.isnan(x).any() else "infinity"
        raise ValueError(f"{name} holds {kind}: drop or explain those values first")
    return x


def square_matrices(x: ArrayLike, name: str, dimensions: int | None = 3) -> NDArray[np.float64]:
    """Return (..., images, images) in float64, of so many dimensions, or raise ValueError."""
    x = unmasked(x, name, float)
    wanted = "(images, images)" if dimensions == 2 else "(layers, images, images)"
    if x.ndim < 2 or x.ndim != (dimensions or x.ndim) or x.shape[-1] != x.shape[-2]:
        raise ValueError(f"{name} must be square matrices {wanted}, got shape {x.shape}")
    return x


def one_each(labels: ArrayLike, count: int, what: str = "labels") -> np.ndarray:
    """Return labels as an array, or raise ValueError if they are not one for each of count rows."""
    labels = unmasked(labels, what)
    if labels.shape != (count,):
        raise ValueError(f"{what} have shape {labels.shape}: give one for each of {count} rows")
    return labels


def at_least(value: int, least: int, name: str) -> int:
    """Return a whole number, or raise ValueError if it is below the least one."""
    try:
        value = operator.index(value)
    except TypeError:
        raise ValueError(f"{name}={value!r}: choose a whole number") from None
    if value < least:
        raise ValueError(f"{name}={value}: choose at least {least}")
    return value
