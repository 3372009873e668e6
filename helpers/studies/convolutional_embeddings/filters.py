"""Filters one by one: how well a map tells the classes apart, and how sparse it is."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
from scipy import stats

from helpers.metrics import accuracy, checks, embeddings, intervals, sparsity
from helpers.studies.convolutional_embeddings import study
from helpers.studies.convolutional_embeddings.study import (
    CONDITIONS,
    FILTERED,
    INPUT,
    Network,
    flat,
    maps,
)
from helpers.studies.ruman_2021 import scores
from helpers.studies.ruman_2021 import study as mlp_study

SPARSENESS = {"gini": "Gini of all activations", "class_sparseness": "sparseness over classes"}

FEWEST = 3  # filters that can be ranked


def measure(network: Network, n: int) -> pd.DataFrame:
    """Measure every filter of the layers with maps, on test images.

    Returns:
        A row per condition, layer and filter; columns dataset, seed, condition, layer, filter
        (from 1), dead (the same map for all images), live (see `study.live`; what is neither is
        nearly silent), and of those not dead
        kNN: the share of images found by their ten nearest neighbours in this map alone;
        d_s: mean distance within classes / mean distance;
        gini: of the map's activations, all images and places together;
        class_sparseness: Treves-Rolls sparseness of the ten classes' mean activations;
        active: the share of activations above zero;
        pixels, whole: kNN of the pixels and of the whole layer, on the same images.
    """
    chosen = mlp_study.draw(network.arrays, network.seed, n)
    labels = network.arrays.y_test[chosen]
    found = network.activations(network.arrays.x_test[chosen])
    right = {key: _knn(flat(x), labels) for key, x in found.items()}
    rows = []
    for condition in CONDITIONS:
        for layer in FILTERED:
            x = found[condition, layer]
            there, live = dict(maps(x)), study.live(x)
            about = {"dataset": network.arrays.name, "seed": network.seed}
            about |= {"condition": condition, "layer": layer}
            for number in range(1, x.shape[-1] + 1):
                row = about | {"filter": number, "dead": number not in there}
                row["live"] = number in there and bool(live[number - 1])
                if number in there:
                    row |= _measures(there[number], labels)
                row |= {"pixels": right[INPUT], "whole": right[condition, layer]}
                rows.append(row)
    return pd.DataFrame(rows)


def _measures(x: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    means = np.array([x[labels == c].mean() for c in np.unique(labels)])
    return {
        "kNN": _knn(x, labels),
        "d_s": embeddings.structure(x, labels)["d_s"],
        "gini": float(sparsity.gini(x)),
        "class_sparseness": float(sparsity.treves_rolls(means)),
        "active": float(sparsity.active_fraction(x)),
    }


def by_layer(table: pd.DataFrame) -> pd.DataFrame:
    """Put live filters beside their whole layer and the pixels; the unit is the network.

    Args:
        table: as `measure` returns it, several networks.

    Returns:
        Index dataset, condition, layer; columns filters, dead, silent (numbers in all networks);
        mean and best (over the live filters of a network), whole, pixels: means over networks;
        gain, low, high: of the whole layer over the best filter of its own network, with the t
        interval over networks.
    """
    keys = ["dataset", "condition", "layer"]
    counted = table.assign(silent=~table["live"] & ~table["dead"]).groupby(keys, sort=False)
    found = counted.agg(filters=("dead", "size"), dead=("dead", "sum"), silent=("silent", "sum"))
    networks = table[table["live"]].groupby([*keys, "seed"], sort=False)
    each = networks.agg(
        mean=("kNN", "mean"), best=("kNN", "max"), whole=("whole", "first"),
        pixels=("pixels", "first"),
    )  # fmt: skip
    found = found.join(each.groupby(keys, sort=False).mean())
    gains = (each["whole"] - each["best"]).groupby(keys, sort=False)
    rows = {place: study.mean_interval(own) for place, own in gains}
    return found.join(pd.DataFrame(rows, index=["gain", "low", "high"]).T.rename_axis(keys))


def correlations(table: pd.DataFrame) -> pd.DataFrame:
    """Correlate filters' sparseness with how well they tell the classes apart.

    Filters are ranked within their network, so that no difference between networks counts; the
    correlation of these ranks is the networks' mean Spearman correlation. The unit of the
    bootstrap and of the permutations is the filter.

    Args:
        table: as `measure` returns it, several networks.

    Returns:
        A row per data set, condition, layer and sparseness of SPARSENESS: filters (live ones),
        rho, low, high, p; lowest and highest, the correlations within single networks; p_holm,
        corrected for all rows. A network's layer with fewer than three live filters is left out.

    Raises:
        TypeError: a measure holds no real numbers.
        ValueError: a live filter has none, or an infinite one.
    """
    rows = []
    keys = ["dataset", "condition", "layer"]
    live = table[table["live"]]
    live = live[live.groupby([*keys, "seed"])["kNN"].transform("size") >= FEWEST]
    if live.empty:
        raise ValueError(f"no network has {FEWEST} live filters in a layer: nothing to correlate")
    for place, own in live.groupby(keys, sort=False):
        for sparseness in SPARSENESS:
            x, y = within_networks(own, sparseness), within_networks(own, "kNN")
            test = intervals.correlation_test(x, y)
            networks = own.groupby("seed")
            rho = [stats.spearmanr(net[sparseness], net["kNN"])[0] for _, net in networks]
            about = (*place, sparseness, len(own), test.r, test.low, test.high, test.p)
            rows.append((*about, min(rho), max(rho)))
    columns = [*keys, "sparseness", "filters", "rho", "low", "high", "p", "lowest", "highest"]
    found = pd.DataFrame(rows, columns=columns)
    return found.assign(p_holm=intervals.holm(found["p"]))


def within_networks(table: pd.DataFrame, measure: str) -> np.ndarray:
    """Return each filter's rank in its network, as standard scores."""
    table = table.assign(**{measure: checks.finite(table[measure], measure, ("filters",))})
    ranks = table.groupby("seed")[measure].transform(lambda x: stats.zscore(stats.rankdata(x)))
    return ranks.to_numpy()


