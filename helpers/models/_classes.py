"""What a classifier's outputs say, in words."""

from __future__ import annotations

import numpy as np
import pandas as pd

from helpers import data
from helpers.models._arrays import finite


def top(probabilities: np.ndarray, k: int = 5, classes: pd.DataFrame | None = None) -> pd.DataFrame:
    """List each image's k most probable classes, the most probable first.

    Args:
        probabilities: (images, classes), for ImageNet in Keras' class order.
        k: classes per image.
        classes: a row per class, such as its name; default: wnid and name of ImageNet's 1,000.

    Returns:
        A table with the columns image (index), rank (from 1), those of `classes`, probability.

    Raises:
        TypeError: probabilities are not real numbers.
        ValueError: probabilities of another shape, masked, NaN or infinite.
    """
    classes = data.imagenet_classes()[["wnid", "name"]] if classes is None else classes
    probabilities = finite(probabilities, "probabilities")
    if probabilities.ndim != 2 or probabilities.shape[1] != len(classes):
        raise ValueError(f"probabilities {probabilities.shape} must be (images, {len(classes)})")
    order = np.argsort(-probabilities.astype(float), axis=1)[:, :k]
    table = classes.iloc[order.ravel()].reset_index(drop=True)
    table.insert(0, "image", np.repeat(np.arange(len(order)), order.shape[1]))
    table.insert(1, "rank", np.tile(np.arange(1, order.shape[1] + 1), len(order)))
    return table.assign(probability=np.take_along_axis(probabilities, order, axis=1).ravel())
