"""Arrays as figures take them."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def drawable(
    x: ArrayLike, name: str, dimensions: int | None = None, finite: bool = False
) -> NDArray[np.float64]:
    """Return x in float64, with NaN for what is masked, or raise.

    Args:
        x: real numbers.
        name: what x is, for errors.
        dimensions: how many x must have; None for any number but 0.
        finite: whether NaN (masked values, too) and infinity are refused.

    Raises:
        TypeError: x does not hold real numbers.
        ValueError: x is empty or has another number of dimensions, or is not finite.
    """
    mask = np.ma.getmaskarray(x) if np.ma.is_masked(x) else False
    x = np.asarray(x)
    if x.dtype.kind not in "biuf":
        raise TypeError(f"{name} holds {x.dtype}, not real numbers")
    if not x.size or x.ndim != (dimensions or max(1, x.ndim)):
        wanted = f"{dimensions} axes" if dimensions else "at least one axis"
        raise ValueError(f"{name} must have values along {wanted}, got shape {x.shape}")
    x = np.where(mask, np.nan, x.astype(float))
    if finite and not np.isfinite(x).all():
        raise ValueError(f"{name} holds masked values, NaN or infinity")
    return x


def class_indices(labels: ArrayLike, count: int, classes: int) -> NDArray[np.intp]:
    """Return labels as whole numbers below the number of classes, one for each of count points.

    Raises:
        TypeError: labels are no real numbers.
        ValueError: another shape, or a label that is no class.
    """
    labels = drawable(labels, "labels", 1, finite=True)
    if len(labels) != count or not np.isin(labels, np.arange(classes)).all():
        raise ValueError(f"labels must be {count} indices of {classes} classes, 0 to {classes - 1}")
    return labels.astype(np.intp)
