import errno
import gc
import os
import tempfile
from collections import namedtuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from helpers.metrics import similarity
from helpers.metrics._scratch import Scratch

finite = st.floats(-100, 100, width=32)
patterns = arrays(np.float32, st.tuples(st.integers(3, 8), st.integers(20, 60)), elements=finite)
seeds = st.integers(0, 2**32 - 1)


def activations(seed, images=12, units=300):
    """Rectified patterns with a common part, as those of a layer."""
    rng = np.random.default_rng(seed)
    return np.maximum(rng.normal(size=units) + rng.normal(size=(images, units)), 0)


def batches(layers, size):
    images = len(next(iter(layers.values())))
    for start in range(0, images, size):
        index = slice(start, start + size)
        yield index, {name: x[index] for name, x in layers.items()}


@given(patterns)
def test_correlation_equals_numpy(x):
    varied = x.std(axis=1) > 1e-2
    if varied.sum() < 3:
        return
    x = x[varied]
    before = x.copy()
    found = similarity.correlation(x)
    np.testing.assert_allclose(found, np.corrcoef(x.astype(float)), atol=1e-5)
    np.testing.assert_array_equal(found, found.T)
    np.testing.assert_array_equal(np.diagonal(found), 1)
    np.testing.assert_array_equal(x, before)


@given(seeds, st.floats(1e-3, 1e3), st.floats(-1e3, 1e3), st.integers(1, 400))
def test_correlation_ignores_scale_shift_and_blocks(seed, scale, shift, block):
    x = activations(seed)
    moved = x.copy()
    moved[::2] = scale * moved[::2] + shift
    np.testing.assert_allclose(
        similarity.correlation(moved, block=block), similarity.correlation(x), atol=1e-5
    )


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int8", "uint8", "int64"])
def test_correlation_takes_any_dtype_and_layout(dtype):
    x = (10 * activations(0)).astype(dtype)
    x.setflags(write=False)
    expected = np.corrcoef(x.astype(float))
    np.testing.assert_allclose(similarity.correlation(x), expected, atol=1e-5)
    np.testing.assert_allclose(similarity.correlation(np.asfortranarray(x)), expected, atol=1e-5)
    np.testing.assert_allclose(
        similarity.correlation(x[:, ::3]), np.corrcoef(x[:, ::3].astype(float)), atol=1e-5
    )
    np.testing.assert_allclose(similarity.correlation(x.reshape(12, 10, 30)), expected, atol=1e-5)


def test_correlation_survives_a_large_common_offset():
    x = activations(1, units=5000).astype(np.float32) + np.float32(1e4)
    np.testing.assert_allclose(similarity.correlation(x), np.corrcoef(x.astype(float)), atol=1e-5)


@pytest.mark.parametrize("units", [300, 2000, 20_000])
@pytest.mark.parametrize("above", [1.001, 2, 425])
def test_correlation_of_a_few_units_far_above_a_flat_floor(units, above):
    x = np.ones((4, units))
    x[:, :3] = above * np.random.default_rng(0).uniform(1, 1.1, (4, 3))
    error = np.abs(similarity.correlation(x) - np.corrcoef(x)).max()
    assert error < 3e-5


@pytest.mark.parametrize("value", [0.0, 0.1, 7.3])
def test_a_constant_pattern_is_nan_and_named(value):
    x = activations(2)
    x[4] = value
    with pytest.warns(UserWarning, match=r"layer 'mixed0' are constant in images \[4\]"):
        found = similarity.correlation(x, layer="mixed0")
    assert np.isnan(found[4]).all() and np.isnan(found[:, 4]).all()
    others = np.arange(len(x)) != 4
    np.testing.assert_allclose(found[np.ix_(others, others)], np.corrcoef(x[others]), atol=1e-5)


