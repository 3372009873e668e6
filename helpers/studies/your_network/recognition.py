"""Which images are recognised, and whether PSI goes with it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from helpers import data
from helpers.metrics import accuracy, checks, intervals
from helpers.studies.your_network.one_pass import Seen


class Recognised(NamedTuple):
    """Which images were recognised.

    Attributes:
        correct: (images,) booleans.
        how: by what, in words.
    """

    correct: NDArray[np.bool_]
    how: str


def recognised(seen: Seen) -> Recognised:
    """Say of every image whether its category was recognised.

    By the network itself where it has one output per category (taken in alphabetical order, as
    Keras numbers the sub-folders of a folder), or ImageNet's 1,000 outputs and categories called
    by WordNet ids. Else by the nearest mean (`nearest_mean`) in the last hidden layer.

    Raises:
        ValueError: the nearest mean is needed, and a category has one image only.
    """
    last = seen.places["layer"].iloc[-1]
    outputs = seen.channels[last]
    categories, index = np.unique(seen.images.category, return_inverse=True)
    if outputs.shape[1] == len(categories):
        return Recognised(outputs.argmax(axis=1) == index, f"the network's own answer ({last})")
    if outputs.shape[1] == 1000 and all(c.startswith("n0") or c.startswith("n1")
                                        for c in categories):  # fmt: skip
        wnids = data.imagenet_classes()["wnid"].to_numpy()
        answers = wnids[outputs.argmax(axis=1)]
        return Recognised(answers == seen.images.category, f"the network's own answer ({last})")
    layer = last_hidden(seen)
    correct = nearest_mean(seen.channels[layer], seen.images.category)
    return Recognised(correct, f"the nearest mean of the other images' channels in {layer}")


def last_hidden(seen: Seen) -> str:
    """Return the last layer that has not as many channels as the output; else the output."""
    widths = {name: x.shape[1] for name, x in seen.channels.items()}
    output = list(widths.values())[-1]
    return ([name for name, width in widths.items() if width != output] or list(widths))[-1]


def nearest_mean(x: ArrayLike, labels: ArrayLike) -> NDArray[np.bool_]:
    """Say for every point whether it lies nearest to the mean of the others of its class.

    Features are scaled to unit variance; those that do not vary are left out.

    Args:
        x: (points, features).
        labels: (points,) classes of at least two points each.

    Returns:
        (points,) booleans.

    Raises:
        TypeError: x holds no real numbers, or labels neither text nor numbers.
        ValueError: a class of one point, NaN or infinity, or not one label per point.
    """
    x = checks.finite(x, "x", ("points", "features"))
    labels = checks.one_each(labels, len(x))
    x = x[:, x.std(axis=0) > 0]
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    names, index, counts = np.unique(labels, return_inverse=True, return_counts=True)
    if counts.min() < 2:
        raise ValueError(
            f"category {str(names[counts.argmin()])!r} has one image: the nearest mean needs two"
        )
    sums = np.zeros((len(names), x.shape[1]))
    np.add.at(sums, index, x)
    means = sums / counts[:, None]
    square = (means**2).sum(axis=1) - 2 * x @ means.T  # less the point's own, equal for all
    own = (sums[index] - x) / (counts[index] - 1)[:, None]
    square[np.arange(len(x)), index] = (own**2).sum(axis=1) - 2 * (x * own).sum(axis=1)
    return square.argmin(axis=1) == index


def psi_and_accuracy(psi: pd.DataFrame, found: Recognised, labels: ArrayLike) -> pd.DataFrame:
    """Correlate PSI with the share of recognised images over categories, layer by layer.

    Returns:
        Columns network, layer, depth, stage, value (Pearson's r), low, high (95 % bootstrap
        interval over categories), null_low, null_high (permutations), p, p_holm, significant.
        NaN where all categories are recognised alike.

    Raises:
        TypeError: values are no real numbers.
        ValueError: NaN, infinity, or no rows.
    """
    psi = psi.assign(value=checks.finite(psi["value"], "value", ("rows",)))
    shares = accuracy.by_category(found.correct, labels)
    rows = []
    keys = ["network", "layer", "depth", "stage"]
    for key, part in psi.groupby(keys, sort=False):
        values = part["value"].to_numpy()
        test = intervals.correlation_test(values, shares, repeats=2000)
        about = dict(zip(keys, key, strict=True))
        rows.append(about | {"value": test.r, "low": test.low, "high": test.high, "p": test.p,
                             "null_low": -test.null, "null_high": test.null})  # fmt: skip
    table = pd.DataFrame(rows)
    known = table["p"].notna()
    table["p_holm"] = np.nan
    if known.any():
        table.loc[known, "p_holm"] = intervals.holm(table.loc[known, "p"])
    return table.assign(significant=table["p_holm"] < 0.05)
