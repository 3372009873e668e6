"""How deep PSI dips before it rises, and which steps of a network lower it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from helpers.layers import Responses
from helpers.metrics import checks, intervals
from helpers.studies.liu_2020 import tables


def dip(values: ArrayLike) -> float:
    """Return the mean of the other layers of the first half less that of the first layer.

    Args:
        values: (categories, layers) in depth order, at least 4 layers.

    Raises:
        TypeError: no real numbers.
        ValueError: fewer than 4 layers, whose first half has no other; NaN or infinity.
    """
    values = _layers(values)
    return float(_early(values).mean() - values[:, 0].mean())


def recovery(values: ArrayLike) -> float:
    """Return the mean of the last layer less that of the first half without the first layer."""
    values = _layers(values)
    return float(values[:, -1].mean() - _early(values).mean())


def difference(values: ArrayLike, others: ArrayLike) -> float:
    """Return the `dip` of some values less that of others."""
    return dip(values) - dip(_layers(others, "others"))


def relative_dip(values: ArrayLike) -> float:
    """Return `dip` as a share of the first layer's mean, to compare measures by."""
    values = _layers(values)
    return dip(values) / float(values[:, 0].mean())


def share_gone(values: ArrayLike, whole: ArrayLike) -> float:
    """Return which share of the `relative_dip` of one measure (`whole`) another lacks.

    1 where the other measure has no dip, more where it rises instead, 0 where its dip is as deep.
    """
    return 1 - relative_dip(values) / relative_dip(whole)


def by_measure(table: pd.DataFrame, measures: Sequence[str], seed: int = 0) -> pd.DataFrame:
    """Return the relative dip of a network in several measures.

    Args:
        table: rows of `tables.psi` of one network.
        measures: which of its measures; the first is what the others are compared with.
        seed: of the bootstrap over categories.

    Returns:
        Indexed by measure: value, low, high, and of the others' `share_gone` gone, gone_low,
        gone_high.
    """
    values = {m: tables.matrix(table[table["measure"] == m]) for m in measures}
    whole = values[measures[0]]
    rows = {}
    for measure, own in values.items():
        gone = (np.nan,) * 3
        if measure != measures[0]:
            gone = intervals.estimate(share_gone, own, whole, seed=seed)
        rows[measure] = [*intervals.estimate(relative_dip, own, seed=seed), *gone]
    names = ["value", "low", "high", "gone", "gone_low", "gone_high"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=names).rename_axis("measure")


def relative(table: pd.DataFrame, measures: Sequence[str], seed: int = 0) -> pd.DataFrame:
    """Return each layer's mean less the first layer's, as a share of it, for several measures.

    Args:
        table: rows of `tables.psi`, one network or several.
        measures: which of its measures.
        seed: of the bootstrap over categories.

    Returns:
        Columns network, measure, layer, depth, value, low, high.
    """
    rows = []
    chosen = table[table["measure"].isin(measures)]
    if chosen.empty:
        raise ValueError(f"no value of {', '.join(measures)} in the table")
    for (network, measure), part in chosen.groupby(["network", "measure"], sort=False):
        values = tables.matrix(part)
        names = part.drop_duplicates("layer").sort_values("depth")["layer"]
        for depth, layer in enumerate(names):
            found = intervals.estimate(_from_first, values[:, [0, depth]], repeats=500, seed=seed)
            about = {"network": network, "measure": measure, "layer": layer, "depth": depth}
            rows.append(about | found._asdict())
    return pd.DataFrame(rows)


def along_path(
    responses: Responses, path: Sequence[str], channels: int = 16, seed: int = 0
) -> pd.DataFrame:
    """Return the PSI of equally many channels of every layer on a path through the network.

    Args:
        responses: that hold the path's layers.
        path: layers, each the input of the next or of its module.
        channels: drawn from each layer, see `tables.psi_of_drawn`.
        seed: of the draws.

    Returns:
        Columns layer, depth, category, value.
    """
    parts = []
    for depth, layer in enumerate(path):
        values = tables.psi_of_drawn(responses.means["all"][layer], channels, 200, seed)
        about = {"layer": layer, "depth": depth, "category": responses.categories}
        parts.append(pd.DataFrame(about | {"value": values}))
    return pd.concat(parts, ignore_index=True)


def steps(walk: pd.DataFrame, kinds: Sequence[str]) -> pd.DataFrame:
    """Sum a path's steps by their kind, beside the whole change.

    Args:
        walk: from `along_path`.
        kinds: of the steps, one fewer than layers.

    Returns:
        Indexed by kind and by "whole change": value, low, high (mean over categories), and the same
        of the sum less half of the whole change (less_half, less_half_low, less_half_high).
    """
    change = np.diff(tables.matrix(walk), axis=1)
    kinds = np.asarray(kinds)
    rows = {}
    for kind in [*dict.fromkeys(kinds), "whole change"]:
        own = change[:, (kinds == kind) | (kind == "whole change")].sum(axis=1)
        mean = intervals.mean_estimate(own)
        less = intervals.mean_estimate(own - change.sum(axis=1) / 2)
        rows[kind] = [*mean, *less]
    names = ["value", "low", "high", "less_half", "less_half_low", "less_half_high"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=names).rename_axis("step")


def _layers(values: ArrayLike, name: str = "values") -> NDArray[np.float64]:
    return checks.finite(values, name, ("categories", "layers"))


def _early(values: NDArray[np.float64]) -> NDArray[np.float64]:
    half = values.shape[1] // 2
    if half < 2:
        raise ValueError(f"a dip needs at least 4 layers, got {values.shape[1]}")
    return values[:, 1:half]


def _from_first(pair: np.ndarray) -> float:
    first, own = pair.mean(axis=0)
    return own / first - 1
