"""Which of ImageNet's classes belong together, by the WordNet ids that name them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from helpers.data import _registry

# Ids of the classes rise from animals to artefacts; the first artefact is the abacus.
FIRST_NON_ANIMAL = "n02666196"


def is_animal(wnids: Iterable[str]) -> NDArray[np.bool_]:
    """Return which of the classes are animals: the first 398 of the 1,000."""
    return np.array([wnid < FIRST_NON_ANIMAL for wnid in wnids], bool)


def superordinate(wnids: Iterable[str]) -> NDArray[np.str_]:
    """Return the group of each class: "dog", "bird", "vehicle" … or "" for the other classes.

    Args:
        wnids: WordNet ids of ImageNet classes, as "n02085620".

    Returns:
        (n,) the groups of data/imagenet_groups.csv, whose rows are ranges of ids, ends
        included; within such a range all of ImageNet's classes belong to the group.
    """
    groups = pd.read_csv(_registry.TABLES / "imagenet_groups.csv")
    wnids = np.asarray(list(wnids), str)
    found = np.full(len(wnids), "", dtype=object)
    for row in groups.itertuples():
        found[(wnids >= row.first) & (wnids <= row.last)] = row.group
    return found.astype(str)
