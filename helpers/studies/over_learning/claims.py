"""The rules of data/claims.csv that judge the sources' claims."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from helpers.metrics import checks, intervals
from helpers.studies.over_learning import dynamics
from helpers.studies.over_learning.training import hidden

SIMILARITIES = ("CKA with the end", "SVCCA with the end")
SETTLED = {"bottom-up": (0.9, False), "bottom-up-own-way": (0.5, True)}
UNDECIDED_BY_CKA = (
    "by debiased CKA the interval includes 0, and SVCCA, whose floor rises with a layer's width, "
    "does not decide alone"
)
TITLES = {"mnist": "MNIST", "fashion_mnist": "Fashion-MNIST", "digits": "digits"}
Found = dict[tuple[str, str], tuple]


def subject(network: str, dataset: str) -> str:
    """Return how tables call a network and its data set."""
    return f"{network}, {TITLES[dataset]}"


def subjects(table: pd.DataFrame) -> list[str]:
    """Return `subject` of every row of a table with columns network and dataset."""
    return [subject(*pair) for pair in zip(table["network"], table["dataset"], strict=True)]


def bottom_up(table: pd.DataFrame) -> pd.DataFrame:
    """Return tau of depth and settling step with its interval over seeds.

    Args:
        table: of `training.record`, of all trainings together.

    Returns:
        Columns claim, dataset, network, similarity, tau, low, high.
    """
    table = _of_numbers(table)
    rows = []
    for claim, (level, own) in SETTLED.items():
        for similarity in SIMILARITIES:
            settled = dynamics.settling_steps(table, similarity, level, own)
            taus = dynamics.order_of_settling(settled)
            for (dataset, network), found in taus.groupby(["dataset", "network"], sort=False):
                estimate = intervals.mean_estimate(found["tau"])
                rows.append((claim, dataset, network, similarity, *estimate))
    columns = ["claim", "dataset", "network", "similarity", "tau", "low", "high"]
    return pd.DataFrame(rows, columns=columns)


def learned(table: pd.DataFrame, measure: str, classes: pd.DataFrame | None = None) -> pd.DataFrame:
    """Return the trend of a measure with depth, at the first and the last step.

    Args:
        table: of `training.record`, of all trainings together.
        measure: in `table`.
        classes: a table to take the values from instead, with one per class.

    Returns:
        Columns dataset, network, when (start, end, difference), tau, low, high: the mean over
        seeds with its t interval.
    """
    values = _of_numbers(table[table["measure"] == measure] if classes is None else classes)
    values = values[values["layer"].isin(hidden(values["layer"].unique()))]
    rows = []
    for (dataset, network), own in values.groupby(["dataset", "network"], sort=False):
        start, end = (dynamics.trends(own, step) for step in (0, own["step"].max()))
        for when, taus in {"start": start, "end": end, "difference": end - start}.items():
            rows.append((dataset, network, when, *intervals.mean_estimate(taus)))
    return pd.DataFrame(rows, columns=["dataset", "network", "when", "tau", "low", "high"])


def dipped(table: pd.DataFrame, step: int | None = None) -> pd.DataFrame:
    """Return how far PSI dips and rises again over the hidden layers, with t intervals.

    Args:
        table: of `training.record`, of all trainings together.
        step: which one; default: the last.

    Returns:
        Columns dataset, network, part (dip, rise), value, low, high.
    """
    values = table[table["measure"] == "PSI"]
    values = values[values["layer"].isin(hidden(values["layer"].unique()))]
    rows = []
    for (dataset, network), own in values.groupby(["dataset", "network"], sort=False):
        found = dynamics.dips(own, own["step"].max() if step is None else step)
        for part in found:
            rows.append((dataset, network, part, *intervals.mean_estimate(found[part])))
    return pd.DataFrame(rows, columns=["dataset", "network", "part", "value", "low", "high"])


def gained(table: pd.DataFrame, measure: str) -> pd.DataFrame:
    """Return how much each hidden layer gains of a measure from step 0 to the last one.

    Returns:
        Columns dataset, network, layer, depth, start, end, value (the gain), low, high.
    """
    values = _of_numbers(table[table["measure"] == measure])
    values = values[values["layer"].isin(hidden(values["layer"].unique()))]
    rows = []
    keys = ["dataset", "network", "layer", "depth"]
    for key, own in values.groupby(keys, sort=False):
        wide = own.pivot(index="seed", columns="step", values="value")
        start, end = wide.iloc[:, 0], wide.iloc[:, -1]
        rows.append((*key, start.mean(), end.mean(), *intervals.mean_estimate(end - start)))
    return pd.DataFrame(rows, columns=[*keys, "start", "end", "value", "low", "high"])


def judged(
    table: pd.DataFrame, classes: pd.DataFrame, relations: Mapping[str, intervals.Estimate]
) -> Found:
    """Judge every claim by its rule.

    Args:
        table: of `training.record`, of all trainings together.
        classes: the same.
        relations: dataset -> `smoothness.relation`.

    Returns:
        For `report.judge`: (claim, subject) -> (ours, holds) or (ours, holds, why).
    """
    found: Found = {}
    for (claim, dataset, network), rows in bottom_up(table).groupby(
        ["claim", "dataset", "network"], sort=False
    ):
        ours = "; ".join(
            f"{row.similarity.split()[0]} {_estimate(row.tau, row.low, row.high)}"
            for row in rows.itertuples()
        )
        lead, second = _signs(rows)  # as in SIMILARITIES
        verdict = _together(lead, second) if lead else (None, UNDECIDED_BY_CKA)
        found[claim, subject(network, dataset)] = f"tau: {ours}", *verdict
    for claim, trend in {
        "psi-rise-learned": learned(table, "PSI", classes),
        "sparser-learned": learned(table, "Gini"),
    }.items():
        for (dataset, network), rows in trend.groupby(["dataset", "network"], sort=False):
            rows = rows.set_index("when")
            start, end = (_estimate(*rows.loc[k, ["tau", "low", "high"]]) for k in ("start", "end"))
            ours = f"tau: {end}; at step 0 {start}"
            verdict = _together(*_signs(rows.loc[["end", "difference"]]))
            found[claim, subject(network, dataset)] = ours, *verdict
    for (dataset, network), rows in dipped(table).groupby(["dataset", "network"], sort=False):
        rows = rows.set_index("part")
        dip, rise = _signs(rows.loc[["dip", "rise"]])
        ours = "; ".join(
            f"{part} {_estimate(*rows.loc[part, ['value', 'low', 'high']])}" for part in rows.index
        )
        holds = (True if rise > 0 else "mixed") if dip < 0 else False
        verdict = (holds,) if dip else (None, "the interval of the dip includes 0")
        found["psi-dip", subject(network, dataset)] = ours, *verdict
    for (dataset, network), rows in gained(table, "Gini").groupby(
        ["dataset", "network"], sort=False
    ):
        more, less = (rows["low"] > 0).sum(), (rows["high"] < 0).sum()
        half = len(rows) / 2
        ours = f"higher in {more}, lower in {less} of {len(rows)} layers"
        holds = True if more > half else False if less > half else "mixed"
        found["sparseness-learned", subject(network, dataset)] = ours, holds
    for dataset, estimate in relations.items():
        found["smooth", TITLES[dataset]] = smooth_verdict(estimate)
    return found


def smooth_verdict(estimate: intervals.Estimate) -> tuple:
    """Judge the intuition by the interval of the partial correlation."""
    ours = f"ρ {_estimate(*estimate)}"
    if estimate.low > 0 or estimate.high < 0:
        return ours, bool(estimate.low > 0)
    return ours, None, "the interval includes 0: so few networks cannot tell"


def _signs(rows: pd.DataFrame) -> list[int]:
    """Return for each interval 1 if it lies above 0, -1 below, 0 if it includes 0."""
    return ((rows["low"] > 0).astype(int) - (rows["high"] < 0)).tolist()


def _together(*signs: int) -> tuple:
    """Judge a claim that all intervals lie above 0: by all, by some, by none but some below."""
    if max(signs) > 0:
        return (True if min(signs) > 0 else "mixed",)
    return (False,) if min(signs) < 0 else (None, "the intervals include 0")


def _estimate(value: float, low: float, high: float) -> str:
    return f"{value:.2f} ({low:.2f} to {high:.2f})"


def _of_numbers(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table with its values in float64, NaN where there is none, or raise."""
    return table.assign(value=checks.finite(table["value"], "value", ("rows",), missing=True))
