"""PSI of every category in every layer, as tables."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from helpers.layers import Responses
from helpers.metrics import sparsity


def psi(responses: Responses, subset: str = "all", null_seed: int = 0) -> pd.DataFrame:
    """Return the PSI of every category in every layer, with its variants and nulls.

    Measures: psi (Liu, Zhen & Liu's normalisation); psi, z-scores (no min-max:
    z-scores, their negative half set to 0) and psi, raw and gini, raw (the category
    responses as they are; left out where one is negative); psi, shuffled units
    and psi, noise (the nulls of `sparsity.psi_null` and `sparsity.psi_noise`).

    Args:
        responses: from `layers.category_responses`.
        subset: which of its subsets of images.
        null_seed: of the two nulls.

    Returns:
        Columns network, layer, depth, units, dead (units that are constant across
        categories), category, measure, value.
    """
    rows = []
    for depth, (layer, table) in enumerate(responses.means[subset].items()):
        dead = int(sparsity.dead_units(table).sum())
        for measure, values in _variants(table, null_seed).items():
            rows.append(
                pd.DataFrame(
                    {
                        "network": responses.network,
                        "layer": layer,
                        "depth": depth,
                        "units": table.shape[1],
                        "dead": dead,
                        "category": responses.categories,
                        "measure": measure,
                        "value": values,
                    }
                )
            )
    return pd.concat(rows, ignore_index=True)


def matrix(table: pd.DataFrame) -> NDArray[np.float64]:
    """Return a network's rows of `psi`, one measure, as (categories, layers)."""
    return table.pivot(index="category", columns="depth", values="value").to_numpy()


def _variants(table: NDArray[np.float64], seed: int) -> dict[str, NDArray[np.float64]]:
    spread = np.where(sparsity.dead_units(table), np.inf, table.std(axis=0))
    scores = (table - table.mean(axis=0)) / spread
    variants = {
        "psi": sparsity.psi(sparsity.normalise_responses(table)),
        "psi, z-scores": sparsity.psi(np.maximum(scores, 0)),
        "psi, shuffled units": sparsity.psi_null(table, seed, repeats=1)[0],
        "psi, noise": sparsity.psi_noise(*table.shape, seed=seed)[0],
    }
    if table.min() >= 0:
        variants |= {"psi, raw": sparsity.psi(table), "gini, raw": sparsity.gini(table, axis=1)}
    return variants
