"""Passes in shards: parts of an image set that are computed apart, kept on disk, and joined."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import os
import pickle
import types
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from tqdm.auto import tqdm

from helpers import data, project
from helpers.layers import _cluster
from helpers.layers._graph import select, title

# Batches per shard: what an interruption loses, against the cost of starting a pass.
BATCHES = 2

Job = Callable[[keras.Model, data.ImageSet], Any]


def built(model: keras.Model | Callable[[], keras.Model]) -> keras.Model:
    """Return a model, or what a function without arguments builds."""
    if isinstance(model, keras.Model) or not callable(model):
        return model
    return model()


def shard_results(
    job_for: Callable[[slice], Job],
    model: keras.Model,
    images: data.ImageSet,
    layers: Sequence[str],
    *,
    build: Callable[[], keras.Model] | None = None,
    client: Any = None,
    keep: str | Path | None = None,
    batch_size: int,
    progress: bool = True,
) -> list[Any]:
    """Return what a job makes of each shard of an image set, in order.

    Args:
        job_for: makes the job for the images at a place; it holds all else that it needs.
        model: the network.
        images: an image set.
        layers: the names of all layers that the job asks for.
        build: how a worker builds the same network; None: it gets the model's weights.
        client: a `dask.distributed.Client`; None: this process does all.
        keep: a folder for finished shards, which are then not computed again; None: none.
        batch_size: images per batch; every shard but the last has full batches.
        progress: whether to show a progress bar.

    Raises:
        TypeError: the images are no image set, or (with `keep`) the job holds a function that
            has no name that tells it from others.
        ValueError: shards failed; the message has their errors.
        ConnectionError: the scheduler is gone.
    """
    if not isinstance(images, data.ImageSet):
        raise TypeError(
            "client= and keep= need a data.ImageSet, whose files the workers can read or whose "
            f"shards can be told apart; got {type(images).__name__}"
        )
    shards = images.shards(-(-len(images) // (batch_size * BATCHES)), multiple=batch_size)
    stops = np.cumsum([len(shard) for shard in shards]).tolist()
    places = [slice(b - len(s), b) for b, s in zip(stops, shards, strict=True)]
    tasks = {i: (job_for(places[i]), shards[i]) for i in range(len(shards))}
    network = fingerprint(model) if keep or client else ""
    store = None if keep is None else _Kept(Path(keep), [network, title(model), *layers], tasks)
    found = {} if store is None else store.load()
    todo = {i: task for i, task in tasks.items() if i not in found}
    run = _here if client is None else functools.partial(_cluster.run, client, network, build)
    errors: list[str] = []
    done = sum(len(shards[i]) for i in found)
    with tqdm(
        total=len(images), initial=done, desc=model.name, unit="image", disable=not progress,
        leave=False,
    ) as bar:  # fmt: skip
        try:
            for i, result in run(model, todo):
                if isinstance(result, Exception):
                    errors.append(str(result))
                else:
                    found[i] = result
                    if store is not None:
                        store.save(i, result)
                bar.update(len(shards[i]))
        except ConnectionError as error:
            raise ConnectionError(f"{error}; {_state(found, shards, keep)}") from error
    if errors:
        raise ValueError(
            f"{len(errors)} of {len(shards)} shards failed: {'; '.join(dict.fromkeys(errors))}. "
            f"{_state(found, shards, keep)}"
        )
    return [found[i] for i in range(len(shards))]


def merged(parts: Sequence[Any]) -> Any:
    """Join accumulators of consecutive images into the first of them.

    Raises:
        TypeError: they have no `merge`.
    """
    whole, *others = parts
    if not hasattr(whole, "merge"):
        raise TypeError(
            f"{type(whole).__name__} has no `merge`: client= and keep= need accumulators that "
            "can take in another one, which saw the images after theirs"
        )
    for other in others:
        whole.merge(other)
    return whole


def fingerprint(model: keras.Model) -> str:
    """Return a SHA-256 of a model's layers and weights."""
    sha = hashlib.sha256(json.dumps(select(model)).encode())
    for weight in model.weights:
        sha.update(np.ascontiguousarray(weight.numpy()).data)
    return sha.hexdigest()


def _here(
    model: keras.Model, tasks: Mapping[int, tuple[Job, data.ImageSet]]
) -> Iterator[tuple[int, Any]]:
    for i, (job, images) in tasks.items():
        try:
            result = job(model, images)
        except ValueError as error:
            result = error
        yield i, result


def _state(found: Mapping, shards: Sequence, keep: str | Path | None) -> str:
    if keep is None:
        return "nothing was kept: name a folder (keep=) to keep finished shards"
    return (
        f"{len(found)} of {len(shards)} shards are kept in {project.shown(Path(keep))}: call again "
        "with the same folder to compute the others"
    )


class _Kept:
    """Results of shards in a folder, each under all that it depends on."""

    def __init__(
        self, folder: Path, network: Sequence[str], tasks: Mapping[int, tuple[Job, data.ImageSet]]
    ) -> None:
        versions = [tf.__version__, keras.__version__, np.__version__]
        self._paths = {}
        for i, (job, images) in tasks.items():
            key = json.dumps([versions, network, _described(job), _files(images)])
            name = hashlib.sha256(key.encode()).hexdigest()[:24]
            self._paths[i] = folder / f"shard-{i:05d}-{name}.pickle"

    def load(self) -> dict[int, Any]:
        """Return the shards that are there and undamaged."""
        found = {}
        for i, path in self._paths.items():
            if path.exists():
                content = path.read_bytes()
                if hashlib.sha256(content[32:]).digest() == content[:32]:
                    found[i] = pickle.loads(content[32:])
                else:
                    warnings.warn(f"{path.name} is damaged: computed again", stacklevel=4)
        return found

    def save(self, i: int, result: Any) -> None:
        """Write a shard; what is not completely written never has its name."""
        content = pickle.dumps(result)
        path = self._paths[i]
        with data.temporary_folder(path.parent) as temporary:
            with open(temporary / path.name, "wb") as file:
                file.write(hashlib.sha256(content).digest() + content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary / path.name, path)


def _files(images: data.ImageSet) -> list:
    """Return what tells a shard's images from others, without reading files."""
    if images.pixels is not None:
        return [images.names.tolist(), images.category.tolist(), data.digest(images.pixels)]
    stats = []
    for path in images.paths:
        try:
            stat = path.stat()
            stats.append([path.name, stat.st_size, stat.st_mtime_ns])
        except OSError:  # missing: reading it will say so
            stats.append([path.name])
    return [images.names.tolist(), images.category.tolist(), stats]


def _described(value: Any) -> Any:
    """Return what JSON can hold and what differs between any two values that act differently."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Mapping):
        return [[_described(key), _described(part)] for key, part in value.items()]
    if isinstance(value, slice):
        return ["slice", value.start, value.stop, value.step]
    if isinstance(value, np.ndarray | np.generic):
        return data.digest(np.asarray(value))
    if isinstance(value, functools.partial):
        return [_described(part) for part in (value.func, value.args, value.keywords)]
    if isinstance(value, Path):
        return str(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        return [_described(type(value)), _described(fields)]
    if isinstance(value, Iterable):
        return [_described(part) for part in value]
    functions = type | types.FunctionType | types.BuiltinFunctionType
    if isinstance(value, functions):
        name = f"{value.__module__}.{value.__qualname__}"
        if "<" not in name and not name.startswith("__main__."):
            return name
    raise TypeError(
        f"{value!r} cannot be told from others of its kind, so that shards made with it cannot be "
        "kept: use a function of a module, a class, or a functools.partial of these"
    )
