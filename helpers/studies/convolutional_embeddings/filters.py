"""Filters one by one: how well a map tells the classes apart, and how sparse it is."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
from scipy import stats

from helpers.metrics import accuracy, embeddings, intervals, sparsity
from helpers.studies.convolutional_embeddings.study import (
    CONDITIONS,
    FILTERED,
    INPUT,
    Network,
    flat,
    maps,
)
from helpers.studies.ruman_2021 import study as mlp_study

SPARSENESS = {"gini": "Gini of all activations", "class_sparseness": "sparseness over classes"}

FEWEST = 3  # filters that can be ranked


def measure(network: Network, n: int) -> pd.DataFrame:
    """Measure every filter of the layers with maps, on test images.

    Returns:
        A row per condition, layer and filter; columns dataset, seed, condition, layer, filter
        (from 1), dead, and of live ones
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
            live = dict(maps(x))
            about = {"dataset": network.arrays.name, "seed": network.seed}
            about |= {"condition": condition, "layer": layer}
            for number in range(1, x.shape[-1] + 1):
                row = about | {"filter": number, "dead": number not in live}
                if number in live:
                    row |= _measures(live[number], labels)
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


def correlations(table: pd.DataFrame) -> pd.DataFrame:
    """Correlate filters' sparseness with how well they tell the classes apart.

    Filters are ranked within their network, so that no difference between networks counts; the
    correlation of these ranks is the networks' mean Spearman correlation. The unit of the
    bootstrap and of the permutations is the filter.

    Args:
        table: as `measure` returns it, several networks.

    Returns:
        A row per data set, condition, layer and sparseness of SPARSENESS: filters (live ones),
        rho, low, high, p, and p_holm, corrected for all rows. A network's layer with fewer than
        three live filters is left out.
    """
    rows = []
    keys = ["dataset", "condition", "layer"]
    live = table[~table["dead"]]
    live = live[live.groupby([*keys, "seed"])["kNN"].transform("size") >= FEWEST]
    for place, own in live.groupby(keys, sort=False):
        for sparseness in SPARSENESS:
            x, y = within_networks(own, sparseness), within_networks(own, "kNN")
            test = intervals.correlation_test(x, y)
            rows.append((*place, sparseness, len(own), test.r, test.low, test.high, test.p))
    columns = [*keys, "sparseness", "filters", "rho", "low", "high", "p"]
    found = pd.DataFrame(rows, columns=columns)
    return found.assign(p_holm=intervals.holm(found["p"]))


def within_networks(table: pd.DataFrame, measure: str) -> np.ndarray:
    """Return each filter's rank in its network, as standard scores."""
    ranks = table.groupby("seed")[measure].transform(lambda x: stats.zscore(stats.rankdata(x)))
    return ranks.to_numpy()


def joined_pairs(network: Network, n: int, layer: str = "layer2") -> pd.DataFrame:
    """Ask whether two maps together find more test images than the better one alone.

    Returns:
        A row per condition and pair of live filters: first, second, better (kNN of the better
        single one), joined.
    """
    chosen = mlp_study.draw(network.arrays, network.seed, n)
    labels = network.arrays.y_test[chosen]
    keys = [(condition, layer) for condition in CONDITIONS]
    rows = []
    for (condition, _), x in network.activations(network.arrays.x_test[chosen], keys).items():
        live = dict(maps(x))
        alone = {number: _knn(part, labels) for number, part in live.items()}
        for a, b in combinations(live, 2):
            both = _knn(np.hstack([live[a], live[b]]), labels)
            rows.append((network.arrays.name, condition, a, b, max(alone[a], alone[b]), both))
    columns = ["dataset", "condition", "first", "second", "better", "joined"]
    return pd.DataFrame(rows, columns=columns)


def _knn(x: np.ndarray, labels: np.ndarray) -> float:
    return accuracy.knn_accuracy(x, labels, leave_one_out=True)
