"""One pass of a network over images, with all that notebook 02 asks of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
import pandas as pd
import tensorflow as tf
from numpy.typing import ArrayLike, NDArray

from helpers import layers
from helpers.metrics import checks, similarity, sparsity
from helpers.studies.rupprecht_2017.common import Profiles

Array = NDArray[np.float64]

EDGES = np.linspace(0, 10, 101)


class Seen(NamedTuple):
    """What a pass over images leaves.

    Attributes:
        active: (images, layers) share of non-zero activations.
        correlations: (layers, images, images).
        pixels: (images, images) correlations of the network's input.
        histograms: layer -> counts of its activations in `EDGES`, the source's 100 bins.
        profiles: layer -> `Profiles`.
        outputs: (images, classes) the last layer's activations.
    """

    active: Array
    correlations: Array
    pixels: Array
    histograms: dict[str, sparsity.Histogram]
    profiles: dict[str, Profiles]
    outputs: NDArray[np.float32]


def observe(model: keras.Model, images: Any, names: Sequence[str], **options: Any) -> Seen:
    """Run a network once over images and keep what is small.

    Args:
        model: with an input layer and, as the last of `names`, its output.
        images: a set of images.
        names: the layers, in depth order.
        **options: of `layers.stream`.
    """
    source, last = layers.select(model)[0], names[-1]
    profiles = {layer: Profiles() for layer in names}
    histograms = {layer: sparsity.Histogram(EDGES) for layer in names}
    outputs = []
    with similarity.pattern_store(len(images)) as new:
        patterns = {layer: new() for layer in (source, *names)}
        for _, batch in layers.stream(model, images, [source, *names], **options):
            for layer, x in batch.items():
                patterns[layer].update(x)
            for layer in names:
                profiles[layer].update(batch[layer])
                histograms[layer].update(batch[layer])
            outputs.append(batch[last].copy())
            batch.clear()
        pixels, *found = [patterns[x].similarity(x).correlation for x in (source, *names)]
    active = np.column_stack([histograms[layer].active_per_image for layer in names])
    outputs = np.vstack(outputs)
    return Seen(active, np.array(found), pixels, histograms, profiles, outputs)


def shrunk(preprocess: Callable[[tf.Tensor], tf.Tensor], side: int) -> Callable:
    """Return a preprocessing that first shrinks an image to side x side pixels.

    Args:
        preprocess: what the network does with an image (height, width, channels) of 0..255.
        side: in pixels; antialiased, as thumbnails are.
    """

    def shrink_and_preprocess(image: tf.Tensor) -> tf.Tensor:
        return preprocess(tf.image.resize(image, (side, side), antialias=True))

    return shrink_and_preprocess


def by_layer(
    names: Sequence[str], measure: str, values: ArrayLike, draws: ArrayLike | None = None, **more
) -> pd.DataFrame:
    """Put a value per layer, and the 95 % interval of its resamples, into a tidy table.

    Args:
        names: the layers, in depth order.
        measure: what the value is.
        values: (layers,).
        draws: (resamples, layers); without them, low and high are NaN.
        **more: further columns, one value or one per layer.

    Raises:
        TypeError: values or draws are no real numbers.
        ValueError: another shape, or infinity.
    """
    values = checks.finite(values, "values", ("layers",), missing=True)
    low, high = np.nan, np.nan
    if draws is not None:
        draws = checks.finite(draws, "draws", ("resamples", "layers"), missing=True)
        low, high = np.nanquantile(draws, [0.025, 0.975], axis=0)
    columns = {"layer": names, "depth": range(len(names)), "measure": measure, "value": values}
    return pd.DataFrame({**columns, "low": low, "high": high, **more})


class Curves(NamedTuple):
    """Active share and decorrelation by layer, with their bootstrap samples.

    Attributes:
        table: tidy; measure is "active_percent" or "decorrelation" (1 - r).
        active: (resamples, layers) shares.
        apart: (resamples, layers).
    """

    table: pd.DataFrame
    active: Array
    apart: Array


def curves(seen: Seen, names: Sequence[str], pictures: str, seed: int = 0) -> Curves:
    """Return the two curves of the source's second figure with intervals over images.

    Args:
        seen: from `observe`.
        names: the layers.
        pictures: what the images are called in the table.
        seed: of the bootstrap.
    """
    weights = similarity.resample(len(seen.active), seed=seed)
    active = weights @ seen.active / len(seen.active)
    apart = similarity.decorrelation(seen.correlations, weights)
    values = {
        "active_percent": (100 * seen.active.mean(axis=0), 100 * active),
        "decorrelation": (similarity.decorrelation(seen.correlations), apart),
    }
    tables = [by_layer(names, k, *both, pictures=pictures) for k, both in values.items()]
    return Curves(pd.concat(tables, ignore_index=True), active, apart)
