"""What measures ask of their arrays, and the errors that say what is wrong with them."""

from __future__ import annotations

import operator

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "at_least",
    "classes",
    "finite",
    "flags",
    "flat",
    "one_each",
    "real",
    "require_finite",
    "square_matrices",
    "unmasked",
]


def unmasked(x: ArrayLike, name: str) -> np.ndarray:
    """Return x as an array, or raise ValueError.

    Masked values are refused, for an array would show them, and so are lists whose parts differ
    in shape.
    """
    parts = x if isinstance(x, list | tuple) else [x]
    if any(isinstance(part, np.ma.MaskedArray) and np.ma.is_masked(part) for part in parts):
        raise ValueError(f"{name} masks values: drop them (x.compressed()) or fill them (x.filled)")
    try:
        return np.asarray(x)
    except ValueError as error:
        raise ValueError(f"{name} is no array: {error}") from error


def real(x: ArrayLike, name: str) -> np.ndarray:
    """Return x as an array of booleans, integers or floats, or raise.

    Raises:
        TypeError: x holds something else: text is not parsed, and no imaginary part is dropped.
        ValueError: as `unmasked`.
    """
    x = unmasked(x, name)
    if x.dtype.kind not in "biuf":
        raise TypeError(f"{name} holds {x.dtype}, not real numbers")
    return x


def flat(x: ArrayLike, name: str) -> np.ndarray:
    """Return activations (images, ...) as (images, units), or raise.

    Raises:
        TypeError: as `real`.
        ValueError: as `unmasked`; x is empty or has one axis.
    """
    x = real(x, name)
    if x.ndim < 2 or not x.size:
        raise ValueError(f"{name} must be (images, ...), got shape {x.shape}")
    return x.reshape(len(x), -1)


def finite(
    x: ArrayLike,
    name: str,
    shape: tuple[str, ...] | None = None,
    least: int = 1,
    missing: bool = False,
) -> NDArray[np.float64]:
    """Return x in float64, or raise.

    Args:
        x: real numbers.
        name: what x is, for errors.
        shape: the names of its axes; None for one axis or more.
        least: the smallest length of the first axis.
        missing: whether NaN may stand where there is no value.

    Raises:
        TypeError: as `real`.
        ValueError: as `unmasked`; x is empty, has another shape, or holds infinity or, unless
            `missing`, NaN.
    """
    x = real(x, name).astype(float, copy=False)
    axes = ", ".join(shape or ("...",))
    if x.ndim != len(shape) if shape else not x.ndim:
        raise ValueError(f"{name} must be an array ({axes}), got shape {x.shape}")
    if len(x) < least or not x.size:
        first = shape[0] if shape else "values"
        raise ValueError(f"{name} ({axes}) needs at least {least} {first}, got shape {x.shape}")
    require_finite(x[~np.isnan(x)] if missing else x, name)
    return x


def require_finite(x: np.ndarray, name: str) -> None:
    """Raise ValueError if x holds NaN or infinity."""
    if not np.isfinite(x).all():
        kind = "NaN" if np.isnan(x).any() else "infinity"
        raise ValueError(f"{name} holds {kind}: drop or explain those values first")


def square_matrices(
    x: ArrayLike, name: str, dimensions: int | None = 3, missing: bool = True
) -> NDArray[np.float64]:
    """Return (..., images, images) in float64, or raise.

    Args:
        x: one or more matrices of 2 images or more.
        name: what x is, for errors.
        dimensions: how many x has; None for any number.
        missing: whether NaN may stand where there is no value.

    Raises:
        TypeError: as `real`.
        ValueError: as `unmasked`; x has another shape, or holds infinity or, unless `missing`, NaN.
    """
    x = real(x, name).astype(float, copy=False)
    wanted = "(images, images)" if dimensions == 2 else "(layers, images, images)"
    if x.ndim < 2 or x.ndim != (dimensions or x.ndim) or x.shape[-1] != x.shape[-2]:
        raise ValueError(f"{name} must be square matrices {wanted}, got shape {x.shape}")
    if x.shape[-1] < 2 or not x.size:
        raise ValueError(f"{name} needs a matrix of at least 2 images, got shape {x.shape}")
    require_finite(x[~np.isnan(x)] if missing else x, name)
    return x


def classes(labels: ArrayLike, name: str = "labels") -> np.ndarray:
    """Return labels as an array of text or numbers, which sort, or raise.

    Raises:
        TypeError: labels mix kinds, as text and None or NaN where there is none.
        ValueError: as `unmasked`; a label is NaN, which is no class, not even its own.
    """
    labels = unmasked(labels, name)
    if labels.dtype == object:
        kinds = {"str" if isinstance(x, str) else type(x).__name__ for x in labels.ravel()}
        if len(kinds) > 1:
            raise TypeError(
                f"{name} mix {' and '.join(sorted(kinds))}: give one kind, none missing"
            )
        labels = np.array(labels.tolist()).reshape(labels.shape)
    if labels.dtype.kind not in "biufcUS":
        raise TypeError(f"{name} hold {labels.dtype}: give text or numbers")
    if labels.dtype.kind in "fc" and np.isnan(labels).any():
        raise ValueError(f"{name} hold NaN: drop those rows, or give them a class")
    return labels


def one_each(labels: ArrayLike, count: int, what: str = "labels") -> np.ndarray:
    """Return labels as `classes`, one for each of count rows, or raise TypeError or ValueError."""
    labels = classes(labels, what)
    if labels.shape != (count,):
        raise ValueError(f"{what} have shape {labels.shape}: give one for each of {count} rows")
    return labels


def flags(x: ArrayLike, count: int, name: str) -> NDArray[np.bool_]:
    """Return booleans, one for each of count rows, or raise TypeError or ValueError."""
    x = one_each(real(x, name), count, name)
    if not np.isin(x, (0, 1)).all():
        raise ValueError(f"{name} must be booleans, or 0 and 1")
    return x.astype(bool)


def at_least(value: int, least: int, name: str) -> int:
    """Return a whole number, or raise ValueError if it is below the least one."""
    try:
        value = operator.index(value)
    except TypeError:
        raise ValueError(f"{name}={value!r}: choose a whole number") from None
    if value < least:
        raise ValueError(f"{name}={value}: choose at least {least}")
    return value
