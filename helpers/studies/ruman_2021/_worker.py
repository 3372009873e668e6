"""One embedding in a process of its own, which needs no Keras and saves the memory of one."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from helpers.metrics import embeddings


def embed_file(path: Path, method: str, seed: int) -> np.ndarray:
    """Embed the activations (n, units) of a file of NumPy's, as `metrics.embeddings.embed`."""
    # umap-learn imports TensorFlow if it is there, for a class that is not used here.
    sys.modules.setdefault("tensorflow", None)
    return embeddings.embed(np.load(path), method, seed)