def test_too_few_images_and_values_that_are_no_numbers_are_errors():
    with pytest.raises(ValueError, match="layer 'mixed3' need at least 3 images.*got 2"):
        similarity.correlation(activations(0, images=2), layer="mixed3")
    with pytest.raises(ValueError, match="layer 'a' need at least 3 images.*got 2"):
        similarity.matrices(batches({"a": activations(0, images=2)}, 1), images=2)
    for empty in (np.empty((0, 5)), np.empty((5, 0)), np.float64(1)):
        with pytest.raises(ValueError, match="at least 3 images with activations"):
            similarity.correlation(empty)
    for bad in (np.nan, np.inf, 1e25):
        x = activations(0)
        x[5, 7] = bad
        with pytest.raises(ValueError, match=r"layer 'mixed3' are NaN.*images \[5\]"):
            similarity.correlation(x, layer="mixed3")


def test_activations_too_small_for_float32_are_no_constant():
    x = activations(0)
    x[5] *= 1e-30
    with pytest.raises(ValueError, match=r"small for float32 in images \[5\]"):
        similarity.correlation(x)


@pytest.mark.parametrize("size", [1, 5, 12])
def test_a_stream_gives_the_same_matrices(size):
    layers = {"a": activations(0).reshape(12, 3, 100), "b": activations(1, units=77)}
    found = similarity.matrices(batches(layers, size), images=12)
    assert list(found) == ["a", "b"]
    for name, x in layers.items():
        flat = x.reshape(12, -1)
        np.testing.assert_allclose(found[name].correlation, np.corrcoef(flat), atol=1e-5)
        np.testing.assert_allclose(found[name].gram, flat @ flat.T, rtol=1e-5)


def test_scratch_files_are_gone_after_success_and_after_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before = len(os.listdir("/proc/self/fd")) if os.path.exists("/proc/self/fd") else None
    layers = {"a": activations(0)}
    similarity.matrices(batches(layers, 4), images=12)

    def broken():
        yield slice(0, 4), {"a": layers["a"][:4]}
        raise RuntimeError("the network failed")

    with pytest.raises(RuntimeError, match="the network failed"):
        similarity.matrices(broken(), images=12)
    gc.collect()
    assert list(tmp_path.iterdir()) == []
    if before is not None:
        assert len(os.listdir("/proc/self/fd")) == before


def test_a_disk_without_room_is_refused_before_anything_is_written(monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda folder: usage(10**9, 10**9 - 1000, 1000))
    with pytest.raises(OSError, match=r"12 images need .* GB of .*TMPDIR") as error:
        similarity.matrices(batches({"a": activations(0)}, 4), images=12)
    assert error.value.errno == errno.ENOSPC


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_disk_that_fills_up_says_so():
    with Scratch(images=12) as scratch, open("/dev/full", "wb", buffering=0) as full:
        scratch.reserve(100)
        with pytest.raises(OSError, match="12 images need") as error:
            scratch.write(full, np.zeros(10)).result()
    assert error.value.errno == errno.ENOSPC


def correlations(seed, layers=3, images=9):
    rng = np.random.default_rng(seed)
    common = rng.normal(size=(images, 40))
    return np.array([np.corrcoef(common + rng.normal(size=common.shape)) for _ in range(layers)])


def drawn(weights):
    return np.repeat(np.arange(len(weights)), weights.astype(int))


def pairs_of(matrix, images):
    """The written-out bootstrap: pairs of drawn images, no image with itself."""
    return [matrix[i, j] for k, i in enumerate(images) for j in images[k + 1 :] if i != j]


@given(seeds)
def test_decorrelation_is_the_mean_over_distinct_pairs(seed):
    stack = correlations(seed)
    everything = np.arange(9)
    expected = [np.mean(1 - np.array(pairs_of(matrix, everything))) for matrix in stack]
    np.testing.assert_allclose(similarity.decorrelation(stack), expected)
    weights = similarity.resample(9, 4, seed)
    assert (weights.sum(axis=1) == 9).all()
    expected = [
        [np.mean(1 - np.array(pairs_of(matrix, drawn(row)))) for matrix in stack] for row in weights
    ]
    np.testing.assert_allclose(similarity.decorrelation(stack, weights), expected)
    np.testing.assert_allclose(
        similarity.decorrelation(stack[0], weights), np.array(expected)[:, 0]
    )


