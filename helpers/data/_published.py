"""The numbers that the sources published, to compare the notebooks' results with."""

from __future__ import annotations

import numpy as np
import pandas as pd

from helpers import project
from helpers.data._registry import TABLES


def published(source: str | None = None) -> pd.DataFrame:
    """Return the numbers that the sources published, as data/published.csv holds them.

    Args:
        source: one of its source ids; None for all.

    Returns:
        One row per number: source, place, network, dataset, source_layer (the source's
        name), layer (the name here, NaN if there is none), condition, measure, value,
        approximate (whether read off a figure or given as a bound).

    Raises:
        ValueError: no source has that id; the message lists those there are.
    """
    table = pd.read_csv(project.shipped(TABLES / "published.csv"))
    if source is None:
        return table
    chosen = table[table.source == source]
    if chosen.empty:
        raise ValueError(f"no source {source!r}: choose one of {', '.join(table.source.unique())}")
    return chosen.reset_index(drop=True)


def published_similarities() -> dict[str, np.ndarray]:
    """Return the correlations between the 40 photos that Guest & Love (2017) drew as heat maps.

    Pearson correlations of the flattened activations of 14 tensors of the 2015
    Inception-v3, read off the colours of the figures and exact to ±.004
    (data/README.md says how).

    Returns:
        Layer (input, mixed0 … mixed10, avg_pool, predictions) → (40, 40) symmetric
        matrix, photos in the order of `guest_love_photos`, ones on the diagonal.
        "input" is the picture as the network takes it (the tensor Mul). The figures do
        not name the photos within a category; their order there is the one that fits
        best over Mul … mixed_8, so that agreement in these layers is partly by choice.
    """
    table = pd.read_csv(project.shipped(TABLES / "guest_love_2017_similarity.csv"))
    first, second = table.pop("first"), table.pop("second")
    matrices = {}
    for layer, r in table.items():
        matrices[layer] = np.eye(second.max() + 1)
        matrices[layer][first, second] = matrices[layer][second, first] = r
    return matrices
