import weakref
from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers as kl

from helpers import layers
from helpers.layers import _stream

activations = partial(layers.activations, progress=False)


@pytest.mark.parametrize("batch_size", [1, 3, 7, 100])
def test_batches_of_any_size_give_the_same(branched, images, batch_size):
    whole = activations(branched, images, batch_size=7)
    parts = activations(branched, images, batch_size=batch_size)
    for name in whole:
        np.testing.assert_allclose(parts[name], whole[name], rtol=1e-5, atol=1e-6)


def test_index_tells_which_images(branched, images):
    indices = [
        b.index for b in layers.stream(branched, images, "pool", batch_size=3, progress=False)
    ]
    assert indices == [slice(0, 3), slice(3, 6), slice(6, 7)]


def test_open_batch_size_bounds_the_memory_of_a_batch(branched, images, monkeypatch):
    def sizes(model, images, chosen):
        batches = layers.stream(model, images, chosen, progress=False)
        return [batch.index.stop - batch.index.start for batch in batches]

    monkeypatch.setattr(_stream, "LARGEST_BATCH", 5)
    monkeypatch.setattr(_stream, "WORKING_MEMORY", 0)
    assert sizes(branched, images, "stem") == [5, 2]
    monkeypatch.setattr(_stream, "BATCH_BYTES", 3 * 6 * 6 * 3 * 4 + 1)
    assert sizes(branched, images, "stem") == [3, 3, 1]
    monkeypatch.setattr(_stream, "BATCH_BYTES", 1)
    assert sizes(branched, images, "stem") == [1] * 7
    per_image = int(np.prod(branched.input_shape[1:])) * 4
    monkeypatch.setattr(_stream, "WORKING_MEMORY", 100)
    monkeypatch.setattr(_stream, "BATCH_BYTES", 2 * 100 * per_image)
    assert sizes(branched, images, "stem") == [2, 2, 2, 1]
    image = keras.Input((None, None, 2))
    any_size = keras.Model(image, kl.Conv2D(1, 3)(image))
    monkeypatch.setattr(_stream, "UNKNOWN_SIZE_BATCH", 4)
    assert sizes(any_size, images, None) == [4, 3]


def test_every_image_passes_once(images):
    passed = []

    @keras.saving.register_keras_serializable("tests")
    class Counting(kl.Layer):
        def call(self, x):
            tf.numpy_function(lambda n: passed.append(int(n)), [tf.shape(x)[0]], [])
            return x

        def compute_output_shape(self, shape):
            return shape

    image = keras.Input((6, 6, 2))
    x = kl.Conv2D(2, 3, name="a")(Counting()(image))
    model = keras.Model(image, kl.Conv2D(2, 3, name="b")(x))
    activations(model, images, ["a", "b"], batch_size=3)
    assert passed == [3, 3, 1]


def test_whoever_keeps_a_batch_keeps_its_arrays(branched, images):
    kept = list(layers.stream(branched, images, ["stem", "mixed"], batch_size=2, progress=False))
    expected = activations(branched, images, batch_size=2)
    assert [len(batch.activations["stem"]) for batch in kept] == [2, 2, 2, 1]
    for index, batch in kept:
        for name in ("stem", "mixed"):
            np.testing.assert_array_equal(batch[name], expected[name][index])


def test_the_stream_itself_keeps_nothing(branched, images):
    batches = layers.stream(branched, images, ["stem", "mixed"], batch_size=2, progress=False)
    for batch in batches:
        alive = [weakref.ref(x) for x in batch.activations.values()]
        batch.activations.clear()
        assert all(reference() is None for reference in alive)


def test_progress_bar_can_be_silenced(branched, images, capsys):
    activations(branched, images)
    assert capsys.readouterr() == ("", "")
    list(layers.stream(branched, images, "pool"))
    assert "net" in capsys.readouterr().err
