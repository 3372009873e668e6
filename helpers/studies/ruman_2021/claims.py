"""Ruman 2021 judged by the rules of data/claims.csv, and the numbers beside the published ones."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import stats

from helpers.metrics import checks, intervals
from helpers.studies.ruman_2021 import scores
from helpers.studies.ruman_2021.study import (
    CONDITIONS,
    INPUT,
    LAYERS,
    Replication,
    under_both,
)

# Which way is better: more (+1) or less (-1). d_d is left out: it is d_s on another scale.
BETTER = {"d_s": -1, "c_s": -1, "c_d": 1, "acc_knn": 1}
# The source's name of a method -> ours.
METHODS = {"t-SNE": "tsne", "UMAP": "umap"}
SPACES = {"raw": "activations", "tsne": "t-SNE", "umap": "UMAP", "pca": "PCA"}
TITLES = {"mnist": "MNIST", "fashion_mnist": "Fashion-MNIST", "digits": "digits"}
FARTHEST = ("fashion_mnist", "tsne", "trained", "layer3")
HIDDEN, LAST = LAYERS[1:], LAYERS[-1]

Verdict = tuple[str, bool | str]


def published_table(published: pd.DataFrame) -> pd.DataFrame:
    """Bring the published numbers into the columns of `study.Replication.table`.

    The pixels stand under both conditions, as in the source.
    """
    parts = published["condition"].str.split(", ", expand=True)
    table = published[["dataset", "layer", "measure", "value"]].assign(
        method=parts[0].map(METHODS), condition=parts[1], seed=0
    )
    return table.assign(depth=table["layer"].map(LAYERS.index))


def compare(full_size: pd.DataFrame, published: pd.DataFrame) -> pd.DataFrame:
    """Put every published number beside ours of seed 0.

    Args:
        full_size: columns dataset, seed, method, condition, layer, measure, value.
        published: as `published_table` returns it.

    Returns:
        Columns dataset, method, condition, layer, measure, published, ours, difference; one row
        for each number that both have.
    """
    keys = ["dataset", "method", "condition", "layer", "measure"]
    ours = under_both(full_size[full_size["seed"] == 0])
    both = published[[*keys, "value"]].merge(ours[[*keys, "value"]], on=keys)
    both = both.rename(columns={"value_x": "published", "value_y": "ours"})
    return both.assign(difference=both["ours"] - both["published"])


def against_null(compared: pd.DataFrame) -> pd.DataFrame:
    """Weigh our distance from the published numbers of hidden layers against a guess.

    The guess is that every layer looks like the published input.

    Args:
        compared: as `compare` returns it.

    Returns:
        A row per data set, method and measure of BETTER: ours and guess, the mean absolute
        differences over six hidden layers, and ratio, ours / guess.
    """
    keys = ["dataset", "method", "measure"]
    rows = compared[compared["measure"].isin(BETTER)]
    pixels = rows[rows["layer"] == "input"].groupby(keys)["published"].mean().rename("pixels")
    rows = rows[rows["layer"] != "input"].merge(pixels, on=keys)
    off = rows.assign(
        ours=rows["difference"].abs(), guess=(rows["pixels"] - rows["published"]).abs()
    )
    found = off.groupby(keys, sort=False)[["ours", "guess"]].mean()
    return found.assign(ratio=found["ours"] / found["guess"]).reset_index()


def beside_published(full_size: pd.DataFrame, published: pd.DataFrame) -> pd.DataFrame:
    """Prepare d_s and acc_knn of seed 0 for `plotting.against_depth`, with the published values."""
    ours = under_both(full_size[full_size["seed"] == 0])
    ours = ours[ours["measure"].isin(["d_s", "acc_knn"])]
    keys = ["dataset", "method", "condition", "layer", "measure"]
    theirs = published[[*keys, "value"]].rename(columns={"value": "published"})
    titles = ours["dataset"].map(TITLES) + ", " + ours["method"].map(SPACES)
    return ours.assign(**{"data set, method": titles}).merge(theirs, on=keys, how="left")


def drawn(table: pd.DataFrame, measure: str) -> pd.DataFrame:
    """Prepare a measure of all replications for `plotting.against_depth`."""
    rows = under_both(table[table["measure"] == measure])
    titles = {"data set": rows["dataset"].map(TITLES), "space": rows["method"].map(SPACES)}
    return rows.assign(**titles)


def further_seed(values: ArrayLike, level: float = 0.95) -> tuple[float, float]:
    """Return the interval in which one more seed is expected (t distribution).

    Args:
        values: (seeds,) a measure, at least 2 of them.
        level: the probability.

    Raises:
        TypeError: no real numbers.
        ValueError: fewer than 2 seeds, NaN or infinity.
    """
    values = checks.finite(values, "values", ("seeds",), 2)
    n = len(values)
    half = stats.t.ppf((1 + level) / 2, n - 1) * values.std(ddof=1) * np.sqrt(1 + 1 / n)
    return float(values.mean() - half), float(values.mean() + half)


def changes(replications: Sequence[Replication]) -> pd.DataFrame:
    """Ask how many more test images are right in the last layer than in the pixels.

    Args:
        replications: of one or several data sets.

    Returns:
        A row per data set, method ("raw" for the activations), score and condition: before and
        after, the shares of images right in the pixels and in the last layer; change, low, high:
        their difference with its 95 % interval over the images of all replications;
        seed_low, seed_high: the range over replications; p: of the exact sign test over the
        images whose answer changes; p_holm: corrected for all rows.
    """
    rows = []
    datasets = dict.fromkeys(r.table["dataset"].iloc[0] for r in replications)
    for dataset in datasets:
        own = [r for r in replications if r.table["dataset"].iloc[0] == dataset]
        scored = dict.fromkeys((method, score) for method, _, score in own[0].hits)
        for method, score in scored:
            for condition in CONDITIONS:
                before, after = (
                    [r.hits[method, key, score].astype(int) for r in own]
                    for key in (INPUT, (condition, LAST))
                )
                by_seed = [(b - a).mean() for a, b in zip(before, after, strict=True)]
                a, b = np.concatenate(before), np.concatenate(after)
                rows.append(
                    (
                        dataset,
                        method,
                        score,
                        condition,
                        a.mean(),
                        b.mean(),
                        *intervals.mean_estimate(b - a),
                        min(by_seed),
                        max(by_seed),
                        _sign_test(b - a),
                    )
                )
    columns = ["dataset", "method", "score", "condition", "before", "after", "change", "low"]
    table = pd.DataFrame(rows, columns=[*columns, "high", "seed_low", "seed_high", "p"])
    return table.assign(p_holm=intervals.holm(table["p"]))


def matched_leads(replications: Sequence[Replication]) -> pd.DataFrame:
    """Compare the last trained and the last untrained layer on images drawn equally faithfully.

    Returns:
        A row per data set, replication and embedding: the lead of trained over untrained in the
        share of images right by kNN, in the activations and in the plane; the same for images
        that are drawn equally faithfully (equal `scores.trust`); trust of both before matching;
        images, how many of either layer are matched.
    """
    rows = []
    for r in replications:
        keys = [(condition, LAST) for condition in CONDITIONS]
        for method in dict.fromkeys(method for method, _ in r.trust):
            trust = [r.trust[method, key] for key in keys]
            raw, plane = ([r.hits[m, key, "kNN"] for key in keys] for m in ("raw", method))
            chosen = scores.matched(*trust)
            alike = (
                [hits[own] for hits, own in zip(space, chosen, strict=True)]
                for space in (raw, plane)
            )
            leads_ = [float(a.mean() - b.mean()) for a, b in (raw, plane, *alike)]
            means = [float(values.mean()) for values in trust]
            own = r.table.iloc[0]
            rows.append((own["dataset"], own["seed"], method, *leads_, *means, len(chosen[0])))
    columns = ["dataset", "seed", "method", "activations", "plane"]
    columns += ["activations, equally faithful", "plane, equally faithful"]
    return pd.DataFrame(rows, columns=[*columns, "trust trained", "trust untrained", "images"])


def judged(
    full_size: pd.DataFrame,
    table: pd.DataFrame,
    changed: pd.DataFrame,
    published: pd.DataFrame,
) -> dict[str | tuple[str, str], tuple]:
    """Apply the rules of data/claims.csv.

    Args:
        full_size: the source's measures at its size, columns dataset, seed, method, condition,
            layer, depth, measure, value.
        table: the same of all replications.
        changed: as `changes` returns it.
        published: as `published_table` returns it.

    Returns:
        What `report.judge` takes: claim, or (claim, data set) → (ours, holds).
    """
    found: dict[str | tuple[str, str], tuple] = {}
    first = full_size[full_size["seed"] == 0]
    for dataset in first["dataset"].unique():
        title = TITLES[dataset]
        for method in METHODS.values():
            layers = signed(first, dataset, method)
            seeds = [signed(own, dataset, method) for _, own in table.groupby("seed")]
            for name, outcome in _trends(layers, seeds).items():
                found[f"{method}-{name}", title] = outcome
        found["small", title] = _small(first, dataset)
        found["consistent", title] = _consistent(table, dataset)
        found["umap-margin", title] = _margin(first, dataset)
        for score in ("kNN", "probe"):
            for condition, sign in zip(CONDITIONS, (1, -1), strict=True):
                outcome = _found_on_test_images(changed, dataset, score, condition, sign)
                found[f"{score.lower()}-{condition}", title] = outcome
    if {"mnist", "fashion_mnist"} <= set(first["dataset"]):
        found |= _at_the_sources_size(full_size, published)
    return found


def signed(table: pd.DataFrame, dataset: str, method: str) -> pd.DataFrame:
    """Return the measures of BETTER, signed so that more is better.

    Returns:
        Index (condition, layer) with the pixels under both conditions, columns the measures.
    """
    rows = table[(table["dataset"] == dataset) & (table["method"] == method)]
    rows = under_both(rows) if (rows["condition"] == INPUT[0]).any() else rows
    wide = rows.pivot_table(index=["condition", "layer"], columns="measure", values="value")
    return wide[list(BETTER)] * pd.Series(BETTER)


def slopes(layers: pd.DataFrame, condition: str) -> pd.Series:
    """Return each measure's least-squares slope per layer, from `signed`."""
    values = layers.loc[condition].loc[list(LAYERS)]
    return pd.Series(np.polyfit(range(len(LAYERS)), values, 1)[0], values.columns)


