"""What a pass costs, here and on a cluster."""

from __future__ import annotations

import pickle
import sys
import time
from collections.abc import Sequence
from typing import NamedTuple

import keras
import numpy as np
import pandas as pd
import psutil

from helpers import data, layers
from helpers.metrics import similarity
from helpers.studies.your_network.one_pass import accumulators


class Costs(NamedTuple):
    """What a pass costs, measured on a few images.

    Attributes:
        seconds: per image, all analyses but the matrices.
        result: bytes per image and layer that come back from a worker.
        patterns: bytes per image and layer on the shared disk.
        network: bytes of the weights, which every worker gets once.
        memory: bytes that the process took at its peak.
        products: multiplications and additions of the matrices per second.
    """

    seconds: float
    result: float
    patterns: float
    network: float
    memory: float
    products: float


def costs(model: keras.Model, images: data.ImageSet, chosen: Sequence[str]) -> Costs:
    """Measure what a pass costs, once all is compiled."""
    with similarity.pattern_store(len(images)) as patterns:
        start = time.perf_counter()
        found = layers.accumulate(model, images, chosen, accumulators(patterns), progress=False)
        between = time.perf_counter()
        for each in found.values():
            each.pop("patterns").similarity()
        end = time.perf_counter()
    units = layers.describe(model, chosen)["units"]
    count = len(images) * len(chosen)
    return Costs(
        seconds=(between - start) / len(images),
        result=len(pickle.dumps(found)) / count,
        patterns=4 * float(units.mean()),
        network=float(sum(weight.nbytes for weight in model.get_weights())),
        memory=_peak_memory(),
        products=2 * len(images) ** 2 * float(units.sum()) / (end - between),
    )


def on_workers(
    measured: Costs,
    images: int = 50_000,
    depth: int = 18,
    workers: Sequence[int] = (1, 8, 64),
    shard: int = 64,
) -> pd.DataFrame:
    """Reckon what a pass costs on a cluster whose workers are like this process.

    Args:
        measured: from `costs`.
        images: how many.
        depth: how many layers.
        workers: how many there are; a row for each.
        shard: images per task.

    Returns:
        Columns workers; pass_hours; traffic_gb (results to the client, and the network to every
        worker); worker_gb (peak memory of each); disk_tb (patterns); matrix_hours; reads_tb (of
        patterns, for the tiles of the matrices); client_gb (the matrices of one layer).
    """
    count, units = np.array(workers, float), measured.patterns / 4
    tiles = images / shard * (images / shard + 1) / 2
    reads = depth * tiles * 2 * shard * measured.patterns
    flops = depth * images**2 * units  # half of the pairs, two operations each
    return pd.DataFrame(
        {
            "workers": workers,
            "pass_hours": images * measured.seconds / count / 3600,
            "traffic_gb": (images * depth * measured.result + count * measured.network) / 1e9,
            "worker_gb": measured.memory / 1e9,
            "disk_tb": images * depth * measured.patterns / 1e12,
            "matrix_hours": flops / measured.products / count / 3600,
            "reads_tb": reads / 1e12,
            "client_gb": 4 * 8 * images**2 / 1e9,
        }
    )


def _peak_memory() -> float:
    """Return the most memory that this process has taken, in bytes."""
    if sys.platform == "win32":
        return float(psutil.Process().memory_info().peak_wset)
    import resource  # Windows has none

    unit = 1 if sys.platform == "darwin" else 1024
    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit)
