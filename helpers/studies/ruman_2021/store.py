"""The embeddings of the study as they are kept: data/ruman_2021, read here and computed anew.

An embedding of 60,000 images takes minutes, and the notebook shows 30 of them. They are stored
in fixed point together with the trained weights and with what both depend on. LAYERS_RECOMPUTE=1
computes them anew and replaces the files.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd

from helpers import data, project
from helpers.metrics import embeddings
from helpers.studies.ruman_2021 import study
from helpers.studies.ruman_2021._worker import embed_file
from helpers.studies.ruman_2021.study import EMBEDDING_SEED, KEYS, Key, Pair

FOLDER = project.ROOT / "data" / "ruman_2021"
METHODS = ("tsne", "umap")
SEEDS = (0, 1, 2)
REPLICATION_SIZE = 1000
# At the source's size there is one network per data set, but for the row whose published
# numbers are farthest from ours: Fashion-MNIST, t-SNE, the last trained layer.
MORE_SEEDS: dict[str, list[tuple[int, str, Key]]] = {
    "fashion_mnist": [(seed, "tsne", ("trained", "layer3")) for seed in SEEDS[1:]]
}
BITS = 16
PACKAGES = ("keras", "numba", "numpy", "openTSNE", "pynndescent", "tensorflow", "umap-learn")
HISTORY = ["epoch", "set", "loss", "accuracy"]

Name = tuple[int, str, Key]  # seed, method, (condition, layer)
Points = dict[Name, np.ndarray]
Job = tuple[Name, np.ndarray]


@dataclass(frozen=True, eq=False)
class Embedded:
    """The layers of one network, embedded at the source's size.

    Attributes:
        pair: the network of seed 0.
        points: (seed, method, (condition, layer)) → (n, 2) positions of the first n training
            images; all of seed 0, but for MORE_SEEDS.
        labels: (n,) their classes.
    """

    pair: Pair
    points: Points
    labels: np.ndarray

    def panels(self, method: str) -> study.Representations:
        """Return seed 0's embeddings by one method, all aligned with that of the pixels.

        Returns:
            (condition, layer) → (n, 2) positions.
        """
        reference = self.points[0, method, study.INPUT]
        return {key: embeddings.align(self.points[0, method, key], reference) for key in KEYS}


def recompute() -> bool:
    """Return whether LAYERS_RECOMPUTE asks for everything to be computed anew."""
    return os.environ.get("LAYERS_RECOMPUTE", "") not in ("", "0")


def training_images(
    arrays: data.LabelledImages,
    n: int | None = None,
    *,
    folder: Path = FOLDER,
    cache: Path | str | None = study.CACHE,
    processes: int = 2,
) -> Embedded:
    """Return every layer's embedding of the training images: stored, or computed.

    Args:
        arrays: the data set.
        n: only the first n training images, which are computed in any case; default: all, which
            are computed if LAYERS_RECOMPUTE asks for it or no file is there, and stored.
        folder: of the stored files.
        cache: folder that keeps weights and embeddings while they are computed, so that an
            interrupted run goes on where it was.
        processes: how many embeddings are computed at a time.
    """
    path = Path(folder) / f"{arrays.name}.npz"
    labels = arrays.y_train[:n]
    if n is None and path.exists() and not recompute():
        members, points = load(path, arrays, lambda name: labels)
        return Embedded(_stored_pair(arrays, members), points, labels)
    pair = study.train_pair(arrays, 0, cache)
    points = compute(_training_jobs(arrays, pair, n, cache), cache, processes)
    if n is None:
        save(path, arrays, points, lambda name: labels, _weights(pair))
    return Embedded(pair, points, labels)


def replications(
    arrays: data.LabelledImages,
    seeds: Iterable[int] = SEEDS,
    n: int = REPLICATION_SIZE,
    *,
    pair: Pair | None = None,
    folder: Path = FOLDER,
    cache: Path | str | None = study.CACHE,
    processes: int = 2,
) -> list[study.Replication]:
    """Do the study several times on n test images each, with stored embeddings if there are any.

    Args:
        arrays: the data set.
        seeds: of the replications, see `study.replicate`.
        n: test images of each.
        pair: the network of seed 0, if it is there already; the others are trained.
        folder, cache, processes: as for `training_images`.
    """
    path = Path(folder) / f"{arrays.name}_replications.npz"
    drawn = {seed: study.draw(arrays, seed, n) for seed in seeds}

    def labels(name: Name) -> np.ndarray:
        return arrays.y_test[drawn[name[0]]]

    kept = (tuple(drawn), n) == (SEEDS, REPLICATION_SIZE)
    stored = kept and path.exists() and not recompute()
    points = load(path, arrays, labels)[1] if stored else {}
    found = []
    for seed, chosen in drawn.items():
        own = pair if pair and seed == 0 else study.train_pair(arrays, seed, cache)
        if not stored:
            layers = own.activations(arrays.x_test[chosen]).items()
            jobs = (((seed, method, key), x) for key, x in layers for method in METHODS)
            points |= compute(jobs, cache, processes)
        planes = {m: {key: points[seed, m, key] for key in KEYS} for m in METHODS}
        found.append(study.replicate(own, seed, chosen, planes))
    if kept and not stored:
        save(path, arrays, points, labels)
    return found


def measure(embedded: Mapping[str, Embedded]) -> pd.DataFrame:
    """Return the source's measures of every embedding of the training images.

    Args:
        embedded: data set → its embeddings.

    Returns:
        Columns dataset, seed, method, condition, layer, depth, measure, value.
    """
    tables = [
        study.tabulate({key: embeddings.structure(points, found.labels)}).assign(
            dataset=dataset, seed=seed, method=method
        )
        for dataset, found in embedded.items()
        for (seed, method, key), points in found.points.items()
    ]
    return pd.concat(tables, ignore_index=True)[study.COLUMNS]


def compute(jobs: Iterable[Job], cache: Path | str | None = None, processes: int = 1) -> Points:
    """Embed activations, some at a time in processes of their own.

    Each embedding runs on one thread, for its result depends on their number. Its process loads
    no Keras, and what is kept in the cache is looked up and written here.

    Args:
        jobs: (seed, method, (condition, layer)) and the activations (n, units) of each.
        cache: see `study.embed`; with several processes, activations pass through it.
        processes: how many embeddings are computed at a time; 1 computes them here.
    """
    if processes == 1:
        return {name: study.embed(x, *_asked(name), cache) for name, x in jobs}
    with (
        TemporaryDirectory(dir=cache) as folder,
        ProcessPoolExecutor(processes, get_context("spawn")) as pool,
        ThreadPoolExecutor(processes) as threads,
    ):
        running = {}
        for i, (name, x) in enumerate(jobs):
            path = Path(folder) / f"{i}.npy"
            np.save(path, x)
            running[name] = threads.submit(_embed_file, pool, path, *_asked(name), cache)
        return {name: job.result() for name, job in running.items()}


def encode(points: np.ndarray, labels: np.ndarray) -> dict[str, np.ndarray]:
    """Put positions into fixed point: BITS per coordinate of the larger of the two spans.

    Points are ordered by class and their bytes by significance, which makes equal bytes
    neighbours and saves a twentieth of the compressed size.

    Args:
        points: (n, 2) positions.
        labels: (n,) their classes.

    Returns:
        "codes", (2 coordinates, 2 bytes, n) uint8, and "frame", (left, bottom, step).
    """
    low = points.min(axis=0).astype(float)
    step = float((points - low).max()) / (2**BITS - 1)
    codes = np.round((points - low) / step).astype("<u2")[np.argsort(labels, kind="stable")]
    by_byte = np.ascontiguousarray(codes.T).view(np.uint8).reshape(2, -1, 2).transpose(0, 2, 1)
    return {"codes": np.ascontiguousarray(by_byte), "frame": np.array([*low, step])}


def decode(codes: np.ndarray, frame: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the (n, 2) float32 positions that `encode` stored."""
    by_point = np.ascontiguousarray(codes.transpose(0, 2, 1)).view("<u2")[..., 0].T
    points = np.empty(by_point.shape, np.float32)
    points[np.argsort(labels, kind="stable")] = by_point * frame[2] + frame[:2]
    return points


