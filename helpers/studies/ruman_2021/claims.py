"""Ruman 2021 judged: trends over seeds, numbers beside the published ones."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from helpers.studies.ruman_2021.study import CONDITIONS, LAYERS

FIVE = ("d_s", "d_d", "c_s", "c_d", "acc_knn")
# Which way is better: more (+1) or less (-1).
BETTER = {
    "d_s": -1,
    "d_d": 1,
    "c_s": -1,
    "c_d": 1,
    "acc_knn": 1,
    "held-out kNN": 1,
    "linear probe": 1,
    "silhouette": 1,
}

# The source's name of a method -> ours.
METHODS = {"t-SNE": "tsne", "UMAP": "umap"}
TITLES = {"mnist": "MNIST", "fashion_mnist": "Fashion-MNIST", "digits": "digits"}

# The source's own two UMAP runs of the same pixels differ by up to 0.005; training differs, too.
TOLERANCE = 0.02
ENOUGH = 0.9
FULL_SIZE = -1
# The columns of `agreement`.
TRENDS = ("improves", "each step", "worsens", "worse")


def published_table(published: pd.DataFrame) -> pd.DataFrame:
    """Bring the published numbers into the columns of `mlp_study.Replication.table`."""
    parts = published["condition"].str.split(", ", expand=True)
    table = published[["dataset", "layer", "measure", "value"]].assign(
        method=parts[0].map(METHODS), condition=parts[1], seed=0
    )
    return table.assign(depth=table["layer"].map(LAYERS.index))


def compare(table: pd.DataFrame, published: pd.DataFrame) -> pd.DataFrame:
    """Put every published number beside ours.

    Args:
        table: columns dataset, method, condition, layer, measure, value.
        published: as `published_table` returns it.

    Returns:
        Columns dataset, method, condition, layer, measure, published, ours, difference; one row
        for each number that both have.
    """
    keys = ["dataset", "method", "condition", "layer", "measure"]
    both = published[[*keys, "value"]].merge(table[[*keys, "value"]], on=keys)
    both = both.rename(columns={"value_x": "published", "value_y": "ours"})
    return both.assign(difference=both["ours"] - both["published"])


def trends(table: pd.DataFrame) -> pd.DataFrame:
    """Return for every replication how each measure changes with depth and with training.

    Returns:
        Columns dataset, method, measure, seed, and, all signed so that more is
        better: trained and untrained (least-squares slope over the layers, per
        layer), steps (the trained network's smallest gain from one layer to the
        next, NaN if layers are missing), gap (the smallest lead of the trained
        network over the untrained one among the hidden layers) and lead (that of
        the last layer).
    """
    rows = []
    keys = ["dataset", "method", "measure", "seed"]
    judged = table[table["measure"].isin(BETTER)]
    for key, group in judged.groupby(keys, sort=False):
        by_depth = group.pivot(index="depth", columns="condition", values="value")
        by_depth = by_depth.sort_index() * BETTER[key[2]]
        slope = {c: np.polyfit(by_depth.index, by_depth[c], 1)[0] for c in CONDITIONS}
        steps = by_depth["trained"].diff().min() if len(by_depth) == len(LAYERS) else np.nan
        lead = (by_depth["trained"] - by_depth["untrained"]).loc[1:]
        rows.append((*key, *slope.values(), steps, lead.min(), lead.iloc[-1]))
    return pd.DataFrame(rows, columns=[*keys, *CONDITIONS, "steps", "gap", "lead"])


def unanimous(values: Iterable[float], sign: int = 1) -> bool | None:
    """Return whether all values have the sign: True, False if all have the other one, else None.

    NaN values are ignored; without any other value the answer is None.
    """
    values = np.asarray(list(values), float) * sign
    values = values[~np.isnan(values)]
    if len(values) and (values > 0).all():
        return True
    return False if len(values) and (values < 0).all() else None


def agreement(found: pd.DataFrame) -> pd.DataFrame:
    """Ask of every data set, method and measure whether all seeds agree with the four trends.

    Args:
        found: as `trends` returns it.

    Returns:
        Columns dataset, method, measure, and improves (trained, with depth), each step (trained,
        from every layer to the next), worsens (untrained, with depth), worse (untrained, at every
        hidden layer): True, False (all seeds say the opposite) or None (seeds differ).
    """
    rows = [
        (
            *key,
            unanimous(group["trained"]),
            unanimous(group["steps"]),
            unanimous(group["untrained"], -1),
            unanimous(group["gap"]),
        )
        for key, group in found.groupby(["dataset", "method", "measure"], sort=False)
    ]
    columns = ["dataset", "method", "measure", *TRENDS]
    return pd.DataFrame(rows, columns=columns).astype({name: object for name in columns[3:]})


def agreement_grid(agreed: pd.DataFrame) -> pd.DataFrame:
    """Show `agreement` as a grid: ✓ all seeds agree, ✗ all say the opposite, ~ seeds differ."""
    marks = {True: "✓", False: "✗", None: "~"}
    long = agreed.melt(["dataset", "method", "measure"], var_name="trend")
    long["value"] = [marks[value] for value in long["value"]]
    grid = long.pivot(index=["trend", "dataset", "method"], columns="measure", values="value")
    order = pd.MultiIndex.from_frame(long[grid.index.names].drop_duplicates())
    return grid.reindex(order)[[m for m in BETTER if m in grid]].fillna("")


def judged(
    table: pd.DataFrame, full_size: pd.DataFrame, published: pd.DataFrame
) -> dict[str | tuple[str, str], tuple]:
    """Apply the rules of data/claims.csv to every claim and table of the source.

    A trend has to be seen in every replication, the one at the source's size among them.

    Args:
        table: all replications on some images.
        full_size: the same columns, at the source's number of images; may lack layers,
            methods or data sets.
        published: as `published_table` returns it.

    Returns:
        What `report.judge` takes: claim, or (claim, data set) -> (ours, holds[, why]).
    """
    seeds = trends(table)
    ours = pd.concat([seeds, trends(full_size).assign(seed=FULL_SIZE)], ignore_index=True)
    compared = compare(full_size, published)
    sets = list(table["dataset"].unique())
    found: dict[str | tuple[str, str], tuple] = {}
    for dataset in sets:
        for method in METHODS.values():
            agreed = agreement(_five(ours, dataset, method))
            for trend in TRENDS:
                claim = f"{method}-{trend.replace(' ', '-')}"
                found[claim, TITLES[dataset]] = _all(list(agreed[trend]))
    for method in METHODS.values():
        if {"mnist", "fashion_mnist"} <= set(sets):
            found[f"{method}-weaker"] = _all(weaker(ours, method))
        for dataset in published["dataset"].unique():
            found[f"table-{dataset}-{method}"] = _numbers(compared, dataset, method)
    return found | {"small": _small(seeds)}


def weaker(found: pd.DataFrame, method: str) -> list[bool | None]:
    """Return for each of the five measures whether its lead at layer 3 is smaller on Fashion-MNIST.

    Args:
        found: as `trends` returns it, of both data sets.
        method: "tsne" or "umap".
    """
    mnist, fashion = (
        _five(found, d, method).pivot(index="seed", columns="measure", values="lead")
        for d in ("mnist", "fashion_mnist")
    )
    return [unanimous((mnist - fashion)[measure]) for measure in FIVE]


def count(answers: list[bool | None]) -> str:
    """Say how many measures show a trend, and for how many the replications differ."""
    text = f"{answers.count(True)} of {len(answers)} measures"
    return text + (f", {answers.count(None)} where replications differ" if None in answers else "")


def _small(ours: pd.DataFrame) -> tuple:
    chosen = ours[ours["method"].isin(METHODS.values()) & ours["measure"].isin(FIVE)]
    lead = chosen.groupby(["dataset", "method", "measure"])["lead"]
    ratio = (lead.mean() / lead.std()).median()
    text = f"median lead at layer 3: {ratio:.0f} standard deviations over seeds"
    return text, None, "the source gives no scale for small"


def _numbers(compared: pd.DataFrame, dataset: str, method: str) -> tuple:
    rows = compared[(compared["dataset"] == dataset) & (compared["method"] == method)]
    if rows.empty:
        return None, None, "not computed at the source's size in this run"
    away = rows["difference"].abs()
    close = int((away <= TOLERANCE).sum())
    text = f"{close} of the {len(rows)} computed, median |difference| {away.median():.4f}"
    return text, close >= ENOUGH * len(rows)


def _five(found: pd.DataFrame, dataset: str, method: str) -> pd.DataFrame:
    chosen = (found["dataset"] == dataset) & (found["method"] == method)
    return found[chosen & found["measure"].isin(FIVE)]


def _all(answers: list[bool | None]) -> tuple:
    if False in answers:
        return count(answers), False
    if None in answers or not answers:
        return count(answers), None, "replications differ"
    return count(answers), True
