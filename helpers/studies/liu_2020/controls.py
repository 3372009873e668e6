"""The population sparseness of a network's control twins, and what they lose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import keras
import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from tqdm.auto import tqdm

from helpers import layers, models
from helpers.data import ImageSet
from helpers.metrics import checks, intervals
from helpers.studies.liu_2020 import tables
from helpers.studies.liu_2020.correlations import pearson

MEASURES = ["psi", "psi, noise"]


def psi_of_twins(
    model: keras.Model,
    images: ImageSet,
    names: Sequence[str],
    weight_seeds: int = 3,
    bias_seeds: int = 1,
) -> pd.DataFrame:
    """Return the PSI of a network's twins.

    Conditions: weights permuted and biases permuted, once per seed; no ReLU.

    Args:
        model: a functional or sequential model with a `card`; its weights are the same again
            at the end.
        images: an image set.
        names: the layers, in depth order.
        weight_seeds: how many permutations of the weights.
        bias_seeds: how many permutations of the biases.

    Returns:
        As `tables.psi`, measures psi and psi, noise only, with columns condition and seed;
        network is the intact network's title throughout.
    """
    permuted = [("weights permuted", models.permuted_weights, s) for s in range(weight_seeds)]
    permuted += [("biases permuted", models.permuted_biases, s) for s in range(bias_seeds)]
    parts = []

    def run(twin: keras.Model, condition: str, seed: int) -> None:
        responses = layers.category_responses(twin, images, names, progress=False)
        table = tables.psi(responses, names).query("measure in @MEASURES")
        parts.append(table.assign(network=model.card.title, condition=condition, seed=seed))

    # The network itself takes its twins' weights in turn: no second one stays in memory, and its
    # pass is compiled once.
    own = model.get_weights()
    for condition, permute, seed in tqdm(permuted, desc=f"twins of {model.name}", leave=False):
        try:
            model.set_weights(permute(model, seed))
            run(model, condition, seed)
        finally:
            model.set_weights(own)
    layers.free_memory()
    run(models.without_nonlinearity(model), "no ReLU", 0)
    return pd.concat(parts, ignore_index=True)


def by_seed(table: pd.DataFrame) -> NDArray[np.float64]:
    """Return the PSI of a network under one condition as (categories, seeds, layers)."""
    own = table[table["measure"] == "psi"]
    return np.stack([tables.matrix(rows) for _, rows in own.groupby("seed")], axis=1)


def lost(
    twins: pd.DataFrame, shares: Mapping[str, ArrayLike], repeats: int = 200, seed: int = 0
) -> pd.DataFrame:
    """Compare a network's trend with depth, and its correlation with accuracy, with its twins'.

    The unit of replication is the category; the twins' numbers are means over their seeds.

    Args:
        twins: as `psi_of_twins`, with the intact network as one more condition; of the
            layers that are to count, the last one for the correlation.
        shares: network -> (categories,) accuracy of the intact network.
        repeats: bootstrap samples over categories.
        seed: of the bootstrap.

    Returns:
        Columns network, condition, statistic, value, low, high. Statistics: tau
        (`intervals.depth_trend`); r (PSI of the last layer and accuracy; 0 where all
        categories have one PSI); tau lost (tau intact less the twins'); r lost (|r| intact
        less the mean of the twins' |r|).
    """
    twins = twins.assign(value=checks.finite(twins["value"], "value", ("rows",)))
    rows = []
    for network, own in twins.groupby("network", sort=False):
        intact = by_seed(own[own["condition"] == "intact"])
        share = checks.finite(shares[network], "shares", ("categories",))
        for condition, part in own.groupby("condition", sort=False):
            twin = by_seed(part)
            samples = {"tau": (twin,), "r": (twin[..., -1], share)}
            if condition != "intact":
                samples |= {
                    "tau lost": (intact, twin),
                    "r lost": (intact[..., -1], twin[..., -1], share),
                }
            for statistic, arrays in samples.items():
                found = intervals.estimate(
                    STATISTICS[statistic], *arrays, repeats=repeats, seed=seed
                )
                about = {"network": network, "condition": condition, "statistic": statistic}
                rows.append(about | found._asdict())
    return pd.DataFrame(rows)


def above_noise(twins: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Return by how much the median PSI of twins lies above that of noise, layer by layer.

    Args:
        twins: from `psi_of_twins`, one network and one condition.
        seed: of the bootstrap over categories.

    Returns:
        Columns layer, value (mean over seeds), low, high.
    """
    twins = twins.assign(value=checks.finite(twins["value"], "value", ("rows",)))
    rows = []
    for layer, part in twins.groupby("layer", sort=False):
        psi, noise = (
            part[part["measure"] == m].pivot(index="category", columns="seed", values="value")
            for m in MEASURES
        )
        found = intervals.estimate(_median_above, psi, noise, repeats=500, seed=seed)
        rows.append({"layer": layer} | found._asdict())
    return pd.DataFrame(rows)


def _tau(values: NDArray) -> float:
    return float(np.mean([_tau_of_one(values[:, s]) for s in range(values.shape[1])]))


def _tau_of_one(values: NDArray) -> float:
    """Return the trend, 0 where no value differs from another (a twin that is all dead)."""
    return intervals.depth_trend(values) if np.ptp(values) else 0.0


def _r(psi: NDArray, share: NDArray) -> float:
    return float(pearson(psi, share[:, None], axis=0).mean())


def _tau_lost(intact: NDArray, twin: NDArray) -> float:
    return _tau(intact) - _tau(twin)


def _r_lost(intact: NDArray, twin: NDArray, share: NDArray) -> float:
    sizes = [np.abs(pearson(psi, share[:, None], axis=0)).mean() for psi in (intact, twin)]
    return float(sizes[0] - sizes[1])


def _median_above(psi: NDArray, noise: NDArray) -> float:
    return float((np.median(psi, axis=0) - np.median(noise, axis=0)).mean())


STATISTICS = {"tau": _tau, "r": _r, "tau lost": _tau_lost, "r lost": _r_lost}