def leads(layers: pd.DataFrame) -> pd.DataFrame:
    """Return by how much trained is better than untrained at each hidden layer, from `signed`."""
    trained, untrained = (layers.loc[condition].loc[list(HIDDEN)] for condition in CONDITIONS)
    return trained - untrained


def verdict(answers: ArrayLike, size: str = "") -> Verdict:
    """Return how many answers are yes, and True for all, False for fewer than half, else mixed."""
    answers = np.asarray(answers, bool)
    yes, of = int(answers.sum()), answers.size
    holds = True if yes == of else False if yes < of / 2 else "mixed"
    return f"{yes} of {of}" + (f"; {size}" if size else ""), holds


def _trends(layers: pd.DataFrame, seeds: Sequence[pd.DataFrame]) -> dict[str, Verdict]:
    found = {}
    for name, condition, sign in (("improves", "trained", 1), ("worsens", "untrained", -1)):
        by_layer = slopes(layers, condition)
        agree = np.array([slopes(s, condition) * sign > 0 for s in seeds])
        size = f"{_sizes(by_layer)} per layer; in replications {agree.sum()} of {agree.size}"
        found[name] = verdict(by_layer * sign > 0, size)
    steps = layers.loc["trained"].loc[list(LAYERS)].diff().iloc[1:]
    found["each-step"] = verdict(steps > 0, f"smallest steps {_sizes(steps.min())}")
    lead = leads(layers)
    found["worse"] = verdict(lead > 0, f"mean leads {_sizes(lead.mean())}")
    return found


