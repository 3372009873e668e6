import numpy as np
from scipy import stats

from helpers.metrics import similarity
from helpers.studies import rupprecht_2017


def test_random_directions_are_orthonormal():
    axes = rupprecht_2017.random_directions(20, 8, seed=1)
    np.testing.assert_allclose(axes.T @ axes, np.eye(8), atol=1e-12)
    assert rupprecht_2017.random_directions(5, 8).shape == (5, 5)


def test_places_are_vectors_of_the_layer():
    x = np.arange(2 * 3 * 3 * 4, dtype=np.float32).reshape(2, 3, 3, 4)
    seen = rupprecht_2017.Places(places=5)
    seen.update(x)
    seen.update(x[:1])
    assert seen.vectors.shape == (3, 5, 4)
    for image, vectors in zip([0, 1, 0], seen.vectors, strict=True):
        rows = {tuple(row) for row in x[image].reshape(-1, 4)}
        found = {tuple(row) for row in vectors}
        assert found <= rows and len(found) == 5
    flat = rupprecht_2017.Places(places=5)
    flat.update(np.ones((2, 7)))
    assert flat.vectors.shape == (2, 1, 7)


def test_a_sparse_code_is_aligned_and_a_round_cloud_is_not():
    rng = np.random.default_rng(0)
    sparse = rng.exponential(size=(60, 10, 64)) * (rng.random((60, 10, 64)) < 0.1)
    assert rupprecht_2017.alignment(sparse).superiority > 0.99
    turned = sparse @ rupprecht_2017.random_directions(64, 64, seed=9)
    for cloud in (turned, rng.normal(size=sparse.shape)):
        assert 0.3 < rupprecht_2017.alignment(cloud).superiority < 0.7


def test_kurtosis_and_its_bootstrap_by_definition():
    rng = np.random.default_rng(1)
    vectors = 5 + rng.exponential(size=(12, 6, 4))
    vectors[..., 2] = 0

    def kurtosis(x):
        return stats.kurtosis(x, axis=(0, 1))

    active = [0, 1, 3]
    found = rupprecht_2017.alignment(vectors)
    np.testing.assert_allclose(found.units[active], kurtosis(vectors[..., active]))
    assert np.isnan(found.units[2]) and np.isfinite(found.superiority)
    weights = similarity.resample(12, 3)
    for row, units in zip(
        weights, rupprecht_2017.alignment(vectors, weights=weights).units, strict=True
    ):
        drawn = vectors[np.repeat(np.arange(12), row.astype(int))]
        np.testing.assert_allclose(units[active], kurtosis(drawn[..., active]))
