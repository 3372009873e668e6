"""The one pass over the images, and what it keeps of each."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from helpers import data, layers
from helpers.metrics import similarity
from helpers.studies.your_network.activity import EDGES, ScaledHistogram, how_sparse

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Seen:
    """What one pass over the images found.

    Attributes:
        network: title.
        places: a row per layer, as `layers.describe` returns it.
        images: the image set.
        sparseness: layer -> (images, 3), see `how_sparse`.
        channels: layer -> (images, channels) means over places.
        histograms: layer -> counts in units of the RMS.
        similar: layer -> the correlations of all pairs of images, and their inner products.
    """

    network: str
    places: pd.DataFrame
    images: data.ImageSet
    sparseness: Mapping[str, Array]
    channels: Mapping[str, NDArray[np.float32]]
    histograms: Mapping[str, ScaledHistogram]
    similar: Mapping[str, similarity.Similarity]


def examples(full: bool) -> data.ImageSet:
    """Return the images of the notebook: five of each category of Caltech-101, or 300 digits."""
    return data.caltech101(5) if full else data.digits(300)


def check(images: data.ImageSet) -> None:
    """Refuse an image set that the analyses cannot take, before anything is computed.

    Raises:
        ValueError: fewer than 3 images or 3 categories, or a category with one image.
    """
    names, counts = np.unique(images.category, return_counts=True)
    if len(names) < 3:
        raise ValueError(
            f"{len(images)} images of {len(names)} categories: put them into sub-folders, one per "
            "category, at least 3 of them"
        )
    if counts.min() < 2:
        alone = names[counts < 2]
        raise ValueError(
            f"categories with one image only: {', '.join(map(str, alone[:5]))}; each needs two"
        )


def look(
    model: keras.Model,
    images: data.ImageSet,
    chosen: Sequence[str],
    folder: str | Path | None = None,
    **options: Any,
) -> Seen:
    """Show all images to a network once, and keep what the notebook asks of them.

    Args:
        model: the network, with a card.
        images: at least 3 images.
        chosen: names of layers.
        folder: where finished shards and the images' patterns are kept: after an interruption
            the pass goes on there (it needs Zarr). None: nothing outlasts the pass.
        **options: client (with a folder), batch_size and progress of `layers.accumulate`.

    Raises:
        ValueError: see `check`, or as `layers.accumulate`.
        OSError: the disk has no room for the patterns.
    """
    check(images)
    places = layers.describe(model, chosen)
    if folder is None:
        with similarity.pattern_store(len(images)) as patterns:
            found = layers.accumulate(model, images, chosen, accumulators(patterns), **options)
            similar = {n: each["patterns"].similarity(n) for n, each in found.items()}
    else:
        shards, patterns = Path(folder) / "shards", Path(folder) / "patterns"
        if not shards.exists():
            patterns.mkdir(parents=True, exist_ok=True)
            _check_disk(4 * int(places["units"].sum()) * len(images), patterns)
        kept = accumulators(partial(layers.KeptPatterns, patterns))
        found = layers.accumulate(model, images, chosen, kept, keep=shards, **options)
        client = options.get("client")
        similar = {n: each["patterns"].similarity(n, client) for n, each in found.items()}
    return Seen(
        model.card.title,
        places,
        images,
        {layer: each["images"]["sparse"] for layer, each in found.items()},
        {layer: each["images"]["channels"] for layer, each in found.items()},
        {layer: each["histogram"] for layer, each in found.items()},
        similar,
    )


def accumulators(patterns: Callable[[], layers.Accumulator]) -> dict[str, Callable]:
    """Return what makes a layer's accumulators.

    Args:
        patterns: what makes the one that keeps the patterns.

    Returns:
        Name -> a function without arguments, as `layers.accumulate` takes them.
    """
    functions = {"sparse": how_sparse, "channels": layers.channel_means}
    return {
        "images": partial(layers.PerImage, functions),
        "histogram": partial(ScaledHistogram, EDGES),
        "patterns": patterns,
    }


def _check_disk(needed: int, folder: Path) -> None:
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise OSError(
            f"the patterns take {needed / 1e9:.1f} GB, and {folder} has {free / 1e9:.1f} GB left: "
            "choose fewer images or layers, or another folder (KEEP)"
        )
