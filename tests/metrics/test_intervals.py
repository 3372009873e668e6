from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from helpers.metrics import intervals, similarity

pairs = st.lists(
    st.tuples(st.floats(-100, 100), st.floats(-100, 100)), min_size=4, max_size=20
).map(np.array)


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=30))
def test_the_mean_has_scipys_t_interval(values):
    mean, low, high = intervals.mean_estimate(values)
    assert mean == pytest.approx(np.mean(values))
    if np.std(values) > 1e-6 * (1 + np.abs(values).max()):
        theirs = stats.ttest_1samp(values, 0).confidence_interval(0.95)
        assert (low, high) == pytest.approx(theirs)


@pytest.mark.parametrize("units", [8, 12, 20])
@pytest.mark.parametrize("statistic", [np.mean, np.median])
def test_bootstrap_intervals_cover_the_truth(units, statistic):
    rng = np.random.default_rng(units)
    found = [
        intervals.bootstrap(statistic, x, repeats=400, seed=rng, vectorized=True)
        for x in rng.normal(size=(1000, units))
    ]
    assert np.mean([low <= 0 <= high for low, high in found]) >= 0.93


def test_intervals_of_a_correlation_cover_the_truth():
    rng = np.random.default_rng(0)
    covered = 0
    for x in rng.normal(size=(600, 2, 20)):
        x[1] += x[0]
        found = intervals.correlation_test(*x, repeats=400, seed=rng)
        covered += found.low <= np.sqrt(0.5) <= found.high
    assert covered / 600 >= 0.92


@pytest.mark.parametrize("units", [2, 3, 5, 10])
def test_intervals_of_means_cover_the_truth(units):
    samples = np.random.default_rng(units).normal(size=(2000, units))
    found = [intervals.mean_estimate(x) for x in samples]
    assert np.mean([low <= 0 <= high for _, low, high in found]) >= 0.93


def test_many_units_have_plain_percentiles():
    values = np.random.default_rng(1).exponential(size=200)
    low, high = intervals.bootstrap(np.mean, values, repeats=5000, seed=2, vectorized=True)
    theirs = stats.bootstrap((values,), np.mean, method="percentile", rng=3, n_resamples=5000)
    assert low == pytest.approx(theirs.confidence_interval.low, abs=0.02)
    assert high == pytest.approx(theirs.confidence_interval.high, abs=0.02)


def test_one_seed_gives_one_interval():
    values = np.arange(10.0)
    first = intervals.bootstrap(np.mean, values, seed=7)
    assert first == intervals.bootstrap(np.mean, values, seed=7)
    assert first != intervals.bootstrap(np.mean, values, seed=8)


def test_a_statistic_of_samples():
    x = np.random.default_rng(0).normal(size=100)
    low, high = intervals.bootstrap(np.median, x, repeats=300)
    assert low < np.median(x) < high


def test_resamples_without_a_value_are_left_out():
    x = np.arange(8.0)
    low, high = intervals.bootstrap(lambda x: np.nan if 0 in x else x.mean(), x, repeats=400)
    assert 1 < low < high < 7


@pytest.mark.parametrize("values", [[], [[1.0, 2.0]], [1.0, np.nan]])
def test_values_without_a_mean_are_refused(values):
    with pytest.raises(ValueError, match="values"):
        intervals.mean_estimate(values)


def test_bootstraps_that_cannot_be():
    with pytest.raises(ValueError, match="at least 2 units"):
        intervals.mean_estimate([3.0])
    with pytest.raises(ValueError, match="at least 8 units of replication, got 7"):
        intervals.bootstrap(np.mean, np.arange(7))
    with pytest.raises(ValueError, match="NaN in every"):
        intervals.bootstrap(lambda x: np.nan, np.arange(9), repeats=3)
    with pytest.raises(ValueError, match=r"differ in length: \[4, 5\]"):
        intervals.bootstrap(np.mean, np.arange(5), np.arange(4))
    for level in (-1, 0, 1, 95, np.nan):
        with pytest.raises(ValueError, match="level="):
            intervals.mean_estimate([1.0, 2.0], level=level)
        with pytest.raises(ValueError, match="level="):
            intervals.bootstrap(np.mean, np.arange(9), level=level)
    for repeats in (0, -1, 2.5):
        with pytest.raises(ValueError, match="repeats="):
            intervals.bootstrap(np.mean, np.arange(9), repeats=repeats)


