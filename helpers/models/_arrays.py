"""What networks ask of the arrays that they are given."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike


def finite(x: ArrayLike, name: str) -> np.ndarray:
    """Return x as an array of finite real numbers, in its own dtype.

    Raises:
        TypeError: x holds something else than real numbers.
        ValueError: x is empty, masked, ragged, NaN or infinite.
    """
    masked = np.ma.is_masked(x)
    try:
        x = np.asarray(x)
    except ValueError as error:
        raise ValueError(f"{name}: no array ({error})") from error
    if x.dtype.kind not in "biuf":
        raise TypeError(f"{name}: {x.dtype}, not real numbers")
    if masked or not np.isfinite(x).all():
        raise ValueError(f"{name}: masked values, NaN or infinity")
    if not x.size or not x.ndim:
        raise ValueError(f"{name}: needs values along an axis, got shape {x.shape}")
    return x
