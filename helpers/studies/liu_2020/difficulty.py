"""Is it accuracy that sparseness goes with, or how difficult a category's images are?"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from helpers.layers import categories
from helpers.layers.categories import Responses
from helpers.metrics import accuracy, correlation

KEYS = ["network", "layer", "depth"]


def given(
    table: pd.DataFrame,
    shares: Mapping[str, ArrayLike],
    held_fixed: Mapping[str, Mapping[str, ArrayLike]],
) -> pd.DataFrame:
    """Correlate PSI with accuracy, plainly and with another property of the categories held fixed.

    Args:
        table: rows of `categories.psi_table` of one measure.
        shares: network -> (categories,) accuracy.
        held_fixed: what the check is called -> network -> (categories,) the property.

    Returns:
        Columns network, layer, depth, check ("plain" or a name of held_fixed), r.
    """
    rows = []
    for key, group in table.groupby(KEYS, sort=False):
        x, y = group["value"].to_numpy(), shares[key[0]]
        rows.append((*key, "plain", correlation.correlation(x, y, repeats=2)["r"]))
        for check, control in held_fixed.items():
            rows.append((*key, check, correlation.partial(x, y, control[key[0]])))
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
            psi = categories.psi_table(responses, half).query("measure == 'psi'")
            for scored, chosen in halves.items():
                share = accuracy.by_category(correct[name], responses.labels, chosen)
                check = "same half" if half == scored else "other images"
                parts.append(correlation.with_accuracy(psi, {name: share}).assign(check=check))
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
    one, other = (categories.psi_table(responses, h).query("measure == 'psi'") for h in halves)
    pairs = zip(categories.wide(one).T, categories.wide(other).T, strict=True)
    return pd.Series([np.corrcoef(*pair)[0, 1] for pair in pairs], index=one["layer"].unique())
