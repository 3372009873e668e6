"""Choose layers of a Keras model and compute, measure or accumulate their activations.

Start with `select` (names of layers; `stages` chooses a few that stand for a network) and
`activations` (name -> array for all images).
What does not fit into memory passes batch by batch: `measure` applies measures to every
image and layer, `accumulate` feeds accumulators, `category_responses` averages over the
images of each category, and `stream` yields the batches themselves. The first three also run on
a Dask cluster (`client=`) and keep finished shards of a long pass (`keep=`). `branches` finds
the branches that a module of a network joins, `describe` tabulates layers' shapes and stages.
A `Recorder` measures layers while a network learns. `free_memory` hands back what the last
network took.
"""

from helpers.layers._branches import branches
from helpers.layers._categories import CategoryMeans, Responses, category_responses
from helpers.layers._graph import select
from helpers.layers._kept_patterns import KeptPatterns
from helpers.layers._memory import free_memory
from helpers.layers._passes import (
    Accumulator,
    PerImage,
    accumulate,
    activations,
    channel_means,
    measure,
)
from helpers.layers._recorder import Recorder, log_steps
from helpers.layers._shapes import describe
from helpers.layers._stages import stages
from helpers.layers._stream import Batch, spatial_mean, stream

__all__ = [
    "Accumulator",
    "Batch",
    "CategoryMeans",
    "KeptPatterns",
    "PerImage",
    "Recorder",
    "Responses",
    "accumulate",
    "activations",
    "branches",
    "category_responses",
    "channel_means",
    "describe",
    "free_memory",
    "log_steps",
    "measure",
    "select",
    "spatial_mean",
    "stages",
    "stream",
]