def save(
    path: Path,
    arrays: data.LabelledImages,
    points: Points,
    labels: Callable[[Name], np.ndarray],
    more: Mapping[str, np.ndarray] | None = None,
) -> None:
    """Store embeddings with what they depend on.

    Args:
        path: of the file.
        arrays: the data set.
        points: (seed, method, (condition, layer)) → (n, 2) positions.
        labels: name → (n,) classes of its points.
        more: arrays to be kept beside them.
    """
    about = {
        "data": _digest(arrays),
        "versions": {name: version(name) for name in PACKAGES},
        "settings": {method: embeddings.DEFAULTS[method] for method in METHODS},
        "network": {"widths": study.HIDDEN, "learning rate": study.learning_rate(arrays.name)},
        "bits": BITS,
    }
    members = dict(more or {}) | {"about": np.array(json.dumps(about))}
    for name, p in points.items():
        for part, values in encode(p, labels(name)).items():
            members[f"{_written(name)}/{part}"] = values
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path, **members)


def load(
    path: Path, arrays: data.LabelledImages, labels: Callable[[Name], np.ndarray]
) -> tuple[dict[str, np.ndarray], Points]:
    """Read what `save` stored.

    Args:
        path: of the file.
        arrays: the data set that it was computed from.
        labels: name → (n,) classes of its points.

    Returns:
        The arrays kept beside the embeddings, and name → (n, 2) positions.

    Raises:
        ValueError: the embeddings are those of other images.
    """
    with np.load(path) as file:
        members = {name: file[name] for name in file.files}
    about = json.loads(str(members.pop("about")))
    if about["data"] != _digest(arrays):
        raise ValueError(
            f"{project.shown(path)} was computed from other images than those of {arrays.name}:"
            " set LAYERS_RECOMPUTE=1 to compute it anew"
        )
    points: Points = {}
    for written in [name for name in members if name.endswith("/codes")]:
        seed, method, condition, layer, _ = written.split("/")
        name = int(seed), method, (condition, layer)
        frame = members.pop(written.replace("codes", "frame"))
        points[name] = decode(members.pop(written), frame, labels(name))
    return members, points


