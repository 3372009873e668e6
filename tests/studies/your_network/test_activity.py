import numpy as np

from helpers.metrics import sparsity
from helpers.studies.your_network import activity


def test_without_negative_values_silent_is_zero():
    x = np.array([[0, 0.001, 1, 0], [2, 0, 0, 0]], np.float32)
    np.testing.assert_array_equal(activity.silenced(x), x)
    gini, active, negative = activity.how_sparse(x).T
    np.testing.assert_allclose(gini, sparsity.gini(x, axis=1), atol=1e-5)
    assert active.tolist() == [0.5, 0.25] and negative.tolist() == [0, 0]


def test_with_negative_values_silent_is_what_is_small():
    x = np.array([[-1, 0.05, 1, 0], [3, 0.01, 0, 0]], np.float32)
    # The first image's root mean square is 0.71; the second holds no negative value.
    np.testing.assert_allclose(activity.silenced(x), [[1, 0, 1, 0], [3, 0.01, 0, 0]])
    np.testing.assert_allclose(activity.silenced(x, 0.05), [[1, 0.05, 1, 0], [3, 0.01, 0, 0]])
    assert activity.how_sparse(x)[:, 1:].tolist() == [[0.5, 0.25], [0.5, 0]]
