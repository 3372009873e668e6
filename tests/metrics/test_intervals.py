import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from helpers.metrics import intervals


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30))
@settings(max_examples=50, deadline=None)
def test_the_interval_lies_within_the_values(values):
    mean, low, high = intervals.bootstrap_mean(values, repeats=100)
    slack = 1e-9 * (1 + np.abs(values).max())
    assert min(values) - slack <= low <= high <= max(values) + slack
    assert mean == pytest.approx(np.mean(values))


def test_the_interval_agrees_with_scipy():
    values = np.random.default_rng(1).exponential(size=200)
    _, low, high = intervals.bootstrap_mean(values, repeats=5000, seed=2)
    theirs = stats.bootstrap((values,), np.mean, method="percentile", rng=3, n_resamples=5000)
    assert low == pytest.approx(theirs.confidence_interval.low, abs=0.02)
    assert high == pytest.approx(theirs.confidence_interval.high, abs=0.02)


def test_one_seed_gives_one_interval():
    values = np.arange(10.0)
    first = intervals.bootstrap_mean(values, seed=7)
    assert first == intervals.bootstrap_mean(values, seed=7)
    assert first != intervals.bootstrap_mean(values, seed=8)


def test_a_statistic_of_indices():
    x = np.random.default_rng(0).normal(size=100)
    low, high = intervals.bootstrap(lambda i: np.median(x[i]), len(x), repeats=300)
    assert low < np.median(x) < high


def test_resamples_without_a_value_are_left_out():
    x = np.array([1.0, 2.0, 3.0])
    low, high = intervals.bootstrap(
        lambda i: np.nan if len(set(i)) == 1 else x[i].mean(), 3, repeats=200
    )
    assert 1 < low < high < 3


@pytest.mark.parametrize("values", [[], [[1.0, 2.0]], [1.0, np.nan]])
def test_values_without_a_mean_are_refused(values):
    with pytest.raises(ValueError, match="values"):
        intervals.bootstrap_mean(values)


def test_bootstraps_that_cannot_be():
    with pytest.raises(ValueError, match="at least 2 units"):
        intervals.bootstrap(np.mean, 1)
    with pytest.raises(ValueError, match="NaN in every"):
        intervals.bootstrap(lambda i: np.nan, 5, repeats=3)


def test_trend_of_rising_falling_and_flat_layers():
    rng = np.random.default_rng(0)
    rising = np.arange(6) + rng.normal(0, 0.1, (20, 6))
    assert intervals.trend(rising, repeats=50) == pytest.approx((1, 1, 1))
    assert intervals.trend(-rising, repeats=50) == pytest.approx((-1, -1, -1))
    _, low, high = intervals.trend(rng.normal(size=(20, 6)), repeats=200)
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
    assert intervals.variance_explained(groups, groups)[0] == 1
    assert intervals.variance_explained(np.ones(16), groups) == (0, 0, 1)
