"""Whether sparseness goes with accuracy, or with how difficult a category's images are."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import tensorflow as tf
from numpy.typing import ArrayLike, NDArray

from helpers.data import ImageSet
from helpers.layers import Responses
from helpers.metrics import accuracy, intervals
from helpers.studies.liu_2020 import correlations, tables

KEYS = ["network", "layer", "depth"]


def small_pixels(images: ImageSet, side: int = 32) -> NDArray[np.float32]:
    """Return the images shrunk to side x side, as vectors (images, side² * channels) of 0..1."""

    def shrink(image: tf.Tensor) -> tf.Tensor:
        return tf.reshape(tf.image.resize(image, (side, side), antialias=True) / 255.0, [-1])

    return np.concatenate([batch.numpy() for batch in images.tensors(shrink, batch_size=256)])


def variance_within(vectors: ArrayLike, labels: ArrayLike) -> NDArray[np.float64]:
    """Return how much the images of each category differ: the mean squared distance to their mean.

    Args:
        vectors: (images, dimensions).
        labels: (images,) categories.

    Returns:
        (categories,) in the order of the sorted categories, in squared units of `vectors`.
    """
    vectors, labels = np.asarray(vectors, float), np.asarray(labels)
    return np.array(
        [vectors[labels == category].var(axis=0).sum() for category in np.unique(labels)]
    )


def partial_correlations(
    table: pd.DataFrame,
    shares: Mapping[str, ArrayLike],
    controls: Mapping[str, Mapping[str, ArrayLike]],
) -> pd.DataFrame:
    """Correlate PSI with accuracy, plainly and controlling for another property of the categories.

    Args:
        table: rows of `tables.psi` of one measure.
        shares: network -> (categories,) accuracy.
        controls: name of the check -> network -> (categories,) the property held constant.

    Returns:
        Columns network, layer, depth, check ("plain" or a name of controls), r.
    """
    rows = []
    for key, group in table.groupby(KEYS, sort=False):
        x, y = group["value"].to_numpy(), shares[key[0]]
        rows.append((*key, "plain", intervals.correlation(x, y)))
        for check, control in controls.items():
            rows.append((*key, check, intervals.partial_correlation(x, y, control[key[0]])))
    return pd.DataFrame(rows, columns=[*KEYS, "check", "r"])


def across_halves(
    seen: Mapping[str, Responses],
    correct: Mapping[str, ArrayLike],
    halves: Mapping[str, ArrayLike],
) -> pd.DataFrame:
    """Correlate PSI with accuracy measured on other images, and on the same half of the images.

    Args:
        seen: network -> its responses, with the halves among their subsets.
        correct: network -> (images,) from `accuracy.cross_validated`.
        halves: two names -> (images,) booleans.

    Returns:
        Columns network, layer, depth, check ("other images" or "same half"), r (the
        mean of both directions, or of both halves).
    """
    parts = []
    for name, responses in seen.items():
        for half in halves:
            psi = tables.psi(responses, half).query("measure == 'psi'")
            for scored, chosen in halves.items():
                share = accuracy.by_category(correct[name], responses.labels, chosen)
                check = "same half" if half == scored else "other images"
                parts.append(correlations.with_accuracy(psi, {name: share}).assign(check=check))
    table = pd.concat(parts)
    return table.groupby([*KEYS, "check"], sort=False, as_index=False)["r"].mean()


def stability(responses: Responses, halves: Mapping[str, ArrayLike]) -> pd.Series:
    """Return, layer by layer, the correlation of the PSI of two halves of the images.

    Args:
        responses: with the two halves among its subsets.
        halves: their names (as keys).

    Returns:
        Layer -> Pearson's r over categories (split-half reliability).
    """
    one, other = (tables.psi(responses, h).query("measure == 'psi'") for h in halves)
    pairs = zip(tables.matrix(one).T, tables.matrix(other).T, strict=True)
    return pd.Series([np.corrcoef(*pair)[0, 1] for pair in pairs], index=one["layer"].unique())
