import os
import pickle
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from helpers import project
from helpers.metrics import _rows, sparsity
from helpers.metrics._gini import LEAST_TOLERANCE, SHORT_ROW
from helpers.metrics._kernels import LOW_BITS

REAL = ["bool", "int8", "uint8", "int32", "uint64", "float16", "float32", "float64", "longdouble"]


def counted(x, axis=None, **options):
    """The Gini coefficient by counting in bins."""
    return sparsity.gini(x, axis, tolerance=LEAST_TOLERANCE, **options)


MEASURES = [
    sparsity.gini,
    counted,
    sparsity.active_fraction,
    sparsity.hoyer,
    sparsity.treves_rolls,
]
ginis = pytest.mark.parametrize("gini", [sparsity.gini, counted])
every = pytest.mark.parametrize("measure", MEASURES)

sizes = st.one_of(st.just(0.0), st.floats(1e-8, 1e8))
vectors = arrays(np.float64, st.integers(1, 60), elements=sizes)
seeds = st.integers(0, 2**32 - 1)
LONG = 3 * SHORT_ROW


def by_definition(x):
    """Half the mean difference of all pairs over the mean."""
    x = np.asarray(x, dtype=np.float64)
    if not x.any():
        return 0.0
    return np.abs(x[:, None] - x).mean() / (2 * x.mean())


def by_rank(x):
    """The textbook formula."""
    x = np.sort(np.asarray(x, dtype=np.float64))
    n = len(x)
    return ((2 * np.arange(1, n + 1) - n - 1) * x).sum() / (n * x.sum())


def rectified(seed, shape):
    return np.maximum(np.random.default_rng(seed).normal(size=shape), 0)


# --- Gini ---------------------------------------------------------------------------------


@ginis
@given(x=vectors)
def test_gini_equals_the_definition(gini, x):
    before = x.copy()
    assert gini(x) == pytest.approx(by_definition(x), abs=1e-9)
    np.testing.assert_array_equal(x, before)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@given(seed=seeds, active=st.floats(0.001, 1))
def test_gini_of_long_rows_equals_the_textbook(dtype, seed, active):
    rng = np.random.default_rng(seed)
    x = rng.lognormal(sigma=2, size=(6, LONG)).astype(dtype)
    x[rng.random(x.shape) > active] = 0
    x[0, 0] = 1
    x[1] = 0
    expected = [by_rank(row) if row.any() else 0 for row in x]
    np.testing.assert_allclose(sparsity.gini(x, axis=1), expected, rtol=0, atol=1e-9)


@ginis
@given(seed=seeds, scale=st.floats(1e-20, 1e20), n=st.sampled_from([1, 2, 50, LONG]))
def test_gini_lies_in_its_bounds_and_ignores_scale_and_order(gini, seed, scale, n):
    x = rectified(seed, n)
    value = gini(x)
    assert 0 <= value <= 1 - 1 / n
    assert gini(scale * x) == pytest.approx(value, abs=1e-12)
    assert gini(np.random.default_rng(seed).permutation(x)) == pytest.approx(value, abs=1e-12)
    assert gini((scale * x).astype(np.float32)) == pytest.approx(value, abs=2e-6)


@ginis
@pytest.mark.parametrize("n", [1, 2, 1000, LONG])
def test_gini_of_the_toy_cases(gini, n):
    assert gini(np.zeros(n, np.float32)) == 0
    assert gini(np.full(n, 0.1, np.float32)) == 0
    assert gini(np.full(n, 0.1)) == 0
    assert gini(np.arange(n) == 0) == pytest.approx(1 - 1 / n, abs=1e-12)
    ramp = np.arange(1, n + 1, dtype=np.float32)
    assert gini(ramp) == pytest.approx((n - 1) / (3 * n), abs=LEAST_TOLERANCE)


