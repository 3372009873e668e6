"""The claims of Liu, Zhen & Liu 2020, each with the rule that judges it for one network."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from helpers import report

R2_PUBLISHED, R2_TOLERANCE = 0.52, 0.1


def about_depth(
    network: str, trend: Sequence[float], dips: Sequence[tuple[int, int]], layers: Sequence[str]
) -> list[dict[str, str]]:
    """Judge that sparseness rises with depth, after an early dip.

    Args:
        network: its title.
        trend: from `correlation.depth_trend`.
        dips: from `correlation.dips`.
        layers: the layers' names in depth order.
    """
    tau, low, high = trend[:3]
    early = [(layers[k], layers[i]) for k, i in dips if k < len(layers) / 2]
    found = ", ".join(f"{k} below {i}" for k, i in early[:2]) or "none"
    return [
        report.claim(
            f"{network}: PSI rises with depth",
            "tau 0.398",
            f"tau {tau:.3f} ({low:.3f} … {high:.3f})",
            low > 0,
            "95 % interval of Kendall's tau above 0",
        ),
        report.claim(
            f"{network}: an early dip before the rise",
            "conv2 below conv1",
            found,
            bool(early),
            "in the first half of the layers a median below the interval of an earlier one's",
        ),
    ]


def about_accuracy(
    network: str,
    r: pd.DataFrame,
    climb: Sequence[float],
    r2: Sequence[float],
    share: np.ndarray,
) -> list[dict[str, str]]:
    """Judge that sparse categories are recognised better, and more so with depth.

    Args:
        network: its title.
        r: rows of `correlation.with_accuracy` of this network's hidden layers, in depth order.
        climb: from `correlation.rise`.
        r2: from `correlation.explained`.
        share: (categories,) accuracy.
    """
    end, deep = r.iloc[-1], r.iloc[len(r) // 2 :]
    above = int((deep["r"] > deep["null"]).sum())
    judged = [
        (
            "sparse categories are recognised better (last hidden layer)",
            "r 0.72",
            f"r {end.r:.2f} ({end.low:.2f} … {end.high:.2f})",
            end.low > 0,
            "95 % interval of r above 0",
        ),
        (
            "they are from the middle layers on",
            "r .34 to .72, conv4 to fc2",
            f"{above} of {len(deep)} layers",
            above > len(deep) / 2,
            "more than half of the deeper layers above 95 % of permutations",
        ),
        (
            "the deeper, the more",
            "r .01 to .72, conv1 to fc2",
            f"tau {climb[0]:.2f} ({climb[1]:.2f} … {climb[2]:.2f})",
            climb[1] > 0,
            "95 % interval of tau between depth and r above 0",
        ),
        (
            "the PSI of the last two layers explains half of accuracy",
            f"R² {R2_PUBLISHED}",
            f"R² {r2[0]:.2f}, cross-validated {r2[1]:.2f}",
            abs(r2[0] - R2_PUBLISHED) <= R2_TOLERANCE,
            f"|R² in the sample − published| ≤ {R2_TOLERANCE}",
        ),
    ]
    return [_open_at_ceiling(network, share, *claim) for claim in judged]


def about_twins(network: str, summary: pd.DataFrame, null: float) -> list[dict[str, str]]:
    """Judge that permuted weights, or no rectifiers, destroy rise and correlation.

    Args:
        network: its title.
        summary: from `controls.summary`.
        null: |r| that 95 % of permuted categories stay below.
    """
    bars = {"tau": ("the rise with depth", 0.0), "r": ("the correlation with accuracy", null)}
    summary = summary.sort_index()
    judged = []
    for condition in ("weights permuted", "no ReLU"):
        for column, (what, bar) in bars.items():
            intact = summary.loc[(network, "intact"), column].item()
            found = summary.loc[(network, condition), column]
            rule = f"mean {column} of the twins at most {bar:.2f} (intact {intact:.2f})"
            holds = bool(found.mean() <= bar)
            if intact <= bar:
                holds, rule = None, f"{column} of the intact network is {intact:.2f}: none to lose"
            ours = f"{column} {found.mean():.2f} ({found.min():.2f} … {found.max():.2f})"
            text = f"{network}: {condition} destroys {what}"
            judged.append(report.claim(text, "destroyed", ours, holds, rule))
    return judged


def _open_at_ceiling(
    network: str, share: np.ndarray, text: str, published: str, ours: str, holds: bool, rule: str
) -> dict[str, str]:
    """Leave a missing correlation open where at least half of the categories have no errors."""
    at_ceiling = float(np.mean(share == 1))
    verdict = bool(holds)
    if not holds and at_ceiling >= 0.5:
        verdict = None
        rule = f"{at_ceiling:.0%} of the categories are at 100 %: too little room ({rule})"
    return report.claim(f"{network}: {text}", published, ours, verdict, rule)