@given(seeds)
def test_second_order_is_the_correlation_of_upper_triangles(seed):
    stack = correlations(seed)
    everything = np.arange(9)
    expected = np.corrcoef([pairs_of(matrix, everything) for matrix in stack])
    np.testing.assert_allclose(similarity.second_order(stack), expected, atol=1e-10)
    weights = similarity.resample(9, 4, seed)
    for row, found in zip(weights, similarity.second_order(stack, weights), strict=True):
        expected = np.corrcoef([pairs_of(matrix, drawn(row)) for matrix in stack])
        np.testing.assert_allclose(found, expected, atol=1e-10)


def test_images_without_a_correlation_are_left_out():
    stack = correlations(0)
    lost = stack.copy()
    lost[1, 4] = lost[1, :, 4] = np.nan
    kept = np.delete(np.delete(stack, 4, axis=1), 4, axis=2)
    np.testing.assert_allclose(similarity.second_order(lost), similarity.second_order(kept))
    np.testing.assert_allclose(similarity.decorrelation(lost)[1], similarity.decorrelation(kept)[1])
    assert similarity.cluster_order(lost[1])[-1] == 4


@given(seeds)
def test_cka_against_its_definition_and_invariances(seed):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(15, 6)), rng.normal(size=(15, 9))
    y[:, :3] += x[:, :3]
    centred_x, centred_y = x - x.mean(axis=0), y - y.mean(axis=0)
    cross = np.linalg.norm(centred_x.T @ centred_y) ** 2
    scale = np.linalg.norm(centred_x.T @ centred_x) * np.linalg.norm(centred_y.T @ centred_y)
    found = similarity.cka([x @ x.T, y @ y.T])
    np.testing.assert_allclose(found, [[1, cross / scale], [cross / scale, 1]])
    rotation = np.linalg.qr(rng.normal(size=(6, 6)))[0]
    turned = 3 * x @ rotation + 5
    for debiased in (False, True):
        alike = similarity.cka([x @ x.T, turned @ turned.T], debiased)
        np.testing.assert_allclose(alike, 1, atol=1e-9)


def grams_of(seed, images=12):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(images, 5))
    return [x @ x.T, (y := x[:, :2] + rng.normal(size=(images, 2))) @ y.T]


@given(seeds)
def test_resampled_cka_of_every_image_once_is_cka(seed):
    grams = grams_of(seed)
    found = similarity.cka(grams, debiased=True, weights=np.ones((2, 12)))
    np.testing.assert_allclose(found[1], similarity.cka(grams, debiased=True), atol=1e-9)


@given(seeds)
def test_resampled_cka_is_the_correlation_of_what_no_row_or_column_explains(seed):
    """The definition, by least squares over all ordered pairs of distinct images."""
    grams, weights = grams_of(seed), similarity.resample(12, 3, seed)
    first, second = np.nonzero(~np.eye(12, dtype=bool))
    design = np.eye(12)[first] + np.eye(12)[second]
    for found, row in zip(similarity.cka(grams, True, weights), weights, strict=True):
        scale = np.sqrt(row[first] * row[second])[:, None]
        y = scale * np.array([gram[first, second] for gram in grams]).T
        left = y - scale * design @ np.linalg.lstsq(scale * design, y, rcond=None)[0]
        expected = left[:, 0] @ left[:, 1] / np.sqrt((left**2).sum(axis=0).prod())
        np.testing.assert_allclose(found[0, 1], expected, atol=1e-7)


def test_plain_cka_has_no_bootstrap():
    with pytest.raises(ValueError, match="debiased=True"):
        similarity.cka(grams_of(0), weights=np.ones((1, 12)))


