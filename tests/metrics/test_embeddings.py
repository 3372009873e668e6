import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy.spatial.distance import pdist, squareform
from sklearn.manifold import trustworthiness as sklearn_trustworthiness
from sklearn.neighbors import KNeighborsClassifier

from helpers.metrics.embeddings import (
    align,
    centroid_distances,
    embed,
    pair_distances,
    structure,
    trustworthiness,
)

seeds = st.integers(0, 2**32 - 1)


def clouds(seed=0, n=120, dimensions=2, classes=4, apart=3.0, dtype=np.float64):
    """Classes of unequal sizes around random centres."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, n)
    centres = apart * rng.normal(size=(classes, dimensions))
    return (centres[labels] + rng.normal(size=(n, dimensions))).astype(dtype), labels


def written_out(x, labels):
    """The source's distances, from the matrix of all of them."""
    distances = squareform(pdist(x.astype(float)))
    above = np.triu_indices(len(x), 1)
    same = (labels[:, None] == labels)[above]
    pairs = distances[above]
    x = x.astype(float)
    centroids = [x[labels == c].mean(axis=0) for c in np.unique(labels)]
    within = [
        np.linalg.norm(x[labels == c] - m, axis=1).mean()
        for c, m in zip(np.unique(labels), centroids, strict=True)
    ]
    return {
        "d_s": pairs[same].mean() / pairs.mean(),
        "d_d": pairs[~same].mean() / pairs.mean(),
        "c_s": np.mean(within) / pairs.mean(),
        "c_d": pdist(np.array(centroids)).mean() / pairs.mean(),
        "acc_knn": KNeighborsClassifier(10).fit(x, labels).score(x, labels),
    }


@given(seeds, st.integers(1, 6), st.integers(2, 7), st.sampled_from([np.float32, np.float64]))
@example(seed=3391, dimensions=1, classes=2, dtype=np.float32)
def test_structure_equals_the_written_out_measures(seed, dimensions, classes, dtype):
    x, labels = clouds(seed, 150, dimensions, classes, dtype=dtype)
    assert structure(x, labels) == pytest.approx(written_out(x, labels), rel=2e-6)


@given(seeds, st.floats(-3, 3), st.floats(1e-3, 1e3), st.booleans())
def test_structure_ignores_rotation_reflection_translation_and_scale(seed, angle, scale, mirrored):
    x, labels = clouds(seed)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    turn[:, 0] *= -1 if mirrored else 1
    moved = scale * (x @ turn) + 10 * scale
    assert structure(moved, labels) == pytest.approx(structure(x, labels), rel=1e-5)


def test_structure_ignores_the_order_of_points_and_the_names_of_classes():
    x, labels = clouds()
    order = np.random.default_rng(1).permutation(len(x))
    names = np.array(["a", "b", "c", "d"])[labels]
    assert structure(x[order], names[order]) == pytest.approx(structure(x, labels), rel=1e-6)


def test_classes_without_structure_give_ones():
    rng = np.random.default_rng(0)
    found = structure(rng.normal(size=(3000, 2)), rng.integers(0, 3, 3000))
    assert found["d_s"] == pytest.approx(1, abs=0.01)
    assert found["d_d"] == pytest.approx(1, abs=0.01)
    assert found["c_d"] < 0.1


def test_two_far_classes_of_coinciding_points():
    x = np.repeat([[0.0, 0.0], [6.0, 8.0]], 20, axis=0)
    labels = np.repeat([0, 1], 20)
    overall = 10 * 400 / (40 * 39 / 2)
    assert structure(x, labels) == pytest.approx(
        {"d_s": 0, "d_d": 10 / overall, "c_s": 0, "c_d": 10 / overall, "acc_knn": 1}
    )


@pytest.mark.parametrize("dimensions", [2, 3])
def test_one_class_has_no_different_pairs(dimensions):
    x, _ = clouds(dimensions=dimensions)
    found = structure(x, np.zeros(len(x)))
    assert found["d_s"] == pytest.approx(1)
    assert np.isnan(found["d_d"]) and np.isnan(found["c_d"])
    assert found["acc_knn"] == 1


@pytest.mark.parametrize("dimensions", [2, 3])
def test_classes_of_one_point_have_no_same_pairs(dimensions):
    x, _ = clouds(n=30, dimensions=dimensions)
    same, different, overall = pair_distances(x, np.arange(30))
    assert np.isnan(same)
    assert different == pytest.approx(overall) == pytest.approx(pdist(x).mean())
    assert centroid_distances(x, np.arange(30))[0] == 0


@pytest.mark.parametrize("dimensions", [2, 5])
def test_duplicates_have_distance_zero(dimensions):
    x, labels = clouds(n=40, dimensions=dimensions, dtype=np.float32)
    x[20:] = x[:20]
    labels[20:] = labels[:20]
    expected = written_out(x, labels)
    assert structure(x, labels)["d_s"] == pytest.approx(expected["d_s"], rel=1e-4)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("dimensions", [2, 50, 2048])
