"""Two-dimensional embeddings of activations, and the structure of classes in them.

`embed` maps (n, units) to (n, 2); `structure` gives the measures of Ruman 2021 and
`trustworthiness` how faithful an embedding is (`accuracy` has measures on held-out points).
All measures take activations as well as embeddings: (n, d), one row per image.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial.distance import pdist
from sklearn.decomposition import PCA
from sklearn.metrics import euclidean_distances
from sklearn.neighbors import NearestNeighbors

from helpers.metrics._compiled import keep_compiled
from helpers.metrics._distances import finite_matrix, labelled, pair_distances
from helpers.metrics.accuracy import knn_accuracy
from helpers.metrics.checks import at_least, finite

__all__ = [
    "DEFAULTS",
    "PACKAGES",
    "align",
    "centroid_distances",
    "embed",
    "pair_distances",
    "structure",
    "trustworthiness",
]


# Both run on one thread: their result depends on the number of threads, and a second one gains
# t-SNE little (on a busy machine it costs tenfold).
DEFAULTS: dict[str, dict[str, object]] = {
    "tsne": {"perplexity": 30, "metric": "euclidean", "n_jobs": 1},
    "umap": {"n_jobs": 1},
    "pca": {},
}
PACKAGES = {"tsne": "openTSNE", "umap": "umap-learn", "pca": "scikit-learn"}


def embed(x: ArrayLike, method: str = "tsne", seed: int = 42, **settings: object) -> np.ndarray:
    """Embed activations in the plane.

    Args:
        x: (n, units) activations, one row per image.
        method: "tsne" (openTSNE; perplexity 30 and Euclidean distances unless
            set otherwise, as in Ruman 2021), "umap" (umap-learn's defaults) or
            "pca" (the first two principal components).
        seed: of the method; UMAP with a seed runs on one thread.
        settings: passed to openTSNE.TSNE, umap.UMAP or sklearn's PCA, before DEFAULTS.

    Returns:
        (n, 2) float32 positions.

    Raises:
        ValueError: an unknown method, or x is not a matrix of finite numbers, or all its rows
            are equal.
    """
    if method not in DEFAULTS:
        raise ValueError(f"method={method!r}: choose one of {', '.join(DEFAULTS)}")
    x = finite_matrix(x)
    if (x == x[0]).all():
        raise ValueError("all rows of activations are equal: there is nothing to embed")
    return np.asarray(_METHODS[method](x, seed, **DEFAULTS[method] | settings), np.float32)


def _tsne(x: np.ndarray, seed: int, **settings: object) -> np.ndarray:
    from openTSNE import TSNE

    return TSNE(random_state=seed, **settings).fit(x)


def _umap(x: np.ndarray, seed: int, **settings: object) -> np.ndarray:
    # Imported late: that takes seconds, and compiling what an embedding needs eight more, once.
    from umap import UMAP, layouts, umap_

    keep_compiled(layouts, umap_)
    return UMAP(random_state=seed, **settings).fit_transform(x)


def _pca(x: np.ndarray, seed: int, n_components: int = 2) -> np.ndarray:
    return PCA(n_components, random_state=seed).fit_transform(x)


_METHODS: dict[str, Callable[..., np.ndarray]] = {"tsne": _tsne, "umap": _umap, "pca": _pca}


def align(points: ArrayLike, reference: ArrayLike) -> np.ndarray:
    """Rotate, reflect, scale and shift an embedding onto another one of the same images.

    Orthogonal Procrustes (Schönemann 1966): the least squared distance between
    both, once each is centred and scaled to a root mean square radius of 1; the
    result has the reference's centre and radius. Neither t-SNE nor UMAP gives
    these four a meaning, so nothing is lost.

    Args:
        points: (n, d) positions to be moved.
        reference: (n, d) positions of the same images in the same order.

    Raises:
        ValueError: the shapes differ, NaN or infinity, or all points of one of them coincide.
    """
    axes = ("images", "dimensions")
    points, reference = finite(points, "points", axes), finite(reference, "reference", axes)
    if points.shape != reference.shape:
        raise ValueError(f"points {points.shape} and reference {reference.shape} differ in shape")
    centre = reference.mean(axis=0)
    a, b = points - points.mean(axis=0), reference - centre
    size_a, size_b = np.linalg.norm(a), np.linalg.norm(b)
    if size_a == 0 or size_b == 0:
        raise ValueError("all points coincide: there is nothing to align")
    u, _, vt = np.linalg.svd(a.T @ b)
    return a @ (u @ vt) * (size_b / size_a) + centre


def structure(x: ArrayLike, labels: ArrayLike, k: int = 10) -> dict[str, float]:
    """Return the five measures of class structure of Ruman 2021 ("Embedding quality").

    All but the last are divided by the mean distance of two points:
    d_s and d_d, the mean distance of two points of one class and of two
    different classes; c_s, the mean over classes of the points' mean distance
    to their class' centroid; c_d, the mean distance of two centroids; acc_knn,
    `knn_accuracy` on the fitted points themselves.

    Args:
        x: (n, d) positions or activations, one row per image.
        labels: (n,) classes.
        k: neighbours of acc_knn.

    Returns:
        d_s, d_d, c_s, c_d and acc_knn. What needs a pair that does not exist is
        NaN: d_s if every class is a single point, d_d and c_d if there is one class.

    Raises:
        ValueError: NaN or infinity, shapes that do not fit, or all points coincide.
    """
    x, labels = labelled(x, labels)
    # A power of two changes no ratio, and keeps squares from over- and underflowing.
    x = np.ldexp(x, -np.frexp(np.abs(x).max())[1])
    same, different, overall = pair_distances(x, labels)
    if overall == 0:
        raise ValueError("all points coincide: their distances have no scale")
    within, between = centroid_distances(x, labels)
    distances = {"d_s": same, "d_d": different, "c_s": within, "c_d": between}
    scaled = {name: value / overall for name, value in distances.items()}
    return scaled | {"acc_knn": knn_accuracy(x, labels, k)}


def centroid_distances(x: ArrayLike, labels: ArrayLike) -> tuple[float, float]:
    """Return the mean distance of points to their class' centroid, and of two centroids.

    Every class counts the same, however many points it has. With one class the
    second value is NaN.
    """
    x, labels = labelled(x, labels)
    groups = [x[labels == label].astype(float) for label in np.unique(labels)]
    centroids = np.array([g.mean(axis=0) for g in groups])
    within = np.mean(
        [np.linalg.norm(g - c, axis=1).mean() for g, c in zip(groups, centroids, strict=True)]
    )
    return float(within), float(pdist(centroids).mean()) if len(groups) > 1 else np.nan


def trustworthiness(x: ArrayLike, points: ArrayLike, k: int = 10, chunk: int = 500) -> float:
    """Return how far the k nearest neighbours in an embedding are neighbours in x as well.

    Venna & Kaski 2001, eq. 1; 1 at best, about 0.5 for a random embedding.
    Exchanged arguments give the continuity (eq. 2): whether neighbours in x
    stay neighbours. Time grows with n², memory with chunk × n: at n = 10,000 it takes 60 MB in
    17 s, scikit-learn's function 1,966 MB in 13 s.

    Args:
        x: (n, units) activations.
        points: (n, d) their embedding.
        k: neighbours, fewer than n / 2.
        chunk: rows at a time.

    Raises:
        ValueError: NaN or infinity, shapes that do not fit, or k or chunk out of range.
    """
    x, points = finite_matrix(x), finite_matrix(points, "points")
    n = len(x)
    if len(points) != n:
        raise ValueError(f"{n} rows of activations and {len(points)} points: give one for each")
    at_least(chunk, 1, "chunk")
    if not 1 <= k < n / 2:
        raise ValueError(f"k={k} must be at least 1 and below half of the {n} points")
    near = NearestNeighbors(n_neighbors=k).fit(points).kneighbors(return_distance=False)
    intrusion = 0
    for start in range(0, n, chunk):
        rows = slice(start, start + chunk)
        distances = euclidean_distances(x[rows], x)
        np.put_along_axis(distances, np.arange(n)[rows, None], np.inf, axis=1)
        asked = np.take_along_axis(distances, near[rows], axis=1)
        distances.sort(axis=1)
        ranks = [np.searchsorted(d, a) for d, a in zip(distances, asked, strict=True)]
        intrusion += int(np.maximum(np.array(ranks) + 1 - k, 0).sum())
    return 1 - 2 * intrusion / (n * k * (2 * n - 3 * k - 1))
