"""Sparseness, PSI, decorrelation and the likeness of layers, as tables, from one pass."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from helpers.metrics import checks, intervals, similarity, sparsity
from helpers.studies.your_network.one_pass import Seen

Array = NDArray[np.float64]


def sparseness(seen: Seen) -> pd.DataFrame:
    """Tabulate every image's Gini coefficient and its parts in every layer.

    With a share a of active units and their own Gini coefficient g, the Gini coefficient of all
    is (1 - a) + a g (notebook 01).

    Returns:
        Columns network, layer, depth, stage, image, category, measure, value; measures gini,
        active, gini_active and negative.
    """
    parts = []
    for row in seen.places.itertuples():
        gini, active, negative = seen.sparseness[row.layer].T
        own = np.divide(gini - (1 - active), active, out=np.full(len(gini), np.nan),
                        where=active > 0)  # fmt: skip
        measures = {"gini": gini, "active": active, "gini_active": own, "negative": negative}
        about = {
            "network": seen.network,
            "layer": row.layer,
            "depth": row.depth,
            "stage": row.stage,
            "image": seen.images.names,
            "category": seen.images.category,
        }
        parts += [pd.DataFrame(about | {"measure": m, "value": v}) for m, v in measures.items()]
    return pd.concat(parts, ignore_index=True)


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Return each layer's mean with Student's 95 % interval, over images or categories.

    Args:
        table: columns network, layer, depth, stage, value, and perhaps measure, null_low and
            null_high; rows without a value are left out.

    Raises:
        TypeError: values are no real numbers.
        ValueError: fewer than two values in a layer, infinity, or no rows.
    """
    table = table.assign(value=checks.finite(table["value"], "value", ("rows",), missing=True))
    keys = ["network", "measure", "layer", "depth", "stage", "null_low", "null_high"]
    rows = []
    for key, part in table.groupby([k for k in keys if k in table], sort=False):
        found = intervals.mean_estimate(part["value"].dropna().to_numpy())
        rows.append([*key, found.value, found.low, found.high])
    return pd.DataFrame(rows, columns=[*(k for k in keys if k in table), "value", "low", "high"])


def responses(seen: Seen, layer: str) -> Array:
    """Return each channel's mean response to each category, (categories, channels)."""
    categories, index = np.unique(seen.images.category, return_inverse=True)
    sums = np.zeros((len(categories), seen.channels[layer].shape[1]))
    np.add.at(sums, index, seen.channels[layer])
    return sums / np.bincount(index)[:, None]


def category_psi(seen: Seen, seed: int = 0) -> pd.DataFrame:
    """Tabulate the PSI of every category in every layer, and its level under noise (notebook 04).

    Returns:
        Columns network, layer, depth, stage, category, value, null_low, null_high: the ends of
        the 95 % interval of the mean PSI of Gaussian noise with as many channels, as many of
        them dead.
    """
    parts = []
    for row in seen.places.itertuples():
        table = responses(seen, row.layer)
        noise = sparsity.psi_noise(*table.shape, seed, 20, sparsity.dead_units(table))
        low, high = np.quantile(noise.mean(axis=1), [0.025, 0.975])
        about = {
            "network": seen.network,
            "layer": row.layer,
            "depth": row.depth,
            "stage": row.stage,
            "category": np.unique(seen.images.category),
            "value": sparsity.psi(sparsity.normalise_responses(table)),
        }
        parts.append(pd.DataFrame(about | {"null_low": low, "null_high": high}))
    return pd.concat(parts, ignore_index=True)


def decorrelation(seen: Seen, repeats: int = 500, seed: int = 0) -> pd.DataFrame:
    """Tabulate 1 - r of pairs of images in every layer, with a bootstrap interval over images.

    Returns:
        Columns network, layer, depth, stage, value, low, high.
    """
    weights = similarity.resample(len(seen.images), repeats, seed)
    rows = []
    for row in seen.places.itertuples():
        matrix = seen.similar[row.layer].correlation
        low, high = np.quantile(similarity.decorrelation(matrix, weights), [0.025, 0.975])
        about = {"network": seen.network, "layer": row.layer, "depth": row.depth}
        rows.append(about | {"stage": row.stage, "value": similarity.decorrelation(matrix),
                             "low": low, "high": high})  # fmt: skip
    return pd.DataFrame(rows)


def layer_by_layer(seen: Seen) -> tuple[list[str], dict[str, Array]]:
    """Compare layers by what they make of all pairs of images.

    Returns:
        The layers in which images differ, and two (layers, layers) matrices by name: second-order
        r (Kriegeskorte et al. 2008) and debiased CKA (Kornblith et al. 2019).
    """
    usable = [n for n, s in seen.similar.items() if np.isfinite(s.correlation).any()]
    matrices = [seen.similar[n].correlation for n in usable]
    grams = [seen.similar[n].gram for n in usable]
    cka = similarity.cka(grams, debiased=len(seen.images) > 3)
    return usable, {"second-order r": similarity.second_order(matrices), "CKA": cka}