def test_gini_of_the_source_s_toy_cases():
    one_of_thousand = np.eye(1, 1000)
    assert sparsity.gini(np.random.default_rng(0).random(100_000)) == pytest.approx(1 / 3, abs=1e-3)
    assert sparsity.gini(one_of_thousand) == pytest.approx(0.999)
    assert sparsity.gini(one_of_thousand, offset=1e-7) == pytest.approx(0.9989, abs=1e-5)


@ginis
@given(seed=seeds, n=st.sampled_from([3, 40, LONG]), offset=st.sampled_from([0.0, 1e-7, 0.5]))
def test_shift_and_offset_are_those_of_the_source(gini, seed, n, offset):
    x = np.random.default_rng(seed).normal(size=n).astype(np.float32)
    x[0], x[1] = -0.5, 0
    shifted = x.astype(np.float64) - np.float64(x.min()) + offset
    assert gini(x, negative="shift", offset=offset) == pytest.approx(by_rank(shifted), abs=1e-9)
    positive = np.abs(x)
    expected = by_rank(positive.astype(np.float64) + offset)
    assert gini(positive, negative="shift", offset=offset) == pytest.approx(expected, abs=1e-6)


def test_min_shift_depends_on_the_number_of_values():
    noise = np.random.default_rng(0).normal(size=(20, 100_000))
    few = sparsity.gini(noise[:, :1000], axis=1, negative="shift").mean()
    many = sparsity.gini(noise, axis=1, negative="shift").mean()
    assert few == pytest.approx(0.18, abs=0.02)
    assert many == pytest.approx(0.125, abs=0.01)


@ginis
@pytest.mark.parametrize("n", [50, LONG])
def test_softmax_tails_and_extremes_keep_their_gini(gini, n):
    shares = np.random.default_rng(0).random(n)
    for scale in (1e-8, 1e-30, 1e30):
        small = (scale * shares).astype(np.float32)
        assert gini(small) == pytest.approx(by_rank(small), abs=LEAST_TOLERANCE)
    for scale in (1e-300, 1e-320, 1e307):
        extreme = scale * shares
        assert gini(extreme) == pytest.approx(by_rank(extreme / extreme.max()), abs=1e-9)
    assert gini(np.array([-1.7e308, 0, 1.7e308]), negative="shift") == pytest.approx(4 / 9)


@ginis
def test_narrow_dtypes_do_not_overflow(gini):
    x = np.random.default_rng(0).integers(1, 120, LONG)
    for dtype in ("int8", "uint8", "int16", "float16", "int64"):
        assert gini(x.astype(dtype)) == pytest.approx(by_rank(x), abs=1e-9)
    halves = (500 * rectified(0, LONG)).astype(np.float16)
    assert gini(halves) == pytest.approx(by_rank(halves), abs=LEAST_TOLERANCE)


# --- the Gini in bins ----------------------------------------------------------------


def one_bin(rng, n):
    return np.float32(1) + rng.integers(0, 2**LOW_BITS, n) * np.float32(2**-23)


def bin_ends(rng, n):
    return np.float32(1) + rng.integers(0, 2, n) * (2**LOW_BITS - 1) * np.float32(2**-23)


def few_bins(rng, n):
    return np.float32(1) + rng.choice(64, n) * 2.0**-9 + rng.choice([0, 1], n) * 2.0**-10


def ties(rng, n):
    return rng.choice(np.float32([0, 0.1, 0.3, 1e-8]), n)


def subnormal(rng, n):
    return rng.integers(0, 2**20, n) * np.float32(2**-149)


def anything(rng, n):
    return rng.integers(0, 0x7F800000, n).astype(np.uint32).view(np.float32)


def softmax(rng, n):
    logits = rng.normal(scale=6, size=n)
    return np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()


def sparse(rng, n):
    return rng.lognormal(sigma=1.5, size=n) * (rng.random(n) < rng.random() ** 3)


def narrow(rng, n):
    return rng.normal(loc=10, scale=10.0 ** rng.uniform(-6, -1), size=n)


FAMILIES = [one_bin, bin_ends, few_bins, ties, subnormal, anything, softmax, sparse, narrow]


