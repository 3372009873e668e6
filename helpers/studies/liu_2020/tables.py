"""PSI of every category in every layer, its variants and nulls, as tables."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq

from helpers.layers import Responses
from helpers.metrics import checks, sparsity


def psi(
    responses: Responses,
    layers: Sequence[str] | None = None,
    subset: str = "all",
    seed: int = 0,
) -> pd.DataFrame:
    """Return the PSI of every category in every layer, with its variants and nulls.

    Measures: psi (Liu, Zhen & Liu's normalisation); psi, z-scores (no min-max: z-scores,
    their negative half set to 0); gini, raw (Gini of the category responses as they are; left
    out where one is negative); psi, equal channels (`psi_of_drawn`, as many channels as the
    narrowest of the layers has).
    Nulls: psi, noise (Gaussian numbers, dead units left dead) and psi, independent
    (`sparsity.psi_null`: each channel's responses shuffled over the categories).

    Args:
        responses: from `layers.category_responses`.
        layers: which of its layers, in depth order; None for all.
        subset: which of its subsets of images.
        seed: of the nulls and draws.

    Returns:
        Columns network, layer, depth, units, dead (units that are constant across
        categories), category, measure, value.
    """
    means = responses.means[subset]
    chosen = list(layers or means)
    fewest = min(means[layer].shape[1] for layer in chosen)
    parts = []
    for depth, layer in enumerate(chosen):
        table = means[layer]
        about = {
            "network": responses.network,
            "layer": layer,
            "depth": depth,
            "units": table.shape[1],
            "dead": int(sparsity.dead_units(table).sum()),
            "category": responses.categories,
        }
        variants = _variants(table, seed)
        variants["psi, equal channels"] = psi_of_drawn(table, fewest, seed=seed)
        for measure, values in variants.items():
            parts.append(pd.DataFrame(about | {"measure": measure, "value": values}))
    return pd.concat(parts, ignore_index=True)


def psi_of_drawn(
    responses: ArrayLike, channels: int, repeats: int = 50, seed: int = 0
) -> NDArray[np.float64]:
    """Return the PSI of a few channels drawn at random, the mean over draws.

    Layers of different width are so compared at one width, and one level of noise.

    Args:
        responses: (categories, units).
        channels: how many are drawn, without replacement; all of them where there are fewer.
        repeats: draws.
        seed: of the draws.

    Returns:
        (categories,)
    """
    table, rng = np.asarray(responses), np.random.default_rng(seed)
    if channels >= table.shape[1]:
        return sparsity.psi(sparsity.normalise_responses(table))
    drawn = (rng.choice(table.shape[1], channels, replace=False) for _ in range(repeats))
    return np.mean([sparsity.psi(sparsity.normalise_responses(table[:, d])) for d in drawn], axis=0)


def matrix(table: pd.DataFrame) -> NDArray[np.float64]:
    """Return a network's rows of `psi`, one measure, as (categories, layers).

    Raises:
        TypeError: values are no real numbers.
        ValueError: a category has no value in a layer, or an infinite one.
    """
    wide = table.pivot(index="category", columns="depth", values="value")
    return checks.finite(wide, "value", ("categories", "layers"))


def weibull_shape(x: ArrayLike) -> float:
    """Return the maximum-likelihood shape k of a Weibull distribution of the positive values.

    k = 1 is the exponential distribution; below it, small and large values are more frequent,
    above it, middling ones. The scale follows from the shape and is not returned.
    Source: Cohen 1965, Technometrics 7:579, equation 2.3.

    Args:
        x: values of any shape; those at or below 0 are left out.

    Raises:
        TypeError: no real numbers.
        ValueError: fewer than two different positive values, NaN or infinity.
    """
    x = checks.finite(x, "x").ravel()
    logs = np.log(x[x > 0])
    if logs.size < 2 or np.ptp(logs) == 0:
        raise ValueError("x needs two different positive values or more for a Weibull distribution")
    logs -= logs.max()

    def slope(k: float) -> float:
        weights = np.exp(k * logs)
        return (weights @ logs) / weights.sum() - 1 / k - logs.mean()

    return float(brentq(slope, 1e-3, 1e4))


def weibull(responses: Responses, layers: Sequence[str] | None = None) -> pd.DataFrame:
    """Fit a Weibull distribution to each category's normalised responses, layer by layer.

    Returns:
        Columns network, layer, depth, category, value (the shape).
    """
    parts = []
    for depth, layer in enumerate(layers or responses.means["all"]):
        normalised = sparsity.normalise_responses(responses.means["all"][layer])
        about = {"network": responses.network, "layer": layer, "depth": depth}
        shapes = [weibull_shape(row) for row in normalised]
        parts.append(pd.DataFrame(about | {"category": responses.categories, "value": shapes}))
    return pd.concat(parts, ignore_index=True)


def _variants(table: NDArray[np.float64], seed: int) -> dict[str, NDArray[np.float64]]:
    dead = sparsity.dead_units(table)
    spread = np.where(dead, np.inf, table.std(axis=0))
    scores = (table - table.mean(axis=0)) / spread
    variants = {
        "psi": sparsity.psi(sparsity.normalise_responses(table)),
        "psi, z-scores": sparsity.psi(np.maximum(scores, 0)),
        "psi, noise": sparsity.psi_noise(*table.shape, seed, dead=dead)[0],
        "psi, independent": sparsity.psi_null(table, seed, repeats=1)[0],
    }
    if table.min() >= 0:
        variants["gini, raw"] = sparsity.gini(table, axis=1)
    return variants