def test_the_whole_and_one_by_one_are_the_same_resamples():
    x, y = np.random.default_rng(0).normal(size=(2, 25))
    at_once = intervals.bootstrap(np.mean, x, repeats=50, seed=4, vectorized=True)
    assert at_once == intervals.bootstrap(np.mean, x, repeats=50, seed=4)
    together = intervals.bootstrap(lambda x, y: (x + y).mean(), x, y, repeats=50, seed=4)
    assert together == pytest.approx(intervals.bootstrap(np.mean, x + y, repeats=50, seed=4))
    assert intervals.estimate(np.mean, x, repeats=50, seed=4) == (x.mean(), *at_once)


def test_trend_of_rising_falling_and_flat_layers():
    rng = np.random.default_rng(0)
    rising = np.arange(6) + rng.normal(0, 0.1, (20, 6))
    trend = intervals.mean_trend
    assert intervals.estimate(trend, rising, repeats=50) == pytest.approx((1, 1, 1))
    assert intervals.estimate(trend, -rising, repeats=50) == pytest.approx((-1, -1, -1))
    low, high = intervals.bootstrap(trend, rng.normal(size=(20, 6)), repeats=200)
    assert low < 0 < high


def test_variance_explained_agrees_with_the_f_test():
    rng = np.random.default_rng(0)
    groups = np.repeat(["a", "b", "c"], 10)
    values = rng.normal(size=30) + (groups == "a")
    eta, null, p = intervals.variance_explained(values, groups, permutations=4999)
    f = stats.f_oneway(*(values[groups == g] for g in "abc"))
    assert eta / (1 - eta) * 27 / 2 == pytest.approx(f.statistic)
    assert p == pytest.approx(f.pvalue, abs=0.02)
    assert null == pytest.approx(2 / 29, abs=0.01)


def test_groups_that_explain_all_or_nothing():
    groups = np.repeat([0, 1], 8)
    assert intervals.variance_explained(groups, groups).eta_squared == 1
    for constant in (1, 0.1, 0.3, 1e-7, 1 / 3):
        assert intervals.variance_explained(np.full(16, constant), groups) == (0, 0, 1)


@given(pairs, st.sampled_from(["pearson", "spearman"]))
def test_correlation_is_scipys(xy, method):
    x, y = xy.T
    found = intervals.correlation_test(x, y, method, repeats=20)
    if np.ptp(x) < 1e-6 or np.ptp(y) < 1e-6:
        return
    r = getattr(stats, f"{method}r")(x, y).statistic
    assert found.r == pytest.approx(r, abs=1e-6)
    assert found.r == intervals.correlation(x, y, method)
    assert 0 < found.p <= 1


def test_the_interval_and_null_know_signal_from_noise():
    rng = np.random.default_rng(0)
    x, noise = rng.normal(size=(2, 200))
    tied, free = (intervals.correlation_test(x, y) for y in (x + 0.5 * noise, noise))
    assert 0 < tied.low < tied.r < tied.high < 1 and tied.p < 0.002
    assert tied.r > tied.null > abs(free.r) and free.p > 0.05
    assert np.isnan(intervals.correlation_test(x, np.full(200, 0.1))).all()
    assert np.isnan(intervals.correlation(x, np.full(200, 0.1)))


def test_correlation_refuses_what_it_cannot_do():
    with pytest.raises(ValueError, match="kendall"):
        intervals.correlation([1, 2, 3], [1, 2, 3], "kendall")
    with pytest.raises(ValueError, match="one length"):
        intervals.correlation([1, 2, 3], [1, 2])


