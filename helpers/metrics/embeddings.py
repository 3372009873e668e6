"""Two-dimensional embeddings of activations, and how well they keep the classes apart.

`embed` maps (n, units) to (n, 2); `structure` gives the measures of Ruman 2021,
`knn_accuracy`, `trustworthiness` and `linear_probe` sounder ones. All measures take
activations as well as embeddings: whatever is (n, d), one row an image.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial.distance import pdist
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import euclidean_distances
from sklearn.neighbors import NearestNeighbors
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tqdm.auto import tqdm

from helpers.data._cache import cached, digest
from helpers.metrics._distances import finite_matrix, labelled, pair_distances


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
        settings: passed to openTSNE.TSNE or umap.UMAP. Both run on one thread
            (n_jobs=1): their result depends on the number of threads, and a
            second one gains t-SNE little (on a busy machine it costs tenfold).

    Returns:
        (n, 2) float32 positions.

    Raises:
        ValueError: an unknown method, or x is not a matrix of finite numbers.
    """
    if method not in _METHODS:
        raise ValueError(f"method={method!r}: choose one of {', '.join(_METHODS)}")
    x = finite_matrix(x)
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

    return PCA(n_components, random_state=seed).fit_transform(x)


_METHODS: dict[str, tuple[str, dict[str, object], Callable[..., np.ndarray]]] = {
    "tsne": ("openTSNE", {"perplexity": 30, "metric": "euclidean", "n_jobs": 1}, _tsne),
    "umap": ("umap-learn", {"n_jobs": 1}, _umap),
    "pca": ("scikit-learn", {}, _pca),
}


def embed_all(
    activations: Mapping[Hashable, np.ndarray], method: str, seed: int = 42, **options: object
) -> dict[Hashable, np.ndarray]:
    """Embed several layers of the same images and align them all with the first.

    Args:
        activations: name → (n, units). An array that stands under several
            names (the input of a trained and an untrained network) is embedded once.
        method: as in `embed`.
        seed: of every embedding.
        options: cache and settings, as in `embed`.

    Returns:
        Name → (n, 2) positions, in the same order.
    """
    found: dict[int, np.ndarray] = {}
    reference = None
    for x in tqdm(activations.values(), desc=method, disable=None, leave=False):
        if id(x) not in found:
            points = embed(x, method, seed, **options)
            reference = points if reference is None else reference
            found[id(x)] = align(points, reference)
    return {name: found[id(x)] for name, x in activations.items()}


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
        ValueError: the shapes differ, or all points of one of them coincide.
    """
    points, reference = np.asarray(points, float), np.asarray(reference, float)
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
        x: (n, d) positions or activations, one row an image.
        labels: (n,) classes.
        k: neighbours of acc_knn.

    Returns:
        d_s, d_d, c_s, c_d and acc_knn. What needs a pair that does not exist is
        NaN: d_s if every class is a single point, d_d and c_d if there is one class.

    Raises:
        ValueError: NaN or infinity, shapes that do not fit, or all points coincide.
    """
    x, labels = labelled(x, labels)
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


def knn_accuracy(
    x: ArrayLike,
    labels: ArrayLike,
    k: int = 10,
    *,
    test: tuple[ArrayLike, ArrayLike] | None = None,
    leave_one_out: bool = False,
) -> float:
    """Return the share of points whose class the majority of their k nearest neighbours has.

    Args:
        x: (n, d) positions that the neighbours are looked for among.
        labels: (n,) their classes.
        k: neighbours; a tie goes to the class that sorts first.
        test: positions and classes to score on; default: x itself, where, as in
            the source, each point is among its own neighbours.
        leave_one_out: score x itself, no point being its own neighbour.

    Raises:
        ValueError: NaN or infinity, shapes that do not fit, or fewer than k neighbours.
    """
    x, labels = labelled(x, labels)
    if test is not None and leave_one_out:
        raise ValueError("leave_one_out scores x itself: give it or test, not both")
    asked, truth = (x, labels) if test is None else labelled(*test)
    if not 1 <= k <= len(x) - leave_one_out:
        raise ValueError(f"k={k} neighbours of {len(x)} points")
    search = NearestNeighbors(n_neighbors=k).fit(x)
    near = search.kneighbors(None if leave_one_out else asked, return_distance=False)
    names, classes = np.unique(labels, return_inverse=True)
    votes = np.zeros((len(asked), len(names)), np.int32)
    for column in near.T:
        votes[np.arange(len(asked)), classes[column]] += 1
    return float(np.mean(names[votes.argmax(axis=1)] == truth))


def trustworthiness(x: ArrayLike, points: ArrayLike, k: int = 10, chunk: int = 500) -> float:
    """Return how far the k nearest neighbours in an embedding are neighbours in x as well.

    Venna & Kaski 2001, eq. 1; 1 at best, about 0.5 for a random embedding.
    Exchanged arguments give the continuity (eq. 2): whether neighbours in x
    stay neighbours. Time grows with n², memory with chunk × n.

    Args:
        x: (n, units) activations.
        points: (n, d) their embedding.
        k: neighbours, fewer than n / 2.
        chunk: rows at a time.

    Raises:
        ValueError: NaN or infinity, shapes that do not fit, or k out of range.
    """
    x, points = finite_matrix(x), finite_matrix(points)
    n = len(x)
    if len(points) != n:
        raise ValueError(f"{n} rows of activations and {len(points)} points: give one for each")
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


def linear_probe(
    x: ArrayLike, labels: ArrayLike, test: tuple[ArrayLike, ArrayLike], l2: float = 1.0
) -> float:
    """Return the accuracy on test of a multinomial logistic regression fitted to x.

    Units are scaled to unit variance on x (Alain & Bengio 2016 for the idea).

    Args:
        x: (n, units) activations.
        labels: (n,) classes.
        test: activations and classes of other images.
        l2: strength of the penalty on the weights.
    """
    x, labels = labelled(x, labels)
    probe = make_pipeline(StandardScaler(), LogisticRegression(C=1 / l2, max_iter=200, tol=1e-3))
    return float(probe.fit(x, labels).score(*labelled(*test)))
