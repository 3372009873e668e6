"""Passes in shards: equal to one pass, resumed after an interruption, nothing half-written."""

from functools import partial

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from PIL import Image

from helpers import data, layers, models
from helpers.layers import _shards
from helpers.metrics import sparsity

MEASURES = {"gini": sparsity.gini, "active": sparsity.active_fraction}
CHOSEN = ["activation", "mixed?", "avg_pool"]
measure = partial(layers.measure, measures=MEASURES, batch_size=8, progress=False)


def test_measures_in_shards_are_those_of_one_pass(network, digits, tmp_path):
    single = measure(network, digits, CHOSEN)
    pd.testing.assert_frame_equal(measure(network, digits, CHOSEN, keep=tmp_path), single)
    assert len(list(tmp_path.glob("shard-*.pickle"))) == 5


def test_shards_that_are_kept_are_not_computed_again(network, digits, tmp_path, monkeypatch):
    first = measure(network, digits, CHOSEN, keep=tmp_path)
    lost = sorted(tmp_path.glob("shard-*"))[1]
    lost.unlink()
    seen = []
    tensors = data.ImageSet.tensors
    monkeypatch.setattr(
        data.ImageSet,
        "tensors",
        lambda self, *args: seen.append(self.names[0]) or tensors(self, *args),
    )
    pd.testing.assert_frame_equal(measure(network, digits, CHOSEN, keep=tmp_path), first)
    assert seen == ["16"]


def test_a_damaged_shard_is_computed_again(network, digits, tmp_path):
    first = measure(network, digits, CHOSEN, keep=tmp_path)
    damaged = sorted(tmp_path.glob("shard-*"))[0]
    damaged.write_bytes(damaged.read_bytes()[:-1])
    with pytest.warns(UserWarning, match="is damaged: computed again"):
        again = measure(network, digits, CHOSEN, keep=tmp_path)
    pd.testing.assert_frame_equal(again, first)


def test_a_shard_counts_only_for_what_it_was_made_of(network, digits, tmp_path):
    measure(network, digits, CHOSEN, keep=tmp_path)
    there = set(tmp_path.iterdir())
    other = models.mini_inception(trained=False)
    for change in (
        {"measures": {"gini": partial(sparsity.gini, offset=1.0)}},
        {"batch_size": 10},
        {"layers": CHOSEN[:2]},
        {"images": digits[np.arange(70)[::-1]]},
        {"model": other},
    ):
        options = {"model": network, "images": digits, "layers": CHOSEN} | change
        measure(**options, keep=tmp_path)
        now = set(tmp_path.iterdir())
        assert len(now) > len(there), change
        there = now


def test_an_interruption_keeps_what_was_finished(network, digits, tmp_path, monkeypatch):
    tensors, calls = data.ImageSet.tensors, []

    def interrupted(self, *args):
        calls.append(self)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return tensors(self, *args)

    monkeypatch.setattr(data.ImageSet, "tensors", interrupted)
    with pytest.raises(KeyboardInterrupt):
        measure(network, digits, CHOSEN, keep=tmp_path)
    assert len(list(tmp_path.iterdir())) == 2
    monkeypatch.undo()
    resumed = measure(network, digits, CHOSEN, keep=tmp_path)
    pd.testing.assert_frame_equal(resumed, measure(network, digits, CHOSEN))


def test_a_corrupt_image_is_named_and_loses_no_other_shard(network, digits, tmp_path):
    folder = tmp_path / "photos" / "one"
    folder.mkdir(parents=True)
    for i in range(40):
        Image.fromarray(np.repeat(digits[i], 3, axis=2)).save(folder / f"{i:02d}.png")
    bad = folder / "20.png"
    good = bad.read_bytes()
    bad.write_bytes(good[:40])
    images = data.images_in(tmp_path / "photos")
    options = {"keep": tmp_path / "kept", "preprocess": grey}
    with pytest.raises(ValueError, match=r"1 of 3 shards failed.*20\.png.*2 of 3 shards are kept"):
        measure(network, images, CHOSEN, **options)
    assert len(list((tmp_path / "kept").iterdir())) == 2
    bad.write_bytes(good)
    seen = measure(network, images, CHOSEN, **options)
    pd.testing.assert_frame_equal(seen, measure(network, images, CHOSEN, preprocess=grey))


def grey(image):
    return tf.image.resize(image[..., :1], (32, 32)) / 255.0


def test_accumulators_and_categories_in_shards(network, digits, tmp_path):
    edges = np.linspace(-1, 5, 30)
    take = {
        "histogram": partial(sparsity.Histogram, edges),
        "images": partial(layers.PerImage, {"means": layers.channel_means}),
    }
    options = {"batch_size": 8, "progress": False}
    single = layers.accumulate(network, digits, CHOSEN, take, **options)
    shards = layers.accumulate(network, digits, CHOSEN, take, keep=tmp_path, **options)
    for layer, found in single.items():
        a, b = found["histogram"], shards[layer]["histogram"]
        np.testing.assert_array_equal(a.counts, b.counts)
        np.testing.assert_array_equal(a.active_per_image, b.active_per_image)
        assert (a.zeros, a.below, a.above) == (b.zeros, b.below, b.above)
        np.testing.assert_array_equal(found["images"]["means"], shards[layer]["images"]["means"])
    even = {"even": np.arange(70) % 3 == 0}
    args = network, digits, CHOSEN, "avg_pool", even
    one = layers.category_responses(*args, **options)
    two = layers.category_responses(*args, keep=tmp_path, **options)
    np.testing.assert_array_equal(one.features, two.features)
    for subset, means in one.means.items():
        for layer, x in means.items():
            np.testing.assert_allclose(two.means[subset][layer], x, rtol=1e-6, atol=1e-9)


def test_what_cannot_be_joined_kept_or_split_is_refused(network, digits, tmp_path):
    class Last:
        def update(self, x):
            self.x = x

    with pytest.raises(TypeError, match="cannot be told from others.*functools.partial"):
        measure(network, digits, measures={"max": lambda x, axis: x.max(axis=axis)}, keep=tmp_path)
    with pytest.raises(TypeError, match="Last has no `merge`"):
        _shards.merged([Last(), Last()])
    with pytest.raises(TypeError, match="need a data.ImageSet.*got ndarray"):
        measure(network, np.zeros((3, 32, 32, 1), np.float32), CHOSEN, keep=tmp_path)
    with pytest.raises(ValueError, match="3 images of 2"):
        layers.PerImage({"3 images of 2": lambda x: np.zeros(3)}).update(np.zeros((2, 4)))


def test_a_function_may_build_the_network(digits):
    table = measure(models.mini_inception, digits, CHOSEN)
    assert set(table["network"]) == {"mini-Inception"}


def test_a_fingerprint_tells_weights_and_layers_apart(network):
    assert _shards.fingerprint(network) == _shards.fingerprint(models.mini_inception())
    other = models.mini_inception()
    weights = other.get_weights()
    weights[0] = weights[0] + 1e-6
    other.set_weights(weights)
    assert _shards.fingerprint(network) != _shards.fingerprint(other)
    x = keras.Input((2,), name="x")
    one, two = (keras.Model(x, keras.layers.ReLU(name=name)(x)) for name in "ab")
    assert _shards.fingerprint(one) != _shards.fingerprint(two)