def test_correlations_that_rise_with_depth():
    rng = np.random.default_rng(0)
    share = rng.normal(size=300)
    values = np.column_stack([share + noise * rng.normal(size=300) for noise in (9, 3, 1, 0.3)])
    tau, low, high = intervals.estimate(intervals.correlation_trend, values, share, repeats=100)
    assert tau == 1 and low > 0.5 and high == 1
    assert intervals.correlation_trend(values[:, ::-1], share) == -1
    assert np.isnan(intervals.correlation_trend(values, np.ones(300)))


def test_partial_correlation_removes_a_common_cause():
    rng = np.random.default_rng(0)
    cause, a, b = rng.normal(size=(3, 2000))
    x, y = cause + 0.5 * a, cause + 0.5 * b
    assert stats.pearsonr(x, y).statistic > 0.7
    found = intervals.partial_correlation(x, y, cause)
    assert abs(found) < 0.1
    rxy, rxz, ryz = (stats.pearsonr(*p).statistic for p in ((x, y), (x, cause), (y, cause)))
    textbook = (rxy - rxz * ryz) / np.sqrt((1 - rxz**2) * (1 - ryz**2))
    assert found == pytest.approx(textbook)
    assert np.isnan(intervals.partial_correlation(2 * cause, y, cause))


def test_explained_variance_out_of_sample_is_honest():
    rng = np.random.default_rng(0)
    x, noise = rng.normal(size=(100, 2)), rng.normal(size=100)
    inside, outside = intervals.r_squared(x, x @ [1, 2] + 0.1 * noise)
    assert 0.99 < outside < inside < 1
    inside, outside = intervals.r_squared(rng.normal(size=(30, 10)), rng.normal(size=30))
    assert inside > 0.1 > 0 > outside
    assert np.isnan(intervals.r_squared(x, np.ones(100))).all()
    with pytest.raises(ValueError, match="10 folds"):
        intervals.r_squared(x[:5], noise[:5])
    for bad in ({"folds": 0}, {"folds": 1}, {"repeats": 0}):
        with pytest.raises(ValueError, match=f"{next(iter(bad))}="):
            intervals.r_squared(x, noise, **bad)


def test_the_trend_over_depth_is_kendalls():
    values = np.random.default_rng(0).normal(size=(40, 5)) + np.arange(5)
    tau, low, high = intervals.estimate(intervals.depth_trend, values, repeats=50)
    expected = stats.kendalltau(np.tile(np.arange(5), 40), values.ravel())
    assert tau == pytest.approx(expected.statistic)
    assert low < tau < high
    assert intervals.depth_trend(-values) == pytest.approx(-tau)


@pytest.fixture
def contrast_test(groups):
    def test(matrices, permutations=199):
        statistic = partial(similarity.contrast, matrices)
        return intervals.permutation_test(statistic, groups, permutations)

    return test


def test_permutation_test_finds_the_layer_with_groups(contrast_test, grouped):
    test = contrast_test(grouped(0))
    assert test.p[1] == test.p_any[1] == 1 / 200
    assert (test.p_any >= test.p).all()
    assert test.null.shape == (199, 2)


def test_permutation_test_is_calibrated(contrast_test, grouped):
    p = [contrast_test(grouped(seed, (0.0, 0.0)), 49).p_any.min() for seed in range(60)]
    assert 0.01 <= np.mean(np.array(p) <= 0.1) <= 0.25


def test_a_layer_that_does_not_vary_leaves_the_others_alone(contrast_test, grouped):
    matrices = grouped(0, (0.0, 0.5))
    alone, beside = contrast_test(matrices), contrast_test([*matrices, np.full((12, 12), 0.3)])
    np.testing.assert_array_equal(beside.p[:2], alone.p)
    np.testing.assert_array_equal(beside.p_any[:2], alone.p_any)
    assert beside.p[2] == beside.p_any[2] == 1