def _small(first: pd.DataFrame, dataset: str) -> Verdict:
    ratios = []
    for method in METHODS.values():
        right = signed(first, dataset, method)["acc_knn"]
        ratios.append((1 - right["untrained", LAST]) / (1 - right["trained", LAST]))
    text = f"t-SNE {ratios[0]:.1f} and UMAP {ratios[1]:.1f} times the error"
    return text, verdict(np.array(ratios) < 2)[1]


def _consistent(table: pd.DataFrame, dataset: str) -> Verdict:
    seeds = [own for _, own in table.groupby("seed")]
    lead = [
        [leads(signed(own, dataset, method)).loc[LAST] for own in seeds]
        for method in METHODS.values()
    ]
    text = f"{len(seeds)} replications; smallest lead of d_s {np.array(lead)[..., 0].min():.3f}"
    return verdict((np.array(lead) > 0).all(axis=1), text)


def _margin(first: pd.DataFrame, dataset: str) -> Verdict:
    tsne, umap = (signed(first, dataset, m).drop(("untrained", "input")) for m in METHODS.values())
    better = umap > tsne
    return verdict(better, ", ".join(f"{m} {n}" for m, n in better.sum().items()) + " of 7")


def _found_on_test_images(
    changed: pd.DataFrame, dataset: str, score: str, condition: str, sign: int
) -> Verdict:
    rows = changed.set_index(["dataset", "score", "condition", "method"]).sort_index()
    rows = rows.loc[(dataset, score, condition)].loc[["raw", *METHODS.values()]]
    text = ", ".join(f"{SPACES[m]} {row.change:+.3f}" for m, row in rows.iterrows())
    return verdict((rows["change"] * sign > 0) & (rows["p_holm"] < 0.05), text)