@given(seeds)
def test_unit_centred_correlation_is_that_of_patterns_less_their_mean(seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(6, 40)) + 3 * rng.normal(size=40)
    found = similarity.matrices([(slice(0, 6), {"layer": x})], 6)["layer"]
    np.testing.assert_allclose(found.centred, np.corrcoef(x - x.mean(axis=0)), atol=1e-4)


def test_a_layer_in_which_all_images_are_the_same_has_no_unit_centred_correlation():
    x = np.tile(np.arange(30.0), (4, 1))
    found = similarity.matrices([(slice(0, 4), {"layer": x})], 4)["layer"]
    assert np.isnan(found.centred).all()
    np.testing.assert_allclose(found.correlation, 1)


@given(seeds)
def test_svcca_is_the_mean_canonical_correlation_of_the_leading_components(seed):
    """The definition, by whitened covariances instead of singular vectors."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(40, 5)) * [9, 6, 3, 0.1, 0.1]
    y = np.c_[x[:, 0] + rng.normal(size=40), 5 * rng.normal(size=40)]

    def leading(values, count):
        centred = values - values.mean(axis=0)
        return centred @ np.linalg.eigh(centred.T @ centred)[1][:, ::-1][:, :count]

    def whiten(values):
        strength, axes = np.linalg.eigh(values.T @ values)
        return values @ axes / np.sqrt(strength) @ axes.T

    a, b = whiten(leading(x, 3)), whiten(leading(y, 2))
    expected = np.sqrt(np.linalg.eigvalsh(b.T @ a @ a.T @ b)).mean()
    found = similarity.svcca([x, y], 0.99)
    np.testing.assert_allclose(found, [[1, expected], [expected, 1]], atol=1e-7)


def test_svcca_does_not_see_rotations_and_says_what_it_cannot_do():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(30, 4))
    turned = 3 * x @ np.linalg.qr(rng.normal(size=(4, 4)))[0] + 5
    np.testing.assert_allclose(similarity.svcca([x, turned], 1.0), 1)
    found = similarity.svcca([x, np.full((30, 2), 0.1)])
    assert found[0, 0] == pytest.approx(1) and np.isnan(found[1]).all()
    with pytest.raises(ValueError, match="variance=0"):
        similarity.svcca([x], 0)
    with pytest.raises(ValueError, match="the same"):
        similarity.svcca([x, x[1:]])


def test_effective_dimensions_count_directions_of_equal_variance():
    x = np.eye(7)[:, :3] - np.eye(7)[:, 3:6]
    x = np.concatenate([x, -x])
    x = np.linalg.qr(x - x.mean(axis=0))[0]
    assert similarity.effective_dimensions(x @ x.T) == pytest.approx(3)
    assert similarity.effective_dimensions(np.outer(x[:, 0], x[:, 0]) + 5) == pytest.approx(1)
    assert np.isnan(similarity.effective_dimensions(np.ones((4, 4))))


def test_debiased_cka_of_independent_layers_is_near_zero():
    rng = np.random.default_rng(0)
    grams = [x @ x.T for x in rng.normal(size=(2, 40, 2000))]
    assert similarity.cka(grams)[0, 1] > 0.9
    assert abs(similarity.cka(grams, debiased=True)[0, 1]) < 0.1


def test_cluster_order_brings_groups_together():
    rng = np.random.default_rng(0)
    groups = rng.permutation(np.repeat([0, 1, 2], 8))
    x = rng.normal(size=(3, 50))[groups] + 0.5 * rng.normal(size=(24, 50))
    order = similarity.cluster_order(np.corrcoef(x))
    assert sorted(order) == list(range(24))
    assert np.count_nonzero(np.diff(groups[order])) == 2


def within_and_between(matrix, labels, images):
    pairs = [(i, j) for k, i in enumerate(images) for j in images[k + 1 :] if i != j]
    within = [matrix[i, j] for i, j in pairs if labels[i] == labels[j]]
    between = [matrix[i, j] for i, j in pairs if labels[i] != labels[j]]
    return np.array(within), np.array(between)


@given(seeds)
def test_contrast_and_superiority_by_their_definitions(grouped, groups, seed):
    stack = grouped(seed)
    parts = [within_and_between(matrix, groups, range(12)) for matrix in stack]
    np.testing.assert_allclose(
        similarity.contrast(stack, groups), [a.mean() - b.mean() for a, b in parts]
    )
    np.testing.assert_allclose(
        similarity.within_superiority(stack, groups), [(a[:, None] > b).mean() for a, b in parts]
    )
    weights = similarity.resample(12, 3, seed)
    for row, found in zip(weights, similarity.contrast(stack, groups, weights), strict=True):
        images = np.repeat(np.arange(12), row.astype(int))
        parts = [within_and_between(matrix, groups, images) for matrix in stack]
        np.testing.assert_allclose(found, [a.mean() - b.mean() for a, b in parts])


def test_contrasts_of_several_labellings(grouped, groups):
    stack, rng = grouped(0), np.random.default_rng(1)
    labellings = np.array([rng.permutation(groups) for _ in range(3)])
    found = similarity.contrast(stack, labellings)
    for labels, row in zip(labellings, found, strict=True):
        np.testing.assert_array_equal(row, similarity.contrast(stack, labels))


@pytest.mark.parametrize("labels", [["a"] * 12, list("abcdefghijkl")])
def test_groups_without_both_kinds_of_pairs_are_an_error(grouped, labels):
    with pytest.raises(ValueError, match="within one group"):
        similarity.contrast(grouped(0), labels)


def test_shapes_that_do_not_fit_are_refused(grouped):
    wide = np.ones((2, 4, 5))
    for call in (
        similarity.second_order,
        similarity.cka,
        similarity.decorrelation,
        lambda x: similarity.cluster_order(x[0]),
        lambda x: similarity.contrast(x, list("aabb")),
        lambda x: similarity.within_superiority(x, list("aabb")),
    ):
        with pytest.raises(ValueError, match="square matrices"):
            call(wide)
        with pytest.raises((TypeError, ValueError), match=r"square matrices|correlations|grams"):
            call([None])
    for labels in (list("aabb" * 5), list("aab")):
        with pytest.raises(ValueError, match="one for each of 12"):
            similarity.contrast(grouped(0), labels)
    for call in (similarity.decorrelation, similarity.second_order):
        with pytest.raises(ValueError, match="weights must be counts"):
            call(correlations(0), np.ones((2, 8)))
    with pytest.raises(ValueError, match="repeats=0"):
        similarity.resample(5, 0)


def test_masked_matrices_and_activations_are_refused():
    masked = np.ma.masked_less(correlations(0), 0.1)
    for call in (similarity.second_order, similarity.cka, similarity.decorrelation):
        with pytest.raises(ValueError, match="masks values"):
            call(masked)
    with pytest.raises(ValueError, match="masks values"):
        similarity.correlation(np.ma.masked_less(activations(0), 0.1))


def test_a_layer_without_any_correlation_is_named():
    stack = correlations(0)
    stack[1] = np.nan
    with pytest.raises(ValueError, match=r"in layers \[1\]"):
        similarity.second_order(stack)


def test_cka_of_too_few_images_is_refused():
    for images, debiased in ((1, False), (3, True)):
        with pytest.raises(ValueError, match="at least"):
            similarity.cka(np.ones((2, images, images)), debiased)


def test_patterns_are_compared_once_and_keep_their_shape():
    with similarity.pattern_store(12) as patterns:
        made = patterns()
        with pytest.raises(ValueError, match="got 0 images"):
            patterns().similarity()
        made.update(activations(0)[:6])
        with pytest.raises(ValueError, match="7 units came after one of 300"):
            made.update(np.ones((6, 7)))
        made.update(activations(0)[6:])
        made.similarity()
        with pytest.raises(ValueError, match="compared already"):
            made.similarity()