def test_superiority_is_that_of_mann_and_whitney():
    x, y = np.random.default_rng(0).integers(0, 9, (2, 3, 40))
    expected = stats.mannwhitneyu(x, y[:, :30], axis=-1).statistic / (40 * 30)
    np.testing.assert_array_equal(intervals.superiority(x, y[:, :30]), expected)


# --- what is refused ----------------------------------------------------------------------

VALUES = np.random.default_rng(0).normal(size=(30, 6))
Y = np.arange(30.0)
CALLS = {
    "mean_estimate": lambda v: intervals.mean_estimate(v[:, 0]),
    "mean_trend": intervals.mean_trend,
    "depth_trend": intervals.depth_trend,
    "correlation_trend": lambda v: intervals.correlation_trend(v, Y),
    "correlation": lambda v: intervals.correlation(v[:, 0], Y),
    "correlation_test": lambda v: intervals.correlation_test(Y, v[:, 0]),
    "partial_correlation": lambda v: intervals.partial_correlation(Y, Y**2, v),
    "r_squared": lambda v: intervals.r_squared(v, Y),
    "variance_explained": lambda v: intervals.variance_explained(v[:, 0], Y > 9),
}
every = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)


@every
@pytest.mark.parametrize(("bad", "name"), [(np.nan, "NaN"), (np.inf, "infinity")])
def test_values_that_are_not_finite_are_refused(call, bad, name):
    values = VALUES.copy()
    values[7, 0] = bad
    with pytest.raises(ValueError, match=f"holds {name}"):
        call(values)


@every
def test_masked_values_are_refused(call):
    with pytest.raises(ValueError, match="masks values"):
        call(np.ma.masked_less(VALUES, -1))
    call(np.ma.masked_less(VALUES, -1e9))  # nothing is masked


@pytest.mark.parametrize("values", [3.0, None, [1.0, 2.0], np.ones((4, 1)), np.ones((0, 3))])
def test_trends_of_the_wrong_shape_are_refused(values):
    for trend in (intervals.mean_trend, intervals.depth_trend):
        with pytest.raises((TypeError, ValueError), match=r"values|layers"):
            trend(values)


def test_lengths_that_do_not_match_are_refused():
    for call in (
        lambda: intervals.correlation_trend(VALUES, Y[:10]),
        lambda: intervals.variance_explained(Y, Y[:10]),
        lambda: intervals.correlation(Y, Y[:10]),
        lambda: intervals.partial_correlation(Y, Y, Y[:10]),
        lambda: intervals.r_squared(VALUES, Y[:20]),
    ):
        with pytest.raises(ValueError, match=r"one for each|one length"):
            call()
    with pytest.raises(ValueError, match="labels must be a vector"):
        intervals.permutation_test(lambda each: each, [["a"]])


@pytest.mark.parametrize("scale", [1e-300, 1e-90, 1e160, 1e307])
def test_correlations_at_any_scale(scale):
    x = np.random.default_rng(1).uniform(-1, 1, 30)
    expected = stats.pearsonr(x, Y).statistic
    assert intervals.correlation(scale * x, scale * (Y / 30)) == pytest.approx(expected)


def test_holm_is_the_step_down_rule_of_its_author():
    p = np.array([[0.01, 0.04], [0.03, 0.005]])
    assert intervals.holm(p) == pytest.approx(np.array([[0.03, 0.06], [0.06, 0.02]]))
    assert intervals.holm([0.6, 0.5, 0.01]) == pytest.approx([1, 1, 0.03])
    assert intervals.holm([]).size == 0
    for wrong in ([0.1, np.nan], [-0.1], [1.1]):
        with pytest.raises(ValueError, match="between 0 and 1"):
            intervals.holm(wrong)


def test_holm_keeps_the_chance_of_a_false_rejection():
    p = np.random.default_rng(0).uniform(size=(2000, 10))
    rejected = [(intervals.holm(row) < 0.05).any() for row in p]
    assert 0.03 < np.mean(rejected) < 0.06
