"""When layers settle, and whether what the steps measure was there before learning."""

from __future__ import annotations

import numpy as np
import pandas as pd

from helpers.metrics import checks, intervals


def settling(similarity: np.ndarray, steps: np.ndarray, level: float) -> float:
    """Return the first step from which on a similarity stays at a level or above.

    Args:
        similarity: (steps,) of a layer with its final state; NaN is below any level.
        steps: (steps,) ascending.
        level: to be reached.

    Returns:
        A step; NaN where the last similarity is below the level.

    Raises:
        TypeError: no real numbers.
        ValueError: another shape, infinity, or steps that do not rise.
    """
    similarity = checks.finite(similarity, "similarity", ("steps",), missing=True)
    steps = checks.one_each(checks.finite(steps, "steps", ("steps",)), len(similarity), "steps")
    if (np.diff(steps) <= 0).any():
        raise ValueError(f"steps must rise, got {steps.tolist()}")
    below = np.flatnonzero(~(similarity >= level))
    first = below[-1] + 1 if below.size else 0
    return float(steps[first]) if first < len(steps) else np.nan


def own_way(similarity: np.ndarray) -> np.ndarray:
    """Return which share of its way a layer has gone: 0 at the first step, 1 at the end.

    A layer that random weights already make similar to its final state has a short way.

    Args:
        similarity: (steps,) of a layer with its final state, 1 at the end.

    Returns:
        (steps,); NaN where the similarity is, or everywhere if the first one is 1 or NaN.
    """
    similarity = checks.finite(similarity, "similarity", ("steps",), missing=True)
    way = 1 - similarity[0]
    return (similarity - similarity[0]) / (way or np.nan)


def settling_steps(table: pd.DataFrame, measure: str, level: float, own: bool) -> pd.DataFrame:
    """Tabulate at which step each layer settles, a row per dataset, network, seed and layer.

    Args:
        table: of `training.record`, one or several together.
        measure: "CKA with the end" or "SVCCA with the end".
        level: see `settling`.
        own: whether the level is one of each layer's own way.

    Returns:
        Columns dataset, network, seed, layer, depth, settled; without the input, which is the
        same at every step.
    """
    chosen = table[(table["measure"] == measure) & (table["layer"] != "input")]
    keys = ["dataset", "network", "seed", "layer", "depth"]
    rows = []
    for key, curve in chosen.groupby(keys, sort=False):
        curve = curve.sort_values("step")
        values = own_way(curve["value"]) if own else curve["value"].to_numpy()
        rows.append((*key, settling(values, curve["step"].to_numpy(), level)))
    return pd.DataFrame(rows, columns=[*keys, "settled"])


def order_of_settling(settled: pd.DataFrame) -> pd.DataFrame:
    """Return Kendall's tau of depth and settling step for every seed: 1 from the bottom up.

    Args:
        settled: of `settling_steps`.

    Returns:
        Columns dataset, network, seed, tau; 0 where all layers settle at one step.
    """
    rows = []
    for key, layers in settled.groupby(["dataset", "network", "seed"], sort=False):
        steps = layers.sort_values("depth")["settled"].to_numpy()
        rows.append((*key, np.nan_to_num(intervals.depth_trend(steps[None]))))
    return pd.DataFrame(rows, columns=["dataset", "network", "seed", "tau"])


def trends(values: pd.DataFrame, step: int) -> pd.Series:
    """Return, at a step, Kendall's tau of depth and all values of the layers, one per seed.

    Args:
        values: columns seed, step, layer, depth, value, and, if there are several values per
            layer, category.
        step: which one.
    """
    chosen = values[values["step"] == step]
    index = "category" if "category" in chosen else "step"

    def trend(rows: pd.DataFrame) -> float:
        return intervals.depth_trend(rows.pivot(index=index, columns="depth", values="value"))

    return pd.Series({seed: trend(rows) for seed, rows in chosen.groupby("seed")})


def dips(psi: pd.DataFrame, step: int) -> pd.DataFrame:
    """Return, at a step, how far PSI dips and rises again over hidden layers, a row per seed.

    Args:
        psi: columns seed, step, depth, value: one value per hidden layer.
        step: which one.

    Returns:
        Columns dip (mean of the other layers of the first half less the first layer) and rise
        (the last layer less that mean).

    Raises:
        ValueError: fewer than four layers, whose first half holds no other layer; a value of a
            seed is missing or infinite.
    """
    wide = psi[psi["step"] == step].pivot(index="seed", columns="depth", values="value")
    wide[:] = checks.finite(wide, "value", ("seeds", "layers"))
    if wide.shape[1] < 4:
        raise ValueError(f"a dip needs at least four hidden layers, got {wide.shape[1]}")
    early = wide.iloc[:, 1 : wide.shape[1] // 2].mean(axis=1)
    return pd.DataFrame({"dip": early - wide.iloc[:, 0], "rise": wide.iloc[:, -1] - early})


def first_lasting(by_step: dict[int, np.ndarray], sign: int) -> int | None:
    """Return the first step from which on an effect is there: its t interval on one side of 0.

    Args:
        by_step: step -> one value per seed.
        sign: 1 for above 0, -1 for below.

    Returns:
        The step; None if the effect is not there at the last one.
    """
    since = None
    for step in sorted(by_step, reverse=True):
        values = checks.finite(by_step[step], f"by_step[{step}]", ("seeds",))
        if intervals.mean_estimate(sign * values).low <= 0:
            break
        since = step
    return since
