"""Choose layers of a Keras model and see their activations, one batch of images at a time."""

from helpers.layers.joints import branches
from helpers.layers.passes import (
    Accumulator,
    Batch,
    accumulate,
    measure,
    select,
    spatial_mean,
    stream,
)

__all__ = [
    "Accumulator",
    "Batch",
    "accumulate",
    "branches",
    "measure",
    "select",
    "spatial_mean",
    "stream",
]