@pytest.mark.parametrize("family", FAMILIES, ids=lambda f: f.__name__)
@given(seed=seeds, n=st.integers(SHORT_ROW + 1, LONG))
def test_counted_gini_keeps_its_bound(family, seed, n):
    x = family(np.random.default_rng(seed), n).astype(np.float32)
    x[0] = x.max() or 1
    before = x.copy()
    assert abs(counted(x) - by_rank(x)) <= LEAST_TOLERANCE
    np.testing.assert_array_equal(x, before)


def test_counted_gini_does_not_sort_what_it_need_not(monkeypatch):
    def refuse(*_):
        raise AssertionError("sorted")

    monkeypatch.setattr("helpers.metrics._gini._exact", refuse)
    spread = rectified(0, (2, 200_000)).astype(np.float32)
    expected = [by_rank(row) for row in spread]
    np.testing.assert_allclose(counted(spread, axis=1), expected, atol=1e-8)
    with pytest.raises(AssertionError, match="sorted"):
        counted(one_bin(np.random.default_rng(0), LONG))
    monkeypatch.setattr("helpers.metrics._kernels.LONGEST_ROW", spread.shape[1] - 1)
    with pytest.raises(AssertionError, match="sorted"):
        counted(spread, axis=1)


def test_a_tolerance_that_counting_cannot_keep_is_met_by_sorting():
    x = rectified(0, 200_000).astype(np.float32)
    assert sparsity.gini(x, tolerance=9e-7) == sparsity.gini(x) != counted(x)
    assert sparsity.gini(x, tolerance=0.01) == counted(x)
    crowded = one_bin(np.random.default_rng(0), LONG).astype(np.float32)
    assert counted(crowded) == sparsity.gini(crowded)
    assert abs(sparsity.gini(crowded, tolerance=0.01) - by_rank(crowded)) <= 0.01
    assert sparsity.gini(crowded, tolerance=0.01) != sparsity.gini(crowded)


def test_counted_gini_sorts_only_the_doubtful_rows():
    rng = np.random.default_rng(0)
    x = np.stack([rectified(0, LONG), one_bin(rng, LONG), np.zeros(LONG), np.ones(LONG)])
    x = x.astype(np.float32)
    expected = [by_rank(x[0]), by_rank(x[1]), 0, 0]
    np.testing.assert_allclose(counted(x, axis=1), expected, rtol=0, atol=LEAST_TOLERANCE)


# --- all measures -------------------------------------------------------------------------


@every
@given(
    x=arrays(
        np.float32, array_shapes(min_dims=2, max_dims=4, max_side=5), elements=sizes.map(np.float32)
    ),
    data=st.data(),
)
def test_axes_are_reduced_row_by_row(measure, x, data):
    axes = data.draw(st.sets(st.integers(0, x.ndim - 1), min_size=1).map(tuple))
    found = measure(x, axis=axes)
    kept = [a for a in range(x.ndim) if a not in axes]
    rows = x.transpose(*kept, *axes).reshape(*(x.shape[a] for a in kept), -1)
    expected = np.apply_along_axis(measure, -1, rows)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)
    assert np.shape(found) == expected.shape
    np.testing.assert_allclose(measure(x, axis=-1), measure(x, axis=x.ndim - 1))


@every
@pytest.mark.parametrize("dtype", REAL)
def test_any_real_dtype_gives_the_value_of_its_numbers(measure, dtype):
    x = np.random.default_rng(0).integers(0, 2, (4, 30)).astype(dtype)
    x[0] = (3 * x[0].astype(int)).astype(dtype)
    expected = measure(x.astype(np.float64), axis=1)
    np.testing.assert_allclose(measure(x, axis=1), expected, atol=1e-12)
    swapped = x.astype(x.dtype.newbyteorder())
    np.testing.assert_allclose(measure(swapped, axis=1), expected, atol=1e-12)


