"""Two-dimensional embeddings of activations, and how well they keep the classes apart.

`embed` maps (n, units) to (n, 2).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from helpers.cache import cached, digest


def embed(
    x: ArrayLike,
    method: str = "tsne",
    seed: int = 42,
    *,
    cache: Path | str | None = None,
    **settings: object,
) -> np.ndarray:
    """Embed activations in the plane.

    Args:
        x: (n, units) activations, one row an image.
        method: "tsne" (openTSNE; perplexity 30 and Euclidean distances unless
            set otherwise, as in Ruman 2021), "umap" (umap-learn's defaults) or
            "pca" (the first two principal components).
        seed: of the method; UMAP with a seed runs on one thread.
        cache: folder that keeps embeddings under the digest of x, the method,
            its version, seed and settings; a damaged file is computed again.
        n_jobs: threads of t-SNE.
        settings: passed to openTSNE.TSNE or umap.UMAP.

    Returns:
        (n, 2) float32 positions.

    Raises:
        ValueError: an unknown method, or x is not a matrix of finite numbers.
    """
    if method not in _METHODS:
        raise ValueError(f"method={method!r}: choose one of {', '.join(_METHODS)}")
    x = _finite_matrix(x)
    package, defaults, compute = _METHODS[method]
    settings = {**defaults, **settings}

    def run() -> dict[str, np.ndarray]:
        return {"points": np.asarray(compute(x, seed, **settings), np.float32)}

    if cache is None:
        return run()["points"]
    key = {"kind": method, "x": digest(x), "version": version(package), "seed": seed, **settings}
    return cached(cache, key, run)["points"]


def _tsne(x: np.ndarray, seed: int, **settings: object) -> np.ndarray:
    from openTSNE import TSNE

    return TSNE(random_state=seed, **settings).fit(x)


def _umap(x: np.ndarray, seed: int, **settings: object) -> np.ndarray:
    # Imported late: compiling UMAP costs seconds that a found embedding need not wait for.
    from umap import UMAP

    return UMAP(random_state=seed, **settings).fit_transform(x)


def _pca(x: np.ndarray, seed: int, n_components: int = 2) -> np.ndarray:
    from sklearn.decomposition import PCA

    return PCA(n_components, svd_solver="covariance_eigh").fit_transform(x)


_METHODS: dict[str, tuple[str, dict[str, object], Callable[..., np.ndarray]]] = {
    "tsne": ("openTSNE", {"perplexity": 30, "metric": "euclidean", "n_jobs": 2}, _tsne),
    "umap": ("umap-learn", {"n_jobs": 1}, _umap),
    "pca": ("scikit-learn", {}, _pca),
}


def _finite_matrix(x: ArrayLike) -> np.ndarray:
    x = np.asarray(x)
    if x.ndim != 2 or len(x) < 2:
        raise ValueError(f"x must be a matrix of at least 2 rows, got shape {x.shape}")
    if not np.isfinite(x).all():
        raise ValueError("x holds NaN or infinity: an embedding of it has no meaning")
    return x
