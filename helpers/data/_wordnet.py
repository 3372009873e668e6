"""ImageNet's classes by their WordNet ids, and which of them belong together."""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from helpers import project
from helpers.data._fetching import fetch
from helpers.data._registry import TABLES

LABEL_MAPS = "inception-2015-12-05"
# Ids of the classes rise from animals to artefacts; the first artefact is the abacus.
FIRST_NON_ANIMAL = "n02666196"


def imagenet_classes() -> pd.DataFrame:
    """Return ImageNet's 1,000 classes in the order of Keras' outputs, that of WordNet ids.

    Returns:
        A table with the columns wnid, name (English) and node (the class's output in
        the 2015 Inception-v3, 1 to 1,000).

    Raises:
        FetchError: a label map is missing and could not be fetched.
    """
    label_map = fetch(f"{LABEL_MAPS}/imagenet_2012_challenge_label_map_proto.pbtxt").read_text(
        "utf-8"
    )
    pairs = re.findall(r'target_class: (\d+)\s+target_class_string: "(n\d+)"', label_map)
    lines = (
        fetch(f"{LABEL_MAPS}/imagenet_synset_to_human_label_map.txt")
        .read_text("utf-8")
        .splitlines()
    )
    english = dict(line.split("\t") for line in lines)
    rows = sorted((wnid, english[wnid], int(node)) for node, wnid in pairs)
    return pd.DataFrame(rows, columns=["wnid", "name", "node"])


def is_animal(wnids: Iterable[str]) -> NDArray[np.bool_]:
    """Return which of the classes are animals: the first 398 of the 1,000.

    Args:
        wnids: n WordNet ids of ImageNet classes, as "n02085620".

    Returns:
        (n,) bool.

    Raises:
        ValueError: wnids are no WordNet ids.
    """
    wnids = _texts(wnids)
    if wrong := [each for each in wnids.tolist() if not re.fullmatch(r"n\d{8}", each)]:
        raise ValueError(f"wnids must be WordNet ids as 'n02085620', got {wrong[0]!r}")
    return wnids < FIRST_NON_ANIMAL


def superordinate(wnids: Iterable[str]) -> NDArray[np.str_]:
    """Return the group of each class: "dog", "bird", "vehicle" … or "" for all others.

    Args:
        wnids: n WordNet ids of ImageNet classes, as "n02085620".

    Returns:
        (n,) the groups of data/imagenet_groups.csv, whose rows are ranges of ids, ends
        included; within such a range all of ImageNet's classes belong to the group.

    Raises:
        ValueError: wnids are no text.
    """
    groups = pd.read_csv(project.shipped(TABLES / "imagenet_groups.csv"))
    wnids = _texts(wnids)
    found = np.full(len(wnids), "", dtype=object)
    for row in groups.itertuples():
        found[(wnids >= row.first) & (wnids <= row.last)] = row.group
    return found.astype(str)


def _texts(wnids: Iterable[str]) -> NDArray[np.str_]:
    """Return text as an array, or raise ValueError."""
    wnids = [wnids] if isinstance(wnids, str) or not np.iterable(wnids) else list(wnids)
    if others := [each for each in wnids if not isinstance(each, str)]:
        raise ValueError(f"wnids must be text as 'n02085620', got {others[0]!r}")
    return np.array(wnids, str)
