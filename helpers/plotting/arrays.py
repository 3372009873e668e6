"""Arrays and tables as figures take them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from helpers.metrics import checks


def drawable(
    x: ArrayLike,
    name: str,
    dimensions: int | None = None,
    finite: bool = False,
    infinite: bool = False,
) -> NDArray[np.float64]:
    """Return x in float64, with NaN for what is not known or masked, or raise.

    Args:
        x: real numbers.
        name: what x is, for errors.
        dimensions: how many x must have; None for any number but 0.
        finite: whether NaN (masked values, too) is refused.
        infinite: whether infinity is taken, which has no place on an axis.

    Raises:
        TypeError: x does not hold real numbers.
        ValueError: x is empty or has another number of dimensions, holds what is refused, or is
            a list of which a part is masked.
    """
    mask = np.ma.getmaskarray(x) if np.ma.is_masked(x) else False
    x = checks.real(x if mask is False else np.ma.getdata(x), name)
    if not x.size or x.ndim != (dimensions or max(1, x.ndim)):
        wanted = f"{dimensions} axes" if dimensions else "at least one axis"
        raise ValueError(f"{name} must have values along {wanted}, got shape {x.shape}")
    x = np.where(mask, np.nan, x.astype(float))
    if finite and np.isnan(x).any():
        raise ValueError(f"{name} holds NaN or masked values")
    if not infinite and np.isinf(x).any():
        raise ValueError(f"{name} holds infinity, which cannot be drawn: leave it out, or put NaN")
    return x


def tabled(
    table: pd.DataFrame,
    places: Iterable[str] = (),
    values: Iterable[str] = (),
    others: Iterable[str | None] = (),
    optional: Iterable[str] = (),
    name: str = "the table",
) -> pd.DataFrame:
    """Return a table with its numbers in float64, or raise.

    Args:
        table: what is drawn.
        places: columns that say where, such as the depth: finite numbers.
        values: columns of numbers, NaN where there is none.
        others: further columns that must be there; None stands for no column.
        optional: columns as `values`, if they are there.
        name: what the table is, for errors.

    Raises:
        TypeError: a column of numbers holds something else.
        ValueError: a column is missing, a number is infinite, a place is NaN, or there are no rows.
    """
    places, values = list(places), list(values)
    needed = {*places, *values, *(column for column in others if column)}
    if missing := needed - set(table):
        raise ValueError(f"{name} has no column {', '.join(sorted(missing))}")
    if not len(table):
        raise ValueError(f"{name} has no rows: nothing to draw")
    columns = [*places, *values, *(column for column in optional if column in table)]
    numbers = {c: _without_objects(table[c]) for c in columns}
    return table.assign(
        **{c: drawable(x, f"column {c} of {name}", 1, c in places) for c, x in numbers.items()}
    )


def _without_objects(column: pd.Series) -> pd.Series:
    """Return numbers and None, which pandas keeps as objects, as numbers and NaN."""
    if column.dtype == object:
        column = column.infer_objects()
        return column.astype(float) if column.isna().all() else column
    return column


def indices_of(x: ArrayLike, count: int, name: str) -> NDArray[np.intp]:
    """Return x as whole numbers from 0 to count - 1.

    Raises:
        TypeError: x holds no real numbers.
        ValueError: x is empty, has several axes, or an index is out of range.
    """
    x = drawable(x, name, 1, finite=True)
    if not np.isin(x, np.arange(count)).all():
        raise ValueError(f"{name} must be whole numbers from 0 to {count - 1}")
    return x.astype(np.intp)


def class_indices(labels: ArrayLike, count: int, classes: int) -> NDArray[np.intp]:
    """Return labels as whole numbers below the number of classes, one for each of count points.

    Raises:
        TypeError: labels are no real numbers.
        ValueError: another shape, or a label that is no class.
    """
    labels = indices_of(labels, classes, "labels")
    if len(labels) != count:
        raise ValueError(f"{len(labels)} labels for {count} points: give one for each")
    return labels
