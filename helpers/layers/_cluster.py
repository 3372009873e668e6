"""Shards of a pass on the workers of a Dask cluster."""

from __future__ import annotations

import os
import pickle
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from weakref import WeakKeyDictionary

import keras
import tensorflow as tf

from helpers.layers._graph import card

# On a worker: the networks it was sent, and the one that is built. One shard at a time uses it,
# with all the threads of the worker.
_SENT: dict[str, tuple[Callable[..., keras.Model], tuple]] = {}
_BUILT: dict[str, keras.Model] = {}
_RUNNING = threading.Lock()
# On the client's side: the network that a cluster has.
_SENT_TO: WeakKeyDictionary = WeakKeyDictionary()


def run(
    client: Any,
    network: str,
    build: Callable[[], keras.Model] | None,
    model: keras.Model,
    tasks: Mapping[int, tuple[Callable, Any]],
) -> Iterator[tuple[int, Any]]:
    """Compute shards on the workers; yield each one's number and result as it is finished.

    The network goes to every worker once, also to one that joins or is started again later. A
    shard whose worker dies is computed by another one.

    Args:
        client: a `distributed.Client`.
        network: the model's fingerprint.
        build: builds the network on a worker; None to send the model itself.
        model: the network.
        tasks: number -> a job and the images that it is called with after the model.

    Yields:
        The number, and the result or the exception that the job raised.

    Raises:
        ImportError: Dask is not installed.
        TypeError: `client` is not a `distributed.Client`.
        ConnectionError: the scheduler is gone.
    """
    try:
        import distributed
        from distributed.client import FutureCancelledError
        from distributed.comm import CommClosedError
        from distributed.scheduler import KilledWorker
    except ImportError as error:
        raise ImportError(
            "client= needs Dask: pip install 'layer-notebooks[cluster]', or leave it out"
        ) from error
    if not isinstance(client, distributed.Client):
        raise TypeError(f"client= takes a dask.distributed.Client, got {type(client).__name__}")
    address = client.scheduler.address if client.scheduler else "an unknown address"
    gone = (FutureCancelledError, CommClosedError, TimeoutError, OSError)
    try:
        _send(client, network, build, model)
        numbers = {
            client.submit(_on_worker, network, job, images, pure=False): i
            for i, (job, images) in tasks.items()
        }
    except gone as error:
        raise ConnectionError(f"no scheduler answers at {address}") from error
    finished = distributed.as_completed(numbers)
    for future in finished:
        try:
            result = future.result()
        except gone as error:
            if future.status == "error":  # the job's own
                raise
            raise ConnectionError(f"the scheduler at {address} is gone") from error
        except (
            ValueError,
            KilledWorker,
        ) as error:  # the latter: it killed one worker after another
            result = error
        future.release()
        yield numbers.pop(future), result


def payload(model: keras.Model, build: Callable[[], keras.Model] | None) -> tuple:
    """Return what a worker needs for the network: a function and its arguments."""
    if build is not None:
        return build, ()
    kinds = {type(layer).__name__: type(layer) for layer in model._flatten_layers()}
    own = {n: k for n, k in kinds.items() if not k.__module__.startswith("keras.")}
    return _loaded, (pickle.dumps(model), own, card(model))


def _send(client: Any, network: str, build: Callable | None, model: keras.Model) -> None:
    """Have every worker, now and later, know the network."""
    if _SENT_TO.get(client) == network:
        return
    from distributed import WorkerPlugin

    class Network(WorkerPlugin):
        """Holds a network on a worker."""

        name = "layers-network"

        def __init__(self, network: str, content: tuple) -> None:
            self.network, self.content = network, content

        def setup(self, worker: Any) -> None:
            """Put it where shards find it."""
            receive(self.network, self.content, worker.state.nthreads if worker.nanny else None)

    client.register_plugin(Network(network, payload(model, build)))
    _SENT_TO[client] = network


def receive(network: str, content: tuple, threads: int | None) -> None:
    """Keep a network on a worker, instead of the one before.

    Args:
        network: its fingerprint.
        content: from `payload`.
        threads: how many threads the worker may use; None where it shares the process of others.
    """
    if threads:
        os.environ["LAYERS_CORES"] = str(threads)
        try:
            tf.config.threading.set_intra_op_parallelism_threads(threads)
            tf.config.threading.set_inter_op_parallelism_threads(threads)
        except RuntimeError:  # TensorFlow has started: as it was set then
            pass
    with _RUNNING:
        _SENT.clear()
        _BUILT.clear()
        _SENT[network] = content


def _on_worker(network: str, job: Callable, images: Any) -> Any:
    with _RUNNING:
        return job(_network(network), images)


def _network(network: str) -> keras.Model:
    from helpers.layers._shards import fingerprint

    if network not in _BUILT:
        function, arguments = _SENT[network]
        model = function(*arguments)
        if fingerprint(model) != network:
            raise ValueError(
                "the function that builds the network builds another one on a worker: give its "
                "layers names and its weights a seed, or pass the model itself"
            )
        _BUILT[network] = model
    return _BUILT[network]


def _loaded(content: bytes, custom: Mapping[str, type], about: Any) -> keras.Model:
    with keras.saving.custom_object_scope(dict(custom)):
        model = pickle.loads(content)
    if about is not None:
        model.card = about
    return model