def _at_the_sources_size(full_size: pd.DataFrame, published: pd.DataFrame) -> dict[str, Verdict]:
    found = {}
    first = full_size[full_size["seed"] == 0]
    weighed = against_null(compare(full_size, published)).set_index(["dataset", "method"])
    for method in METHODS.values():
        mnist, fashion = (
            leads(signed(first, dataset, method)).mean() for dataset in ("mnist", "fashion_mnist")
        )
        text = f"mean leads MNIST {_sizes(mnist)}; Fashion-MNIST {_sizes(fashion)}"
        found[f"{method}-weaker"] = verdict(fashion < mnist, text)
        for dataset in ("mnist", "fashion_mnist"):
            ratio = weighed.loc[(dataset, method)].set_index("measure")["ratio"]
            text = "ours / guess: " + ", ".join(f"{m} {r:.2f}" for m, r in ratio.items())
            found[f"table-{dataset}-{method}"] = verdict(ratio < 0.5, text)
    gain = [
        layers.loc["trained", LAST] - layers.loc["trained", "input"]
        for layers in (signed(first, "fashion_mnist", m) for m in METHODS.values())
    ]
    text = "; ".join(f"{m} {_sizes(g)}" for m, g in zip(METHODS, gain, strict=True))
    return found | {"fashion-layer3": verdict(np.array(gain) > 0, text)}


def farthest_row(full_size: pd.DataFrame, published: pd.DataFrame) -> pd.DataFrame:
    """Show the row whose published numbers are farthest from ours, with several seeds.

    Returns:
        Index the measures of BETTER; columns published, a column per seed, low and high, between
        which a further seed is expected, and inside, whether the published number lies there.
        Empty if the row was not computed.
    """
    keys = ["dataset", "method", "condition", "layer"]
    ours, theirs = (
        t[(t[keys] == FARTHEST).all(axis=1) & t["measure"].isin(BETTER)]
        for t in (full_size, published)
    )
    seeds = ours.pivot(index="measure", columns="seed", values="value").reindex(list(BETTER))
    if seeds.shape[1] < 2:
        return pd.DataFrame()
    expected = np.array([further_seed(row) for row in seeds.to_numpy()])
    found = seeds.add_prefix("seed ").assign(low=expected[:, 0], high=expected[:, 1])
    found.insert(0, "published", theirs.set_index("measure")["value"])
    return found.assign(inside=found["published"].between(found["low"], found["high"]))


def _sizes(values: pd.Series) -> str:
    return ", ".join(f"{measure} {value:+.3f}" for measure, value in values.items())


def _sign_test(differences: np.ndarray) -> float:
    up, down = int((differences > 0).sum()), int((differences < 0).sum())
    return float(stats.binomtest(up, up + down).pvalue) if up + down else 1.0
