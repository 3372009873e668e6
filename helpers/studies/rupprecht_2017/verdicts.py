"""From results to verdicts: what `report.judge` wants of each claim, ours and whether it holds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from helpers.metrics import checks, intervals
from helpers.studies.rupprecht_2017.passes import Curves

SURE = 0.975  # of bootstrap samples

Holds = bool | str


def graded(parts: Iterable, at_least: float = 1) -> Holds:
    """Return True if all parts hold, "mixed" if at least so many do, else False."""
    parts = [bool(part) for part in parts]
    return True if all(parts) else "mixed" if sum(parts) >= at_least else False


def sparser_with_depth(active: ArrayLike, parts: dict[str, ArrayLike], seed: int = 0) -> tuple:
    """Judge by Kendall's tau of depth and active share, over several sets of layers.

    Args:
        active: (images, layers).
        parts: name -> which layers (layers,).
        seed: of the bootstrap over images.
    """
    active = checks.finite(active, "active", ("images", "layers"))
    found = {
        name: intervals.estimate(intervals.mean_trend, active[:, at], seed=seed)
        for name, at in parts.items()
    }
    text = (f"{name}: tau {x.value:.2f} ({x.low:.2f} … {x.high:.2f})" for name, x in found.items())
    return "; ".join(text), graded(x.high < 0 for x in found.values())


def share_below(names: Sequence[str], draws: ArrayLike, layer: str, other: str) -> float:
    """Return the share of bootstrap samples (samples, layers) in which a layer is the lower one.

    Raises:
        TypeError: draws are no real numbers.
        ValueError: another shape, NaN or infinity.
    """
    draws = checks.finite(draws, "draws", ("samples", "layers"))
    return float((draws[:, names.index(layer)] < draws[:, names.index(other)]).mean())


def bottleneck(
    names: Sequence[str],
    draws: ArrayLike,
    neck: Sequence[str] = ("mixed7", "mixed8", "mixed9"),
    others: Sequence[str] = tuple(f"mixed{i}" for i in range(7)),
) -> tuple:
    """Judge whether some layers are each sparser than all of the others.

    Args:
        names: the layers, in depth order.
        draws: (resamples, layers) active shares.
        neck: the layers that are said to be sparser.
        others: those that they are compared with.
    """
    lowest = [min(share_below(names, draws, layer, other) for other in others) for layer in neck]
    shares = zip(neck, np.median(draws, axis=0)[[names.index(x) for x in neck]], strict=True)
    text = ", ".join(f"{layer} {100 * share:.0f} %" for layer, share in shares)
    return text, graded(x >= SURE for x in lowest)


def goes_together(table: pd.DataFrame) -> tuple:
    """Judge whether both the steps and the levels given depth correlate below 0, over layers.

    Args:
        table: from `together_by_part`, with a part "all layers".

    Returns:
        True if both intervals over layers lie below 0, "mixed" if one of them does, False if
        none does and one lies above 0; None, with the reason, if the layers do not decide.
    """
    rows = table[(table["part"] == "all layers") & (table["correlation"] != "levels")]
    text = (
        f"{row.correlation.replace('_', ' ')}: ρ {row.rho:.2f} ({row.low:.2f} … {row.high:.2f})"
        for row in rows.itertuples()
    )
    text, below = "; ".join(text), rows["high"] < 0
    if not below.any() and not (rows["low"] > 0).any():
        return text, None, f"{rows['layers'].iloc[0]} layers are too few: no interval leaves out 0"
    return text, graded(below)


def sparser_but_closer(
    names: Sequence[str], sizes: Mapping[str, Curves], before: str, layer: str
) -> tuple:
    """Judge whether a layer is sparser than its predecessor, but less decorrelated, at all sizes.

    Args:
        names: the layers, in depth order.
        sizes: size of the pictures -> their curves.
        before: the predecessor.
        layer: the layer.
    """
    found = {
        size: [share_below(names, draws, layer, before) for draws in (each.active, each.apart)]
        for size, each in sizes.items()
    }
    text = (f"{size}: sparser {a:.0%}, closer {b:.0%}" for size, (a, b) in found.items())
    met = np.array(list(found.values())) >= SURE  # sizes x (sparser, closer)
    mixed = met.all(axis=1).any() or met.all(axis=0).any()
    return "; ".join(text), True if met.all() else "mixed" if mixed else False
