"""The same calls on a Dask cluster of two processes, and what happens when parts of it die."""

import os
import pickle
import signal
import sys
import threading
from functools import partial

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from helpers import data, layers, models
from helpers.layers import _cluster, _shards
from helpers.metrics import sparsity

distributed = pytest.importorskip("distributed")

MEASURES = {"gini": sparsity.gini, "active": sparsity.active_fraction}
CHOSEN = ["activation", "mixed3", "avg_pool"]
OPTIONS = {"batch_size": 8, "progress": False}
measure = partial(layers.measure, measures=MEASURES, **OPTIONS)


@pytest.fixture(scope="module")
def client():
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with distributed.LocalCluster(**options) as cluster, distributed.Client(cluster) as client:
        yield client


def test_the_workers_find_what_one_process_finds(client, network, digits):
    single = measure(network, digits, CHOSEN)
    pd.testing.assert_frame_equal(measure(network, digits, CHOSEN, client=client), single)
    built = measure(models.mini_inception, digits, CHOSEN, client=client)
    pd.testing.assert_frame_equal(built, single)
    take = {"histogram": partial(sparsity.Histogram, np.linspace(-1, 5, 30))}
    args = network, digits, CHOSEN
    one = layers.accumulate(*args, take, **OPTIONS)
    two = layers.accumulate(*args, take, client=client, **OPTIONS)
    for layer in one:
        a, b = one[layer]["histogram"], two[layer]["histogram"]
        np.testing.assert_array_equal(a.counts, b.counts)
        np.testing.assert_array_equal(a.active_per_image, b.active_per_image)
    one = layers.category_responses(*args, "avg_pool", **OPTIONS)
    two = layers.category_responses(*args, "avg_pool", client=client, **OPTIONS)
    np.testing.assert_array_equal(one.features, two.features)
    for layer, means in one.means["all"].items():
        np.testing.assert_allclose(two.means["all"][layer], means, rtol=1e-6, atol=1e-9)


def test_a_worker_that_is_killed_changes_nothing(client, network, digits, tmp_path):
    killed = tmp_path / "killed"
    single = measure(network, digits, CHOSEN, measures={"gini": sparsity.gini})

    def deadly(x, axis):
        if not killed.exists():
            killed.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return sparsity.gini(x, axis)

    seen = measure(network, digits, CHOSEN, measures={"gini": deadly}, client=client)
    assert killed.exists()
    pd.testing.assert_frame_equal(seen, single)


def test_a_shard_that_fails_loses_no_other(client, digits, tmp_path):
    bad = tmp_path / "three.jpg"
    bad.write_bytes(b"\xff\xd8\xff no image")
    paths = [tmp_path / f"{i:02d}.jpg" for i in range(40)]
    for i, path in enumerate(paths):
        path.write_bytes(tf.io.encode_jpeg(digits[i]).numpy())
    paths[20] = bad
    names = np.array([path.name for path in paths])
    images = data.ImageSet("own", "own", "own", names, names, paths=tuple(paths))
    x = keras.Input((9, 9, 3), name="x")
    colour = keras.Model(x, keras.layers.Conv2D(4, 3, activation="relu", name="conv")(x))
    resized = partial(tf.image.resize, size=(9, 9))
    options = {"preprocess": resized, "keep": tmp_path / "kept"}
    with pytest.raises(ValueError, match=r"1 of 3 shards failed.*three\.jpg.*2 of 3 shards are"):
        measure(colour, images, client=client, **options)
    bad.write_bytes(paths[19].read_bytes())
    resumed = measure(colour, images, client=client, **options)
    pd.testing.assert_frame_equal(resumed, measure(colour, images, preprocess=resized))


def test_a_scheduler_that_is_gone_is_reported_and_shards_are_kept(network, digits, tmp_path):
    options = {"processes": False, "n_workers": 1, "threads_per_worker": 1}
    cluster = distributed.LocalCluster(**options, dashboard_address=None)
    client = distributed.Client(cluster, timeout=2)
    save = _shards._Kept.save
    gone = threading.Event()

    def close_then(self, i, result):
        save(self, i, result)
        if not gone.is_set():
            gone.set()
            cluster.close(timeout=1)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_shards._Kept, "save", close_then)
        with pytest.raises(ConnectionError, match=r"the scheduler.*is gone; [12] of 5 shards are"):
            measure(network, digits, CHOSEN, client=client, keep=tmp_path)
    client.close(timeout=1)
    kept = set(tmp_path.iterdir())
    assert kept
    resumed = measure(network, digits, CHOSEN, keep=tmp_path)
    pd.testing.assert_frame_equal(resumed, measure(network, digits, CHOSEN))
    assert kept < set(tmp_path.iterdir())


def test_tasks_are_small_and_hold_no_weights(network, digits):
    job = partial(_cluster._on_worker, "sha", partial(sparsity.gini, axis=1), digits[:16])
    assert len(pickle.dumps(job)) < 6000
    function, arguments = _cluster.payload(network, None)
    weights = sum(weight.numpy().nbytes for weight in network.weights)
    assert len(pickle.dumps(arguments)) > weights
    again = function(*arguments)
    assert _shards.fingerprint(again) == _shards.fingerprint(network)
    assert again.card == network.card


class Own(keras.layers.Layer):
    def call(self, x):
        return keras.ops.relu(x - 0.5)


def test_a_layer_of_an_own_class_travels():
    x = keras.Input((4, 4, 1), name="x")
    model = keras.Model(x, Own(name="own")(x))
    function, arguments = _cluster.payload(model, None)
    again = function(*pickle.loads(pickle.dumps(arguments)))
    values = np.random.default_rng(0).random((2, 4, 4, 1)).astype(np.float32)
    np.testing.assert_array_equal(again(values), model(values))


def test_a_function_must_build_the_same_network_on_a_worker(network):
    def another():
        return models.mini_inception(trained=False)

    _cluster.receive("another", (another, ()), None)
    with pytest.raises(ValueError, match="builds another one on a worker"):
        _cluster._on_worker("another", None, None)


def test_without_dask_and_with_other_clients(network, digits, monkeypatch):
    with pytest.raises(TypeError, match="takes a dask.distributed.Client, got str"):
        measure(network, digits, CHOSEN, client="tcp://somewhere:8786")
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ImportError, match=r"layer-notebooks\[cluster\]"):
        measure(network, digits, CHOSEN, client="tcp://somewhere:8786")
