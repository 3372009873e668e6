"""Correlations of a measure with accuracy over categories, layer by layer."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from numpy.typing import ArrayLike

from helpers.metrics import intervals


def with_accuracy(
    table: pd.DataFrame,
    accuracy: Mapping[str, ArrayLike],
    method: str = "pearson",
    seed: int = 0,
) -> pd.DataFrame:
    """Correlate a measure with accuracy over categories, layer by layer.

    Args:
        table: one row per category and layer, with columns network, layer, depth, value
            (and condition, seed where there are any); categories sorted within a layer.
        accuracy: network -> (categories,) in sorted order.
        method: see `intervals.correlation`.
        seed: see `intervals.correlation_test`.

    Returns:
        The same columns but for value, one row per layer, and method, r, low, high, null, p.

    Raises:
        ValueError: the categories of a layer are not sorted.
    """
    keys = [key for key in ("network", "condition", "seed", "layer", "depth") if key in table]
    rows = []
    for key, layer in table.groupby(keys, sort=False):
        if "category" in layer and not layer["category"].is_monotonic_increasing:
            raise ValueError(f"the categories of {key} are not sorted, as those of accuracy are")
        test = intervals.correlation_test(layer["value"], accuracy[key[0]], method, seed=seed)
        rows.append(dict(zip(keys, key, strict=True)) | {"method": method} | test._asdict())
    return pd.DataFrame(rows)