@pytest.mark.parametrize("within", [1e-1, 1e-3, 1e-4])
def test_tight_classes_far_apart_keep_their_distances(within, dimensions, dtype):
    x, labels = clouds(n=60, dimensions=dimensions, apart=1 / within)
    x = x.astype(dtype)
    expected = squareform(pdist(x.astype(float)))
    same = (labels[:, None] == labels) & ~np.eye(60, dtype=bool)
    found = pair_distances(x, labels)
    assert found[:2] == pytest.approx(
        (expected[same].mean(), expected[labels[:, None] != labels].mean()), rel=2e-6
    )


@pytest.mark.parametrize("dimensions", [2, 5])
@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_structure_at_any_scale(scale, dimensions):
    x, labels = clouds(dimensions=dimensions)
    assert structure(scale * x, labels) == pytest.approx(structure(x, labels), rel=1e-6)


def test_far_from_the_origin_nothing_is_lost():
    x, labels = clouds(dimensions=6)
    assert pair_distances(x + 1e6, labels) == pytest.approx(pair_distances(x, labels), rel=1e-7)


def test_more_rows_than_a_block():
    x, labels = clouds(n=2600, dimensions=3, classes=2)
    distances = squareform(pdist(x))
    assert pair_distances(x, labels)[2] == pytest.approx(distances.sum() / (2600 * 2599))


def test_integers_and_half_precision_are_read_exactly():
    x = np.random.default_rng(0).integers(0, 255, (60, 3))
    labels = np.arange(60) % 3
    for dtype in (np.uint8, np.int64, np.float16):
        assert pair_distances(x.astype(dtype), labels) == pytest.approx(
            pair_distances(x.astype(float), labels)
        )


def test_input_is_left_as_it_is():
    x, labels = clouds(dtype=np.float32)
    x.setflags(write=False)
    labels.setflags(write=False)
    before = x.copy()
    structure(np.asfortranarray(x)[::2], labels[::2])
    structure(x, labels)
    assert (x == before).all()


@pytest.mark.parametrize(
    ("x", "labels", "message"),
    [
        (np.array([[0.0, np.nan], [1, 1]]), [0, 1], "x holds"),
        (np.array([[0.0, np.inf], [1, 1]]), [0, 1], "x holds"),
        (np.zeros((20, 2)), np.arange(20) % 2, "all points coincide"),
        (np.eye(2), [0, 1, 2], r"labels have shape \(3,\)"),
        (np.zeros(4), [0] * 4, "a matrix of at least 2 rows"),
        (np.zeros((1, 2)), [0], "a matrix of at least 2 rows"),
        (np.zeros((0, 2)), [], "a matrix of at least 2 rows"),
        (np.eye(3), [0, 1, 2], "k=10 neighbours of 3 points"),
    ],
)
def test_bad_input_says_what_is_wrong(x, labels, message):
    with pytest.raises(ValueError, match=message):
        structure(x, labels)


@given(seeds, st.integers(1, 20))
def test_trustworthiness_equals_scikit_learn(seed, k):
    x, _ = clouds(seed, 101, dimensions=6)
    points = x[:, :2] + np.random.default_rng(seed).normal(size=(101, 2))
    expected = sklearn_trustworthiness(x, points, n_neighbors=k)
    assert trustworthiness(x, points, k, chunk=30) == pytest.approx(expected)


def test_trustworthiness_of_a_copy_is_one_and_its_limits():
    x, _ = clouds()
    assert trustworthiness(x, 3 * x) == 1
    with pytest.raises(ValueError, match="below half"):
        trustworthiness(x, x, 60)
    with pytest.raises(ValueError, match="one for each"):
        trustworthiness(x, x[1:])


@given(seeds, st.floats(-3, 3), st.booleans())
def test_align_undoes_rotation_reflection_scale_and_shift(seed, angle, mirrored):
    x, _ = clouds(seed)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    turn[0] *= -1 if mirrored else 1
    assert align(3 * x @ turn - 7, x) == pytest.approx(x, abs=1e-8)


def test_align_keeps_distances_and_refuses_what_it_cannot_do():
    x, _ = clouds()
    other, _ = clouds(seed=9)
    moved = align(x, other)
    ratio = pdist(moved) / pdist(x)
    assert ratio == pytest.approx(np.full_like(ratio, ratio[0]))
    with pytest.raises(ValueError, match="differ in shape"):
        align(x, other[1:])
    with pytest.raises(ValueError, match="coincide"):
        align(np.ones((5, 2)), x[:5])


@pytest.mark.parametrize("method", ["tsne", "pca"])
def test_a_seed_decides_the_embedding(method):
    x, _ = clouds(n=100, dimensions=8, dtype=np.float32)
    first = embed(x, method, 1, **({"n_iter": 60} if method == "tsne" else {}))
    again = embed(x, method, 1, **({"n_iter": 60} if method == "tsne" else {}))
    assert first.shape == (100, 2) and first.dtype == np.float32
    assert (first == again).all()


def test_unknown_method_and_bad_activations():
    with pytest.raises(ValueError, match="choose one of tsne, umap, pca"):
        embed(np.eye(4), "t-sne")
    with pytest.raises(ValueError, match="NaN"):
        embed(np.full((4, 4), np.nan))
    for method in ("tsne", "umap", "pca"):
        with pytest.raises(ValueError, match="all rows of activations are equal"):
            embed(np.full((40, 5), 0.3), method)
