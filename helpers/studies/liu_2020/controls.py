"""The population sparseness of a network's control twins."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator, Mapping

import keras
import pandas as pd
from numpy.typing import ArrayLike
from tqdm.auto import tqdm

from helpers import layers, models
from helpers.data import ImageSet
from helpers.metrics import intervals
from helpers.studies.liu_2020 import tables


def psi_of_twins(
    model: keras.Model,
    images: ImageSet,
    intact: pd.DataFrame,
    seeds: Iterable[int] = range(3),
    bias_seeds: Iterable[int] = range(1),
) -> pd.DataFrame:
    """Return the PSI of a network beside that of its twins on the same images.

    Conditions: intact; weights permuted and biases permuted, once per seed; no ReLU.
    Every twin is built, run once, and freed before the next.

    Args:
        model: a functional or sequential model with a `card`.
        images: the image set that `intact` was measured on.
        intact: the network's own PSI, rows of `tables.psi`; its layers are those
            measured in the twins.
        seeds: of the permutations of weights.
        bias_seeds: of the permutations of biases.

    Returns:
        As `tables.psi`, measure psi only, with columns condition and seed;
        network is the intact network's title throughout.
    """
    own = intact.query("measure == 'psi'")
    names, conditions = list(own["layer"].unique()), list(_conditions(seeds, bias_seeds))
    title = own["network"].iloc[0]
    parts = [own.assign(condition="intact", seed=0)]
    for condition, seed in tqdm(conditions, desc=f"twins of {model.name}", leave=False):
        gc.collect()  # a network holds cycles: without this, twins pile up in memory
        twin = _twin(model, condition, seed)
        responses = layers.category_responses(twin, images, names, progress=False)
        table = tables.psi(responses).query("measure == 'psi'")
        parts.append(table.assign(network=title, condition=condition, seed=seed))
    return pd.concat(parts, ignore_index=True)


def summary(table: pd.DataFrame, shares: Mapping[str, ArrayLike]) -> pd.DataFrame:
    """Sum up each twin: its trend with depth, its correlation with accuracy, its dead units.

    Args:
        table: from `psi_of_twins`, one network or several.
        shares: network -> (categories,) accuracy of the intact network.

    Returns:
        Columns tau (Kendall, layer index and PSI of all categories), r (PSI of the
        deepest layer and accuracy), dead (share of the units of all layers), indexed
        by network, condition, seed.
    """

    def numbers(rows: pd.DataFrame) -> pd.Series:
        deepest = rows[rows["depth"] == rows["depth"].max()]
        accuracy = shares[rows["network"].iloc[0]]
        units = rows.drop_duplicates("layer")[["dead", "units"]].sum()
        return pd.Series(
            {
                "tau": intervals.depth_trend(tables.matrix(rows)),
                "r": intervals.correlation(deepest["value"], accuracy),
                "dead": units["dead"] / units["units"],
            }
        )

    keys = ["network", "condition", "seed"]
    return table.groupby(keys, sort=False)[list(table.columns)].apply(numbers)


def _conditions(seeds: Iterable[int], bias_seeds: Iterable[int]) -> Iterator[tuple[str, int]]:
    yield from (("weights permuted", seed) for seed in seeds)
    yield from (("biases permuted", seed) for seed in bias_seeds)
    yield "no ReLU", 0


def _twin(model: keras.Model, condition: str, seed: int) -> keras.Model:
    if condition == "weights permuted":
        return models.permute_weights(model, seed)
    if condition == "biases permuted":
        return models.permute_biases(model, seed)
    return models.without_nonlinearity(model)
