"""The second report judged by the rules of data/claims.csv, beside its published numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from helpers.metrics import checks, intervals
from helpers.studies.convolutional_embeddings.filters import gains
from helpers.studies.convolutional_embeddings.study import (
    CONDITIONS,
    FILTERED,
    LAYERS,
    METHODS,
    SOURCE,
    mean_interval,
)
from helpers.studies.ruman_2021 import claims as mlp_claims
from helpers.studies.ruman_2021.study import under_both

# Which way is better: more (+1) or less (-1); a single filter is published by two of them.
BETTER = mlp_claims.BETTER
BY_FILTER = ("d_s", "acc_knn")
TITLES = mlp_claims.TITLES
LAST = LAYERS[-1]
SMALL = 0.02  # a difference between losses that matters to nobody
ALONE = (None, "one network has no interval")
OF_PIXELS = {"d_s": 0.02, "c_s": 0.02, "c_d": 0.02, "acc_knn": 0.005}
# Method -> the claims about its published numbers: of the pixels, and of the last trained layer.
NUMBERS = {"tsne": ("pixels", "row-layer3"), "umap": ("umap-pixels", "umap-row-layer3")}

Verdict = tuple[str, bool | str] | tuple[str, bool | str | None, str]
verdict = mlp_claims.verdict
changes = mlp_claims.changes


def published_table(published: pd.DataFrame) -> pd.DataFrame:
    """Bring the published numbers into the columns of `study.in_the_plane`.

    Returns:
        Columns dataset, method, condition, layer, part, measure, value; the pixels under both
        conditions, which by UMAP are two runs without a seed.
    """
    part = published["source_layer"].str.extract(r"(filter \d+)")[0].fillna("whole")
    method, condition = published["condition"].str.split(", ", expand=True).to_numpy().T
    columns = ["dataset", "layer", "measure", "value"]
    found = published[columns].assign(condition=condition, part=part)
    return found.assign(method=pd.Series(method, published.index).map(mlp_claims.METHODS))


def by_layer(table: pd.DataFrame, method: str = "tsne", seed: int = 0) -> pd.DataFrame:
    """Average the source's way: layers 1 and 2 over single filters, pixels and layer 3 whole.

    Args:
        table: as `study.in_the_plane` or `published_table` returns it; where it tells live
            filters, the others are left out.
        method: of the embedding.
        seed: which network, where the table has several.

    Returns:
        Columns dataset, condition, layer, depth, measure, value, with d_s, c_s, c_d and acc_knn
        of the pixels and layer 3, d_s and acc_knn of the others; pixels under both conditions.

    Raises:
        TypeError: values are no real numbers.
        ValueError: NaN, which a mean would leave out, or infinity.
    """
    table = table.assign(value=checks.finite(table["value"], "value", ("rows",)))
    table = table[table["method"] == method]
    if "seed" in table:
        table = table[(table["seed"] == seed) & table["live"]]
    filtered = table["layer"].isin(FILTERED)
    single = filtered & (table["part"] != "whole") & table["measure"].isin(BY_FILTER)
    rows = table[single | ~filtered & table["measure"].isin(BETTER)]
    rows = under_both(rows)
    keys = ["dataset", "condition", "layer", "measure"]
    found = rows.groupby(keys, sort=False)["value"].mean().reset_index()
    return found.assign(depth=found["layer"].map(LAYERS.index))


def silent(plane: pd.DataFrame) -> pd.DataFrame:
    """Return the single filters that `by_layer` leaves out, as embedded: BY_FILTER of each."""
    rows = plane[~plane["live"] & plane["measure"].isin(BY_FILTER)]
    depth = rows["layer"].map(LAYERS.index)
    return rows.assign(depth=depth, **{"data set": rows["dataset"].map(TITLES)})


def beside_published(ours: pd.DataFrame, published: pd.DataFrame) -> pd.DataFrame:
    """Prepare d_s and acc_knn for `plotting.against_depth`, with the published values.

    Args:
        ours: as `by_layer` returns it.
        published: the same of the published numbers.
    """
    keys = ["dataset", "condition", "layer", "measure"]
    theirs = published[[*keys, "value"]].rename(columns={"value": "published"})
    rows = ours[ours["measure"].isin(BY_FILTER)].merge(theirs, on=keys, how="left")
    return rows.assign(**{"data set": rows["dataset"].map(TITLES)})


def drawn(table: pd.DataFrame) -> pd.DataFrame:
    """Prepare a table of `study` for `plotting.against_depth`: titles, pixels in both curves."""
    rows = under_both(table)
    return rows.assign(**{"data set": rows["dataset"].map(TITLES)})


def in_the_source(published: pd.DataFrame) -> dict[str, dict[str, str]]:
    """Ask the published tables what is asked of ours: claim → data set → "6 of 6"."""
    layers, umap = (by_layer(published, method) for method in METHODS)
    found: dict[str, dict[str, str]] = {}
    for dataset in layers["dataset"].unique():
        own = _directions(layers, dataset) | _by_umap(umap, dataset)
        for claim, (text, *_) in own.items():
            found.setdefault(claim, {})[TITLES[dataset]] = text.split(";")[0]
    return found


def judged(
    plane: pd.DataFrame,
    published: pd.DataFrame,
    changed: pd.DataFrame,
    filters: pd.DataFrame,
    correlated: pd.DataFrame,
    pairs: pd.DataFrame,
    outliers: Mapping[str, pd.DataFrame],
    grid: pd.DataFrame,
) -> dict[str | tuple[str, str], Verdict]:
    """Apply the rules of data/claims.csv.

    Args:
        plane: as `study.in_the_plane` returns it, of all data sets.
        published: as `published_table` returns it.
        changed: as `ruman_2021.claims.changes` returns it.
        filters: as `filters.measure` returns it, of all networks.
        correlated: as `filters.correlations` returns it.
        pairs: as `filters.joined_pairs` returns it.
        outliers: data set → as `outliers.against_random` returns it.
        grid: as `study.grid` returns it.

    Returns:
        What `report.judge` takes: (claim, data set) → (ours, holds).
    """
    found: dict[str | tuple[str, str], Verdict] = {}
    layers, umap = (by_layer(plane, method) for method in METHODS)
    for dataset in layers["dataset"].unique():
        own = _directions(layers, dataset) | _by_umap(umap, dataset)
        own |= _numbers(plane, published, dataset)
        own |= _held_out(changed, dataset)
        own |= _filters(filters, pairs, dataset)
        own["sparse-better"] = _sparse(correlated, dataset)
        own["outliers"] = _outliers(outliers.get(dataset))
        own |= _grid(grid, dataset)
        found |= {(claim, TITLES[dataset]): outcome for claim, outcome in own.items()}
    return found


def _signed(layers: pd.DataFrame, dataset: str) -> pd.Series:
    """Return (condition, layer, measure) → value, signed so that more is better."""
    own = layers[layers["dataset"] == dataset].set_index(["condition", "layer", "measure"])
    return own["value"] * own.index.get_level_values("measure").map(BETTER)


def _directions(layers: pd.DataFrame, dataset: str) -> dict[str, Verdict]:
    values = _signed(layers, dataset)
    trained, untrained = (values[condition] for condition in CONDITIONS)
    lead = (trained - untrained).drop("input")
    lead = lead[lead.index.get_level_values("measure").isin(BY_FILTER)].dropna()
    texts = [f"{layer} {m} {v:+.3f}" for (layer, m), v in lead.items()]
    found = {"trained-better": verdict(lead > 0, ", ".join(texts))}
    for claim, own, sign in (("last-better", trained, 1), ("last-worse", untrained, -1)):
        gain = own[LAST] - own["input"]
        found[claim] = verdict(gain * sign > 0, _signs(gain))
    there = [layer for layer in FILTERED if layer in trained.index.unique("layer")]
    gain = pd.concat({layer: trained[layer] - trained["input"] for layer in there})
    gain = gain[gain.index.get_level_values(-1).isin(BY_FILTER)].dropna()
    texts = [f"{layer} {m} {v:+.3f}" for (layer, m), v in gain.items()]
    return found | {"filters-worse": verdict(gain < 0, ", ".join(texts))}


def _signs(gain: pd.Series) -> str:
    return ", ".join(f"{measure} {value:+.3f}" for measure, value in gain.items())


def _by_umap(layers: pd.DataFrame, dataset: str) -> dict[str, Verdict]:
    values = _signed(layers, dataset)
    if values.empty:
        return {"umap-same": ("–", None, "the quick profile has no UMAP")}
    trained, untrained = (values[c][LAST] - values[c]["input"] for c in CONDITIONS)
    text = f"trained {_signs(trained)}; untrained {_signs(untrained)}"
    return {"umap-same": verdict([*(trained > 0), *(untrained < 0)], text)}


def _numbers(plane: pd.DataFrame, published: pd.DataFrame, dataset: str) -> dict[str, Verdict]:
    found: dict[str, Verdict] = {}
    rows = last_layer(plane, published)
    for method, (of_pixels, of_last) in NUMBERS.items():
        ours, runs = (_of_pixels(table, dataset, method) for table in (plane, published))
        if ours.empty or runs.empty:
            continue
        value = ours["min"]
        off = value - value.clip(runs["min"], runs["max"])
        near = off.abs() <= pd.Series(OF_PIXELS)
        found[of_pixels] = verdict(near, ", ".join(f"{m} {v:+.4f}" for m, v in off.items()))
        own = rows.groupby(level=["data set", "method"]).get_group((TITLES[dataset], method))
        last = own.droplevel(["data set", "method"])
        told = [f"{m} {r.low:.3f} to {r.high:.3f}" for m, r in last.iterrows()]
        found[of_last] = verdict(last["inside"], ", ".join(told))
    return found


def _of_pixels(table: pd.DataFrame, dataset: str, method: str) -> pd.DataFrame:
    rows = table[table["layer"] == "input"].set_index(["dataset", "method", "measure"])["value"]
    found = rows.groupby(level=[0, 1, 2]).agg(["min", "max"])
    return found.reindex([(dataset, method, m) for m in OF_PIXELS]).dropna().droplevel([0, 1])


def last_layer(plane: pd.DataFrame, published: pd.DataFrame) -> pd.DataFrame:
    """Put the last trained layer's published numbers beside ours, whatever is in both tables.

    Args:
        plane: as `study.in_the_plane` returns it, of all data sets.
        published: as `published_table` returns it.

    Returns:
        As `further_seed`, with the data set's title and the method before the measure.
    """
    trained = published[published["condition"] == "trained"]
    keys, rows = ["dataset", "method"], {}
    for (dataset, method), ours in plane.groupby(keys, sort=False):
        theirs = trained[(trained["dataset"] == dataset) & (trained["method"] == method)]
        if len(theirs):
            theirs = theirs.set_index(["layer", "measure"])["value"]
            rows[TITLES[dataset], method] = further_seed(ours, theirs)
    return pd.concat(rows, names=["data set", "method"]) if rows else pd.DataFrame()


def further_seed(ours: pd.DataFrame, theirs: pd.Series) -> pd.DataFrame:
    """Put the last trained layer's published numbers beside ours of several seeds.

    Args:
        ours: `study.in_the_plane` of one data set and method.
        theirs: (layer, measure) → published value of the trained network.

    Returns:
        Index the measures of BETTER; columns published, a column per seed, low and high, between
        which a further seed is expected, and inside.
    """
    rows = ours[(ours["condition"] == "trained") & (ours["layer"] == LAST)]
    seeds = rows.pivot(index="measure", columns="seed", values="value").loc[list(BETTER)]
    low, high = np.array([mlp_claims.further_seed(row) for row in seeds.to_numpy()]).T
    found = seeds.add_prefix("seed ").assign(low=low, high=high)
    found.insert(0, "published", theirs[LAST])
    return found.assign(inside=found["published"].between(found["low"], found["high"]))


def _held_out(changed: pd.DataFrame, dataset: str) -> dict[str, Verdict]:
    own = changed[changed["dataset"] == dataset].set_index(["condition", "score"])
    found = {}
    for condition, sign in zip(CONDITIONS, (1, -1), strict=True):
        rows = own.loc[condition]
        sure = (rows["change"] * sign > 0) & (rows["p_holm"] < 0.05)
        found[f"held-out-{condition}"] = verdict(
            sure, ", ".join(f"{score} {r.change:+.3f}" for score, r in rows.iterrows())
        )
    return found


def _filters(filters: pd.DataFrame, pairs: pd.DataFrame, dataset: str) -> dict[str, Verdict]:
    live = filters[(filters["dataset"] == dataset) & filters["live"]]
    by = live.groupby(["condition", "layer", "seed"])
    mean, best, whole = by["kNN"].mean(), by["kNN"].max(), by["whole"].first()
    below = by["pixels"].first() - mean
    gain = whole - best
    return {
        "missing": verdict(below > 0, f"pixels − mean of filters {_layers(below)}"),
        "combining": verdict(gain > 0, f"whole layer − best filter {_layers(gain)}"),
        "different": _different(gains(pairs[pairs["dataset"] == dataset]).loc[dataset]),
    }


def _different(gained: pd.DataFrame) -> Verdict:
    found = gained.loc[list(CONDITIONS), ["gain", "low", "high"]]
    text = "mean gain " + ", ".join(f"{c} {_interval(row)}" for c, row in found.iterrows())
    if found["low"].isna().any():
        return text, *ALONE
    above = found["low"] > 0
    return text, True if above.all() else "mixed" if above.any() else False


def _layers(values: pd.Series) -> str:
    means = values.groupby(["condition", "layer"]).mean()
    return ", ".join(f"{c} {layer} {v:+.3f}" for (c, layer), v in means.items())


def _sparse(correlated: pd.DataFrame, dataset: str) -> Verdict:
    row = correlated[
        (correlated["dataset"] == dataset)
        & (correlated["condition"] == "trained")
        & (correlated["layer"] == "layer2")
        & (correlated["sparseness"] == "gini")
    ].iloc[0]
    text = f"ρ {row.rho:+.2f} ({row.low:+.2f} to {row.high:+.2f}), {row.filters} filters"
    return text, _sign(row["low"], row["high"])


def _outliers(found: pd.DataFrame | None) -> Verdict:
    if found is None:
        return "no outliers", None, "no point lies among another class"
    texts = [f"{r.question} {r.outliers:.2f} against {r.random:.2f}" for r in found.itertuples()]
    return verdict(found["p_holm"] < 0.05, ", ".join(texts))


def _grid(grid: pd.DataFrame, dataset: str) -> dict[str, Verdict]:
    rows = grid[(grid["dataset"] == dataset) & (grid["measure"] == "kNN")]
    right = rows.set_index(["configuration", "seed", "condition", "layer"])["value"].sort_index()
    networks = pd.MultiIndex.from_frame(rows[["configuration", "seed"]].drop_duplicates())
    pixels, trained, untrained = (
        right.xs(key, level=("condition", "layer")).reindex(networks)
        for key in (("pixels", "input"), ("trained", LAST), ("untrained", LAST))
    )
    gain = trained - pixels
    told = gain.groupby("configuration", sort=False).mean()
    text = "mean gains " + ", ".join(f"{c} {v:+.3f}" for c, v in told.items())
    found = {"any-net": verdict((gain > 0) & (trained > untrained), text)}
    wide = _difference(trained, "width × 4", "width × ½")
    losses = [_difference(trained, c, SOURCE) for c in ("label smoothing", "squared error")]
    text = f"label smoothing {_interval(losses[0])}; squared error {_interval(losses[1])}"
    if np.isnan(wide.low):
        return found | {"wider": (_interval(wide), *ALONE), "any-loss": (text, *ALONE)}
    found["wider"] = (_interval(wide), _sign(wide.low, wide.high))
    small = [d.low > -SMALL and d.high < SMALL for d in losses]
    apart = [(d.low > 0 or d.high < 0) and not s for d, s in zip(losses, small, strict=True)]
    return found | {"any-loss": (text, True if all(small) else False if all(apart) else "mixed")}


def differences(grid: pd.DataFrame) -> pd.DataFrame:
    """Compare every configuration's last trained layer with the source's, by kNN.

    Returns:
        A row per data set and configuration: mean difference over seeds (the same initial order
        and test images), low, high (t interval).

    Raises:
        TypeError: values are no real numbers.
        ValueError: NaN, infinity, or no rows.
    """
    grid = grid.assign(value=checks.finite(grid["value"], "value", ("rows",)))
    rows = grid[(grid["measure"] == "kNN") & (grid["condition"] == "trained")]
    rows = rows[rows["layer"] == LAST]
    found = []
    for dataset, own in rows.groupby("dataset", sort=False):
        right = own.set_index(["configuration", "seed"])["value"].sort_index()
        for configuration in own["configuration"].unique():
            if configuration != SOURCE:
                difference = _difference(right, configuration, SOURCE)
                found.append((dataset, configuration, *difference))
    return pd.DataFrame(found, columns=["dataset", "configuration", "difference", "low", "high"])


def _difference(values: pd.Series, a: str, b: str) -> intervals.Estimate:
    return mean_interval(values[a] - values[b])


def _interval(found: Sequence[float]) -> str:
    value, low, high = found
    return f"{value:+.3f}" + ("" if np.isnan(low) else f" ({low:+.3f} to {high:+.3f})")


def _sign(low: float, high: float) -> bool | str:
    return True if low > 0 else False if high < 0 else "mixed"
