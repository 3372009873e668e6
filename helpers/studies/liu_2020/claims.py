"""The claims of Liu, Zhen & Liu 2020, each with the rule that judges it for one network."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from helpers.metrics.intervals import Drop, Estimate, RSquared

R2_PUBLISHED, R2_TOLERANCE = 0.52, 0.1

# (claim of data/claims.csv, network) -> (ours, holds) or (ours, None, why), for `report.judge`.
Found = dict[tuple[str, str], tuple]


def about_depth(
    network: str, trend: Estimate, drops: Sequence[Drop], layers: Sequence[str]
) -> Found:
    """Judge that sparseness rises with depth, after an early dip.

    Args:
        network: its title.
        trend: `intervals.depth_trend` with its interval.
        drops: from `intervals.median_drops`.
        layers: the layers' names in depth order.
    """
    tau, low, high = trend
    half = [drop for drop in drops if drop.layer < len(layers) / 2]
    early = [f"{layers[drop.layer]} below {layers[drop.earlier]}" for drop in half]
    return {
        ("rises", network): (f"tau {tau:.3f} ({low:.3f} … {high:.3f})", low > 0),
        ("dip", network): (", ".join(early[:2]) or "none", bool(early)),
    }


def about_accuracy(
    network: str,
    r: pd.DataFrame,
    trend: Estimate,
    r2: RSquared,
    share: np.ndarray,
) -> Found:
    """Judge that sparse categories are recognised better, and more so with depth.

    A missing correlation is left open where at least half of the categories have no errors.

    Args:
        network: its title.
        r: rows of `correlations.with_accuracy` of this network's hidden layers, in depth order.
        trend: `intervals.correlation_trend` with its interval.
        r2: from `intervals.r_squared`.
        share: (categories,) accuracy.
    """
    end, deep = r.iloc[-1], r.iloc[len(r) // 2 :]
    above = int((deep["r"] > deep["null"]).sum())
    judged = {
        "better": (f"r {end.r:.2f} ({end.low:.2f} … {end.high:.2f})", end.low > 0),
        "from-middle": (f"{above} of {len(deep)} layers", above > len(deep) / 2),
        "deeper-more": (
            f"tau {trend.value:.2f} ({trend.low:.2f} … {trend.high:.2f})",
            trend.low > 0,
        ),
        "half": (
            f"R² {r2.in_sample:.2f}, cross-validated {r2.cross_validated:.2f}",
            abs(r2.in_sample - R2_PUBLISHED) <= R2_TOLERANCE,
        ),
    }
    at_ceiling = float(np.mean(share == 1))
    if at_ceiling >= 0.5:
        why = f"{at_ceiling:.0%} of the categories are at 100 %"
        for claim, (ours, holds) in judged.items():
            judged[claim] = (ours, holds) if holds else (ours, None, why)
    return {(claim, network): outcome for claim, outcome in judged.items()}


def about_twins(network: str, summary: pd.DataFrame, null: float) -> Found:
    """Judge that permuted weights, or no rectifiers, destroy rise and correlation.

    Args:
        network: its title.
        summary: from `controls.summary`.
        null: |r| that 95 % of permuted categories stay below.
    """
    summary = summary.sort_index()
    judged = {}
    for prefix, condition in (("permuted", "weights permuted"), ("no-relu", "no ReLU")):
        for suffix, column, bar in (("rise", "tau", 0.0), ("accuracy", "r", null)):
            intact = summary.loc[(network, "intact"), column].item()
            found = summary.loc[(network, condition), column]
            ours = f"{column} {found.mean():.2f} ({found.min():.2f} … {found.max():.2f})"
            ours += f"; intact {intact:.2f}, bar {bar:.2f}"
            outcome = (ours, found.mean() <= bar)
            if intact <= bar:
                outcome = (ours, None, "the intact network has none to lose")
            judged[f"{prefix}-{suffix}", network] = outcome
    return judged
