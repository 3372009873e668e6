"""Mean distances of all pairs of points, exactly, in memory that does not grow with the pairs."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import ArrayLike

from helpers import project
from helpers.metrics._compiled import compiled
from helpers.metrics.checks import one_each, real, require_finite


def pair_distances(x: ArrayLike, labels: ArrayLike) -> tuple[float, float, float]:
    """Return the mean Euclidean distance of two points: of one class, of two classes, of any.

    Over all n (n - 1) / 2 pairs, in memory that does not grow with their number. Points in
    the plane take a compiled loop over pairs (distances in float32, sums in float64); more
    dimensions take blocked matrix products in the precision of x. Pairs of one class are
    taken about the class' mean, so that tight classes far apart lose no digits.

    Args:
        x: (n, d) positions.
        labels: (n,) classes.

    Returns:
        Three means; NaN where there is no such pair.

    Raises:
        ValueError: NaN or infinity, or shapes that do not fit.
    """
    x, labels = labelled(x, labels)
    _, classes, counts = np.unique(labels, return_inverse=True, return_counts=True)
    x = x[np.argsort(classes, kind="stable")]
    ends = np.cumsum(counts)
    about_all = _centred(x)
    about_class = np.concatenate([_centred(part) for part in np.split(x, ends[:-1])])
    sums = _planar_sums if x.shape[1] == 2 else _blocked_sums
    same, different = sums(about_class, about_all, ends)
    same_pairs = sum(int(c) * (int(c) - 1) // 2 for c in counts)
    pairs = len(x) * (len(x) - 1) // 2
    return (
        same / same_pairs if same_pairs else np.nan,
        different / (pairs - same_pairs) if pairs > same_pairs else np.nan,
        (same + different) / pairs,
    )


def labelled(
    x: ArrayLike, labels: ArrayLike, name: str = "x", what: str = "labels"
) -> tuple[np.ndarray, np.ndarray]:
    """Return x and labels as arrays that fit, or raise TypeError or ValueError that names one."""
    x = finite_matrix(x, name)
    return x, one_each(labels, len(x), what)


def finite_matrix(x: ArrayLike, name: str = "x") -> np.ndarray:
    """Return x as a matrix of float32 or float64, or raise TypeError or ValueError."""
    x = real(x, name)
    if x.ndim != 2 or len(x) < 2 or not x.size:
        raise ValueError(f"{name} must be a matrix of at least 2 rows, got shape {x.shape}")
    require_finite(x, name)
    return x if x.dtype in (np.float32, np.float64) else x.astype(float)


def _centred(x: np.ndarray) -> np.ndarray:
    return (x - x.mean(axis=0, dtype=float)).astype(x.dtype)


def _planar_sums(
    about_class: np.ndarray, about_all: np.ndarray, ends: np.ndarray
) -> tuple[float, float]:
    """Summed distances of pairs of one class and of two; rows are sorted by class."""
    end = np.repeat(ends, np.diff(ends, prepend=0))
    scales = [np.abs(x).max() or 1.0 for x in (about_class, about_all)]
    within, every = (
        np.ascontiguousarray((x / scale).T, np.float32)
        for x, scale in zip((about_class, about_all), scales, strict=True)
    )
    threads = project.cores()
    with ThreadPoolExecutor(threads) as pool:
        parts = list(
            pool.map(lambda t: _every_nth_row(*within, *every, end, t, threads), range(threads))
        )
    same, different = np.sum(parts, axis=0) * scales
    return float(same), float(different)


@compiled()
def _every_nth_row(a, b, c, d, end, first, step):
    same = different = 0.0
    for i in range(first, a.size, step):
        e = end[i]
        same += _row(a[i + 1 : e], b[i + 1 : e], a[i], b[i])
        different += _row(c[e:], d[e:], c[i], d[i])
    return same, different


@compiled(fastmath=True)
def _row(a, b, a0, b0):
    total = 0.0
    for start in range(0, a.size, 4096):
        u, v = a[start : start + 4096], b[start : start + 4096]
        part = np.float32(0)
        for j in range(u.size):
            du, dv = u[j] - a0, v[j] - b0
            part += np.sqrt(du * du + dv * dv)
        total += part
    return total


def _blocked_sums(
    about_class: np.ndarray, about_all: np.ndarray, ends: np.ndarray, rows: int = 1024
) -> tuple[float, float]:
    """As `_planar_sums`, for any number of dimensions."""
    same = different = 0.0
    for begin, end in zip(np.r_[0, ends[:-1]], ends, strict=True):
        for start in range(begin, end, rows):
            stop = min(start + rows, end)
            own = _distances(about_class[start:stop], about_class[start:end])
            same += np.triu(own, 1).sum(dtype=float)
            others = _distances(about_all[start:stop], about_all[end:])
            different += others.sum(dtype=float)
    return float(same), float(different)


def _distances(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    block = x @ y.T
    block *= -2
    block += np.einsum("ij,ij->i", x, x)[:, None]
    block += np.einsum("ij,ij->i", y, y)
    return np.sqrt(np.maximum(block, 0, out=block), out=block)
