"""One embedding in a process of its own, which needs no Keras and saves the memory of one."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from helpers.metrics import embeddings


def embed_file(path: Path, method: str, seed: int) -> np.ndarray:
    """Embed the activations (n, units) of a file of NumPy's, as `metrics.embeddings.embed`."""
    return embeddings.embed(np.load(path), method, seed)
