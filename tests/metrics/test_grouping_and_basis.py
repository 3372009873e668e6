import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.metrics import grouping, similarity
from helpers.studies import rupprecht_2017

seeds = st.integers(0, 2**32 - 1)
LABELS = np.repeat(["a", "b", "c"], [5, 4, 3])


def layers(seed, signal=(0.0, 2.0)):
    """A layer a value of signal: how strongly images of a group share a pattern."""
    rng = np.random.default_rng(seed)
    group = np.unique(LABELS, return_inverse=True)[1]
    shared = rng.normal(size=(3, 30))[group]
    return [np.corrcoef(each * shared + rng.normal(size=shared.shape)) for each in signal]


def written_out(matrix, labels, images):
    pairs = [(i, j) for k, i in enumerate(images) for j in images[k + 1 :] if i != j]
    within = [matrix[i, j] for i, j in pairs if labels[i] == labels[j]]
    between = [matrix[i, j] for i, j in pairs if labels[i] != labels[j]]
    return np.array(within), np.array(between)


@settings(max_examples=20, deadline=None)
@given(seeds)
def test_contrast_and_superiority_by_their_definitions(seed):
    stack = layers(seed)
    parts = [written_out(matrix, LABELS, range(12)) for matrix in stack]
    np.testing.assert_allclose(
        grouping.contrast(stack, LABELS), [a.mean() - b.mean() for a, b in parts]
    )
    np.testing.assert_allclose(
        grouping.superiority(stack, LABELS), [(a[:, None] > b).mean() for a, b in parts]
    )
    weights = similarity.resample(12, 3, seed)
    for row, found in zip(weights, grouping.contrast(stack, LABELS, weights), strict=True):
        images = np.repeat(np.arange(12), row.astype(int))
        parts = [written_out(matrix, LABELS, images) for matrix in stack]
        np.testing.assert_allclose(found, [a.mean() - b.mean() for a, b in parts])


def test_permutation_test_finds_the_layer_with_groups():
    test = grouping.permutation_test(layers(0), LABELS, permutations=199)
    assert test.p[1] == test.p_any[1] == 1 / 200
    assert (test.p_any >= test.p).all()
    assert test.null.shape == (199, 2)


def test_permutation_test_is_calibrated():
    p = [
        grouping.permutation_test(layers(seed, (0.0, 0.0)), LABELS, 49).p_any.min()
        for seed in range(60)
    ]
    assert 0 <= np.mean(np.array(p) <= 0.1) <= 0.25


@pytest.mark.parametrize("labels", [["a"] * 12, list("abcdefghijkl")])
def test_groups_without_both_kinds_of_pairs_are_an_error(labels):
    with pytest.raises(ValueError, match="within one group"):
        grouping.contrast(layers(0), labels)


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
        centred = x - x.mean(axis=(0, 1))
        return (centred**4).mean(axis=(0, 1)) / (centred**2).mean(axis=(0, 1)) ** 2 - 3

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
