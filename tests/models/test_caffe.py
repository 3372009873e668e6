import keras
import numpy as np
import pytest

from helpers.models import _caffe


@pytest.mark.parametrize("side", [113, 56, 28, 5, 6])
def test_pooling_rounds_up_as_caffe_does(side):
    x = np.random.default_rng(0).normal(size=(1, side, side, 1)).astype("float32")
    inputs = keras.Input((side, side, 1))
    pooled = keras.Model(inputs, _caffe.max_pool(inputs, "pool"))(x)[0, ..., 0]
    starts = 2 * np.arange(int(np.ceil((side - 3) / 2)) + 1)
    written_out = [[x[0, i : i + 3, j : j + 3].max() for j in starts] for i in starts]
    np.testing.assert_array_equal(pooled, written_out)


@pytest.mark.parametrize("channels", [3, 7])
def test_normalisation_divides_by_what_neighbouring_channels_hold(channels):
    x = np.random.default_rng(0).normal(0, 100, (2, 3, 4, channels)).astype("float32")
    expected = np.empty_like(x)
    for c in range(channels):
        squares = (x[..., max(c - 2, 0) : c + 3].astype(float) ** 2).sum(axis=-1)
        expected[..., c] = x[..., c] / (1 + 1e-4 / 5 * squares) ** 0.75
    normalised = _caffe.LocalResponseNormalization()(x)
    np.testing.assert_allclose(normalised, expected, rtol=1e-5)
    assert np.abs(normalised / x).min() < 0.9


def test_colours_are_blue_first_and_centred():
    rgb = np.float32([[[10, 20, 30]]])
    np.testing.assert_array_equal(_caffe.centred(rgb), [[[30 - 104, 20 - 117, 10 - 123]]])
