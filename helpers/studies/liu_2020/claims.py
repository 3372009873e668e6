"""The rules by which the claims of Liu, Zhen & Liu 2020 are judged, as data/claims.csv words them.

Every function judges one network, and returns (claim's id, network) -> (ours, holds), or
(ours, None, why), for `report.judge`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from helpers.metrics.intervals import Estimate, RSquared

R2_PUBLISHED = 0.52
Found = dict[tuple[str, str], tuple]


def about_depth(network: str, trend: Estimate, dip: Estimate, recovery: Estimate) -> Found:
    """Judge that sparseness rises with depth, after an early dip.

    Args:
        network: its title.
        trend: of `intervals.depth_trend`.
        dip: of `dips.dip`.
        recovery: of `dips.recovery`.
    """
    back = recovery.low > 0 or "mixed"
    return {
        ("rises", network): (shown("tau", trend), trend.low > 0),
        ("dip", network): (
            f"{shown('dip', dip, 3)}; {shown('then', recovery, 3)}",
            back if dip.high < 0 else False,
        ),
    }


def about_dip(network: str, relative: pd.DataFrame) -> Found:
    """Judge whether the layers' widths, or the min-max step, explain the dip.

    Args:
        network: its title.
        relative: from `dips.by_measure`, of psi; psi, equal channels; psi, z-scores.
    """
    whole = _estimate(relative.loc["psi"])
    judged = {}
    for claim, measure in (("dip-width", "psi, equal channels"), ("dip-min-max", "psi, z-scores")):
        gone = Estimate(*relative.loc[measure, ["gone", "gone_low", "gone_high"]])
        ours = f"{shown('gone', gone)} of a relative dip of {whole.value:.2f}"
        if whole.high >= 0:
            judged[claim, network] = (ours, None, "there is no dip")
        elif gone.low <= 0.5 <= gone.high:
            judged[claim, network] = (ours, None, "more or less than half of the dip may be gone")
        else:
            most = True if gone.high >= 1 else "mixed"
            judged[claim, network] = (ours, most if gone.low > 0.5 else False)
    return judged


def about_accuracy(
    network: str,
    last: Estimate,
    unseen: Estimate,
    r: pd.DataFrame,
    trend: Estimate,
    r2: RSquared,
    r2_range: tuple[float, float],
) -> Found:
    """Judge that sparse categories are recognised better, and more so with depth.

    Args:
        network: its title.
        last: r in the last exact layer, on all images.
        unseen: the same between PSI on one half of the images and accuracy on the other.
        r: a row per exact layer in depth order, with columns value and p_holm.
        trend: of `intervals.correlation_trend`.
        r2: from `intervals.r_squared`.
        r2_range: the interval of its in_sample.
    """
    deep = r.iloc[len(r) // 2 :]
    above = int(((deep["value"] > 0) & (deep["p_holm"] < 0.05)).sum())
    both = int(last.low > 0) + int(unseen.low > 0)
    low, high = r2_range
    judged = {
        "better": (f"{shown('r', last)}; {shown('unseen', unseen)}", (False, "mixed", True)[both]),
        "from-middle": (f"{above} of {len(deep)} layers", above > len(deep) / 2),
        "deeper-more": (shown("tau", trend), trend.low > 0),
        "half": (
            f"R² {r2.in_sample:.2f} ({low:.2f} … {high:.2f}); {r2.cross_validated:.2f} "
            "cross-validated",
            low <= R2_PUBLISHED <= high,
        ),
    }
    return {(claim, network): outcome for claim, outcome in judged.items()}


def about_twins(network: str, lost: pd.DataFrame, above_noise: pd.DataFrame) -> Found:
    """Judge that permuted weights, or no rectifiers, destroy rise and correlation.

    Args:
        network: its title.
        lost: rows of `controls.lost` of this network.
        above_noise: from `controls.above_noise`, of the twins with permuted weights.
    """
    by = {key: _estimate(row) for key, row in lost.set_index(["condition", "statistic"]).iterrows()}
    judged = {}
    for prefix, condition in (("permuted", "weights permuted"), ("no-relu", "no ReLU")):
        for suffix, s in (("rise", "tau"), ("accuracy", "r")):
            intact, left = by["intact", s], by[condition, s]
            gone = by[condition, f"{s} lost"]
            ours = f"{shown(s, left)}; {shown('lost', gone)}, of {intact.value:.2f}"
            nothing_left = left.low <= 0 and (s == "tau" or left.high >= 0)
            if intact.low <= 0:
                why = f"the intact network has none to lose: {shown(s, intact)} on these images"
                outcome = (ours, None, why)
            elif gone.low > 0:
                outcome = (ours, nothing_left or "mixed")
            elif nothing_left:
                outcome = (ours, None, "neither the loss nor what is left is told from 0")
            else:
                outcome = (ours, False)
            judged[f"{prefix}-{suffix}", network] = outcome
    count = int((above_noise["low"] > 0).sum())
    ours = f"above noise in {count} of {len(above_noise)} layers"
    judged["moderate", network] = (ours, count > len(above_noise) / 2)
    return judged


def about_ladder(network: str, less: Mapping[str, Estimate]) -> Found:
    """Judge that the correlation is weaker in networks deeper than AlexNet's class.

    Args:
        network: the title of the network of AlexNet's class.
        less: deeper network -> its r less that of the network.
    """
    weaker = [e.low > 0 for e in less.values()]
    ours = "; ".join(shown(f"less {name}'s", e) for name, e in less.items())
    return {("weaker", network): (ours, all(weaker) or ("mixed" if any(weaker) else False))}


def about_steps(network: str, steps: pd.DataFrame, scales: Estimate) -> Found:
    """Judge whether pools, expansions of channels or small receptive fields make the dip.

    Args:
        network: its title.
        steps: from `dips.steps`, with kinds pool and expand.
        scales: the dip with small objects less that with large ones.
    """
    whole = _estimate(steps.loc["whole change"])
    judged = {}
    for claim, kind in (("dip-pooling", "pool"), ("dip-expansion", "expand")):
        own = steps.loc[kind]
        ours = f"{shown('sum of steps', _estimate(own), 3)}, of {whole.value:.3f}"
        lower = "mixed" if own["high"] < 0 else False
        judged[claim, network] = (ours, True if own["less_half_high"] < 0 else lower)
        if whole.high >= 0:
            judged[claim, network] = (ours, None, "there is no fall along the path")
    judged["dip-field", network] = (shown("small less large", scales, 3), scales.low > 0)
    return judged


def shown(name: str, estimate: Sequence[float], digits: int = 2) -> str:
    """Return an estimate as text: r 0.40 (0.21 … 0.55)."""
    value, low, high = (f"{number:.{digits}f}" for number in estimate)
    return f"{name} {value} ({low} … {high})".lstrip()


def _estimate(row: pd.Series) -> Estimate:
    return Estimate(row["value"], row["low"], row["high"])