def joined_pairs(network: Network, n: int, layer: str = "layer2") -> pd.DataFrame:
    """Ask whether two maps together find more test images than the better one alone.

    Returns:
        A row per condition and pair of live filters; columns dataset, seed, condition, first,
        second, better (kNN of the better single one), joined, gain (joined less better), and
        low, high: its 95 % interval over the images.
    """
    chosen = mlp_study.draw(network.arrays, network.seed, n)
    labels = network.arrays.y_test[chosen]
    keys = [(condition, layer) for condition in CONDITIONS]
    rows = []
    for (condition, _), x in network.activations(network.arrays.x_test[chosen], keys).items():
        live = {number: part for number, part in maps(x) if study.live(x)[number - 1]}
        alone = {number: scores.knn_hits(part, labels) for number, part in live.items()}
        for a, b in combinations(live, 2):
            better = max(alone[a], alone[b], key=np.mean)
            joined = scores.knn_hits(np.hstack([live[a], live[b]]), labels)
            gain = intervals.mean_estimate(joined.astype(float) - better)
            about = (network.arrays.name, network.seed, condition, a, b)
            rows.append((*about, better.mean(), joined.mean(), *gain))
    columns = ["dataset", "seed", "condition", "first", "second", "better", "joined"]
    return pd.DataFrame(rows, columns=[*columns, "gain", "low", "high"])


def gains(pairs: pd.DataFrame) -> pd.DataFrame:
    """Average what pairs of filters gain over the better one; the unit is the network.

    Args:
        pairs: as `joined_pairs` returns it, several networks.

    Returns:
        Index dataset, condition; columns pairs; gain, low, high: the mean over a network's pairs,
        and over networks with its t interval; more, less: the share of pairs whose own interval
        over images lies above and below 0.
    """
    found = {}
    for place, own in pairs.groupby(["dataset", "condition"], sort=False):
        gain = study.mean_interval(own.groupby("seed")["gain"].mean())
        found[place] = (len(own), *gain, (own["low"] > 0).mean(), (own["high"] < 0).mean())
    columns = ["pairs", "gain", "low", "high", "more", "less"]
    table = pd.DataFrame.from_dict(found, orient="index", columns=columns)
    return table.set_index(pd.MultiIndex.from_tuples(found, names=["dataset", "condition"]))


def _knn(x: np.ndarray, labels: np.ndarray) -> float:
    return accuracy.knn_accuracy(x, labels, leave_one_out=True)
