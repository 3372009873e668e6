"""What a classifier's outputs say, in words."""

from __future__ import annotations

import numpy as np
import pandas as pd

from helpers import data


def top(probabilities: np.ndarray, k: int = 5) -> pd.DataFrame:
    """List each image's k most probable ImageNet classes, the most probable first.

    Args:
        probabilities: (images, 1000), in Keras' class order.
        k: classes per image.

    Returns:
        A table with the columns image (index), rank (from 1), wnid, name, probability.

    Raises:
        ValueError: probabilities of another shape.
    """
    probabilities = np.asarray(probabilities)
    if probabilities.ndim != 2 or probabilities.shape[1] != 1000:
        raise ValueError(f"probabilities {probabilities.shape} must be (images, 1000)")
    order = np.argsort(-probabilities, axis=1)[:, :k]
    table = data.imagenet_classes()[["wnid", "name"]].iloc[order.ravel()].reset_index(drop=True)
    table.insert(0, "image", np.repeat(np.arange(len(order)), order.shape[1]))
    table.insert(1, "rank", np.tile(np.arange(1, order.shape[1] + 1), len(order)))
    return table.assign(probability=np.take_along_axis(probabilities, order, axis=1).ravel())