@every
@pytest.mark.parametrize("units", [20, LONG])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_input_may_be_read_only_or_scattered_and_stays_as_it_is(measure, units, dtype):
    wide = rectified(1, (6, 2 * units)).astype(dtype)
    before = wide.copy()
    wide.flags.writeable = False
    expected = measure(before[::2, ::-2].copy(), axis=1)
    np.testing.assert_array_equal(measure(wide[::2, ::-2], axis=1), expected)
    np.testing.assert_array_equal(measure(wide.T[::-2, ::2], axis=0), expected)
    np.testing.assert_array_equal(wide, before)


@every
@pytest.mark.parametrize("units", [5, LONG])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize(
    ("bad", "name"), [(np.nan, "NaN"), (np.inf, "infinity"), (-np.inf, "infinity")]
)
def test_what_is_not_finite_is_refused_by_name(measure, units, dtype, bad, name):
    x = np.ones((3, units), dtype)
    x[1, units // 2] = bad
    x[1, 0] = 0
    with pytest.raises(ValueError, match=rf"\w+: x holds {name}"):
        measure(x, axis=1)


@every
def test_masked_values_are_refused(measure):
    x = np.ma.masked_greater(rectified(0, (3, 50)), 2)
    with pytest.raises(ValueError, match="masks values"):
        measure(x)
    assert measure(np.ma.asarray(rectified(0, 50))) == measure(rectified(0, 50))


@every
def test_empty_scalar_and_foreign_input_is_refused(measure):
    for shape in [(0,), (3, 0), (0, 3)]:
        with pytest.raises(ValueError, match="x is empty"):
            measure(np.empty(shape), axis=-1)
    with pytest.raises(ValueError, match="single number"):
        measure(1.0)
    with pytest.raises(ValueError, match="axis 2 is out of bounds"):
        measure(np.ones((2, 2)), axis=2)
    for foreign in (["a", "b"], [1j], [None]):
        with pytest.raises(TypeError, match="not real numbers"):
            measure(np.array(foreign))


@pytest.mark.parametrize("measure", [sparsity.gini, counted, sparsity.treves_rolls])
@pytest.mark.parametrize("units", [5, LONG])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_negative_values_are_refused(measure, units, dtype):
    x = np.ones((2, units), dtype)
    x[1, 0], x[1, 1] = -2, 0
    with pytest.raises(ValueError, match=r"negative values \(minimum -2\)"):
        measure(x, axis=1)
    x[1, 0] = -0.0
    assert np.isfinite(measure(x, axis=1)).all()


@ginis
def test_unknown_options_are_refused(gini):
    with pytest.raises(ValueError, match="choose 'raise' or 'shift'"):
        gini([1.0, 2.0], negative="abs")
    for offset in (-1.0, np.nan, np.inf):
        with pytest.raises(ValueError, match="offset="):
            gini([1.0, 2.0], offset=offset)
    for tolerance in (-1e-9, np.nan, np.inf):
        with pytest.raises(ValueError, match="tolerance="):
            sparsity.gini([1.0, 2.0], tolerance=tolerance)


# --- the other measures -------------------------------------------------------------------


@given(x=vectors)
@example(x=np.array([3.0]))
@example(x=np.array([0.0, 0.0]))
@example(x=np.array([0.0, 5.0]))
def test_measures_equal_their_written_out_definitions(x):
    n = len(x)
    assert sparsity.active_fraction(x) == sum(value != 0 for value in x) / n
    norm = np.sqrt((x**2).sum())
    root = np.sqrt(n)
    hoyer = 0 if n == 1 or not x.any() else (root - x.sum() / norm) / (root - 1)
    assert sparsity.hoyer(x) == pytest.approx(hoyer, abs=1e-9)
    assert sparsity.hoyer(-x) == pytest.approx(hoyer, abs=1e-9)
    mean_square = (x**2).mean()
    rolls = 0 if n == 1 or not x.any() else (1 - x.mean() ** 2 / mean_square) / (1 - 1 / n)
    assert sparsity.treves_rolls(x) == pytest.approx(rolls, abs=1e-9)


@every
@given(seed=seeds, exponent=st.integers(-300, 300))
def test_measures_ignore_scale(measure, seed, exponent):
    x = rectified(seed, 50)
    x[:2] = 0, 1
    assert measure(x * 10.0**exponent) == pytest.approx(measure(x), abs=1e-9)


# --- PSI ----------------------------------------------------------------------------------


@pytest.mark.parametrize("units", [2, 4, 100])
def test_psi_of_the_cases_known_by_hand(units):
    one_hot, equal = np.arange(units) == 0, np.full(units, 0.3)
    half = np.arange(units) < units // 2
    found = sparsity.psi(np.stack([one_hot, equal, 7 * half, np.zeros(units)]))
    np.testing.assert_allclose(found, [1, 0, 0.5 * units / (units - 1), 0], atol=1e-12)
    assert sparsity.psi(one_hot[None]).shape == (1,)


@given(seed=seeds, scale=st.floats(1e-6, 1e6))
def test_psi_ignores_the_order_of_units_and_the_scale(seed, scale):
    responses = rectified(seed, (5, 30))
    order = np.random.default_rng(seed).permutation(30)
    expected = sparsity.psi(responses)
    np.testing.assert_allclose(sparsity.psi(responses[:, order]), expected, atol=1e-12)
    np.testing.assert_allclose(sparsity.psi(scale * responses), expected, atol=1e-12)
    assert (expected >= 0).all() and (expected <= 1).all()


@given(seed=seeds, dtype=st.sampled_from([np.float32, np.float64]))
def test_normalisation_is_the_source_s(seed, dtype):
    rng = np.random.default_rng(seed)
    responses = rng.normal(size=(6, 9)).astype(dtype)
    responses[:, 2] = 0.1
    before = responses.copy()
    z = np.zeros(responses.shape)
    for unit in set(range(9)) - {2}:
        column = responses[:, unit].astype(np.float64)
        z[:, unit] = (column - column.mean()) / column.std()
    expected = [(row - row.min()) / (row.max() - row.min()) for row in z]
    np.testing.assert_allclose(sparsity.normalise_responses(responses), expected, atol=1e-6)
    np.testing.assert_array_equal(responses, before)
    gains = 10.0 ** rng.integers(-100, 100, 9)
    np.testing.assert_allclose(
        sparsity.normalise_responses(gains * responses.astype(np.float64)), expected, atol=1e-6
    )


def test_dead_units_are_found_and_score_nothing():
    responses = np.random.default_rng(0).random((7, 5))
    responses[:, [1, 3]] = 0.1, 0
    np.testing.assert_array_equal(sparsity.dead_units(responses), [0, 1, 0, 1, 0])
    dead = np.tile(np.float32([0.1, 0.7, 0.2]), (7, 1))
    assert sparsity.dead_units(dead).all()
    assert not sparsity.normalise_responses(dead).any()
    assert not sparsity.psi(sparsity.normalise_responses(dead)).any()
    one_category = sparsity.normalise_responses([[1.0, 2.0, 3.0]])
    np.testing.assert_array_equal(one_category, np.zeros((1, 3)))


def test_tied_z_scores_are_not_stretched():
    tied = sparsity.normalise_responses([[1, 2, 3, 0.1], [2, 4, 7, 0.3]])
    np.testing.assert_array_equal(tied, np.zeros((2, 4)))


def test_psi_of_noise_falls_with_the_number_of_units():
    assert sparsity.psi_noise(200, 96, repeats=5).mean() == pytest.approx(0.14, abs=0.01)
    assert sparsity.psi_noise(200, 4096).mean() == pytest.approx(0.073, abs=0.003)
    assert sparsity.psi_noise(3, 5, seed=1, repeats=4).shape == (4, 3)
    dead = np.arange(40) % 3 == 0
    noise = np.random.default_rng(2).standard_normal((6, 8, 40))
    noise[:, :, dead] = 0
    expected = [sparsity.psi(sparsity.normalise_responses(each)) for each in noise]
    np.testing.assert_array_equal(sparsity.psi_noise(8, 40, 2, 6, dead), expected)


def test_null_and_noise_follow_their_seed():
    responses = rectified(0, (8, 40))
    null = sparsity.psi_null(responses, seed=3, repeats=5)
    assert null.shape == (5, 8)
    np.testing.assert_array_equal(null, sparsity.psi_null(responses, seed=3, repeats=5))
    assert (null != sparsity.psi_null(responses, seed=4, repeats=5)).any()
    assert (sparsity.psi_noise(8, 40, 3) == sparsity.psi_noise(8, 40, 3)).all()


def test_the_null_keeps_how_selective_units_are_and_loses_what_they_share():
    noise = np.random.default_rng(0).random((20, 200))
    selective = noise**8 * np.geomspace(1, 1e4, 200)
    loud_category = noise + 100 * (np.arange(20) == 7)[:, None]

    def change(responses):
        intact = sparsity.psi(sparsity.normalise_responses(responses))
        return (sparsity.psi_null(responses, repeats=20) - intact).mean()

    assert change(selective) == pytest.approx(0, abs=0.01)
    assert change(loud_category) > 0.3


@pytest.mark.parametrize(
    "function",
    [sparsity.psi, sparsity.normalise_responses, sparsity.dead_units, sparsity.psi_null],
)
def test_responses_of_the_wrong_kind_are_refused(function):
    with pytest.raises(ValueError, match=r"must be an array \(categories, units\)"):
        function(np.ones(4))
    with pytest.raises(ValueError, match="at least 1 categories"):
        function(np.ones((0, 4)))
    with pytest.raises(ValueError, match=f"{function.__name__}: responses holds NaN"):
        function([[1.0, np.nan]])
    with pytest.raises(ValueError, match="negative"):
        sparsity.psi([[1.0, -1.0]])


# --- histograms ---------------------------------------------------------------------------

edge_lists = st.one_of(
    st.tuples(st.floats(-5, 5), st.floats(0.1, 20), st.integers(1, 300)).map(
        lambda t: np.linspace(t[0], t[0] + t[1], t[2] + 1)
    ),
    st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=20, unique=True).map(sorted),
    st.just([-1e300, -1e-40, 0.0, 1e-45, 1.0, 1.0 + 1e-12, 1e300]),
)