def _training_jobs(
    arrays: data.LabelledImages, pair: Pair, n: int | None, cache: Path | str | None
) -> Iterator[Job]:
    images = arrays.x_train[:n]
    for key in KEYS:
        # One layer at a time: all of them together would take half a gigabyte.
        x = pair.activations(images, [key])[key]
        yield from (((0, method, key), x) for method in METHODS)
    for seed, method, key in MORE_SEEDS.get(arrays.name, []):
        other = study.train_pair(arrays, seed, cache)
        yield (seed, method, key), other.activations(images, [key])[key]


def _asked(name: Name) -> tuple[str, int]:
    seed, method, _ = name
    return method, EMBEDDING_SEED + seed


def _embed_file(
    pool: Executor, path: Path, method: str, seed: int, cache: Path | str | None
) -> np.ndarray:
    def elsewhere(x: np.ndarray, method: str, seed: int) -> np.ndarray:
        return pool.submit(embed_file, path, method, seed).result()

    found = study.embed(np.load(path, mmap_mode="r"), method, seed, cache, elsewhere)
    path.unlink()
    return found


def _weights(pair: Pair) -> dict[str, np.ndarray]:
    """Return the trained weights in half precision, and the learning curve."""
    weights = {f"weights/{i:02}": w.astype("f2") for i, w in enumerate(pair.trained.get_weights())}
    curve = {f"curve/{name}": pair.curve[name].to_numpy() for name in HISTORY if name != "set"}
    return weights | curve | {"curve/set": pair.curve["set"].to_numpy("U5")}


def _stored_pair(arrays: data.LabelledImages, members: Mapping[str, np.ndarray]) -> Pair:
    curve = pd.DataFrame({name: members[f"curve/{name}"] for name in HISTORY})
    untrained, trained = study.initial(arrays), study.initial(arrays)
    trained.set_weights([members[name] for name in sorted(members) if name.startswith("weights/")])
    return Pair(arrays, untrained, trained, curve.assign(dataset=arrays.name, seed=0))


def _digest(arrays: data.LabelledImages) -> str:
    return data.digest(arrays.x_train, arrays.y_train, arrays.x_test, arrays.y_test)


def _written(name: Name) -> str:
    seed, method, (condition, layer) = name
    return f"{seed}/{method}/{condition}/{layer}"