@given(
    edges=edge_lists,
    seed=seeds,
    dtype=st.sampled_from(["float16", "float32", "float64", "int8", "int64"]),
)
def test_histogram_counts_as_numpy_does(edges, seed, dtype):
    rng = np.random.default_rng(seed)
    kinds = [
        rng.normal(scale=5, size=200),
        np.zeros(50),
        -np.zeros(5),
        np.clip(edges, -1e4, 1e4),
        np.nextafter(np.float32(np.clip(edges, -1e4, 1e4)), np.float32(np.inf)),
        [1e-45, -1e-45, 1e-7, -1e-7],
    ]
    x = rng.permutation(np.concatenate(kinds)).astype(dtype)
    x = x[: len(x) // 4 * 4].reshape(4, -1)
    before = x.copy()
    histogram = sparsity.Histogram(edges)
    histogram.update(x[:1])
    histogram.update(x[1:].reshape(3, -1, 1))
    active = x[x != 0].astype(np.float64)
    np.testing.assert_array_equal(histogram.counts, np.histogram(active, edges)[0])
    assert histogram.counts.dtype == np.int64
    assert histogram.zeros == (x == 0).sum()
    assert histogram.below == (active < edges[0]).sum()
    assert histogram.above == (active > edges[-1]).sum()
    assert histogram.total == x.size
    assert histogram.active_fraction == pytest.approx(len(active) / x.size)
    np.testing.assert_allclose(histogram.active_per_image, (x != 0).mean(axis=1))
    np.testing.assert_array_equal(x, before)


def test_histogram_adds_up_large_batches():
    edges = np.linspace(0, 3, 100)
    x = rectified(0, (5, 60, 400)).astype(np.float32)
    histogram = sparsity.Histogram(edges)
    for part in (x[:2], x[2:]):
        histogram.update(part)
    np.testing.assert_array_equal(histogram.counts, np.histogram(x[x > 0], edges)[0])
    assert histogram.active_per_image.shape == (5,)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_histogram_refuses_what_is_not_finite_and_counts_nothing_of_it(dtype, bad):
    histogram = sparsity.Histogram([0, 1, 2])
    histogram.update(np.ones((2, 5), dtype))
    x = np.ones((30, 5000), dtype)
    x[17, 3] = bad
    with pytest.raises(ValueError, match="Histogram: x holds (NaN|infinity)"):
        histogram.update(x)
    assert histogram.total == 10
    assert histogram.active_per_image.shape == (2,)


def test_histograms_of_parts_join_to_that_of_all_also_after_a_journey():
    x = np.random.default_rng(0).normal(size=(9, 50)).astype(np.float32).clip(-0.5)
    whole, *parts = (sparsity.Histogram([-0.4, 0, 0.3, 1]) for _ in range(3))
    whole.update(x)
    parts[0].update(x[:4])
    parts[1].update(x[4:])
    carried = pickle.dumps(parts[1])
    assert len(carried) < 2000
    parts[0].merge(pickle.loads(carried))
    assert (parts[0].counts == whole.counts).all() and whole.below and whole.above
    assert (parts[0].zeros, parts[0].below, parts[0].above) == (
        whole.zeros,
        whole.below,
        whole.above,
    )
    np.testing.assert_array_equal(parts[0].active_per_image, whole.active_per_image)
    parts[0].update(x)
    assert parts[0].total == 2 * whole.total
    with pytest.raises(ValueError, match="same edges"):
        whole.merge(sparsity.Histogram([0, 1]))


def test_histogram_before_the_first_batch_and_with_bad_edges():
    histogram = sparsity.Histogram([0, 1])
    assert histogram.total == 0
    assert np.isnan(histogram.active_fraction)
    assert histogram.active_per_image.shape == (0,)
    with pytest.raises(ValueError, match="empty"):
        histogram.update(np.empty((0, 3)))
    with pytest.raises(ValueError, match="single number"):
        histogram.update(1.0)
    for edges in ([1.0], [0, 0], [1, 0], [0, np.nan], [0, np.inf], [[0, 1]]):
        with pytest.raises(ValueError, match="Histogram: edges"):
            sparsity.Histogram(edges)


# --- threads ------------------------------------------------------------------------------


def test_rows_are_all_covered_once_by_threads(monkeypatch):
    monkeypatch.setattr(project, "cores", lambda: 3)
    for shape in ((1, 9), (7, _rows.SLICE), (5, 2 * _rows.SLICE), (10_000, 40)):
        visits = np.zeros(shape[0], int)

        def visit(part, visits=visits):
            visits[part] += 1

        _rows.over_rows(visit, np.broadcast_to(np.float32(0), shape))
        assert (visits == 1).all(), shape


def test_an_error_in_a_thread_is_raised(monkeypatch):
    monkeypatch.setattr(project, "cores", lambda: 2)

    def refuse(part):
        if part.start:
            raise ArithmeticError(f"row {part.start}")

    with pytest.raises(ArithmeticError, match="row"):
        _rows.over_rows(refuse, np.broadcast_to(np.float32(0), (4, _rows.SLICE)))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_measures_work_in_a_forked_process():
    # In a process of its own: no other library's threads shall be forked along.
    code = """
import os
import numpy as np
from helpers import project
from helpers.metrics import sparsity
project.cores = lambda: 2
x = np.random.default_rng(0).random((4, 1 << 18), np.float32)
expected = sparsity.gini(x, axis=1, tolerance=1e-6)
child = os.fork()
if not child:
    os._exit(0 if (sparsity.gini(x, axis=1, tolerance=1e-6) == expected).all() else 1)
assert os.waitpid(child, 0)[1] == 0
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
