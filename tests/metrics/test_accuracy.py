import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from helpers.metrics import accuracy, correlation

pairs = st.lists(
    st.tuples(st.floats(-100, 100), st.floats(-100, 100)), min_size=4, max_size=20
).map(np.array)


def blobs(n=8, features=5, spread=0.3, seed=0):
    rng = np.random.default_rng(seed)
    labels = np.repeat(["a", "b", "c"], n)
    centres = {"a": 0.0, "b": 2.0, "c": 4.0}
    x = rng.normal(size=(3 * n, features)) * spread
    return x + np.array([centres[c] for c in labels])[:, None], labels


def test_separate_categories_are_all_recognised_and_noise_is_not():
    x, labels = blobs()
    assert accuracy.cross_validated(x, labels).all()
    noise = np.random.default_rng(1).normal(size=(300, 4))
    hits = accuracy.cross_validated(noise, np.repeat(["a", "b", "c"], 100))
    assert 0.2 < hits.mean() < 0.47


@pytest.mark.parametrize("features", [5, 40])
def test_each_fold_is_classified_by_the_other(features):
    x, labels = blobs(features=features, spread=2.5)
    hits = accuracy.cross_validated(x, labels, strengths=[0.01])
    odd = accuracy.rank_within(labels) % 2 == 1
    classifier = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=1000))
    for test in (odd, ~odd):
        named = classifier.fit(x[~test], labels[~test]).predict(x[test])
        np.testing.assert_array_equal(hits[test], named == labels[test])


def test_the_strength_is_chosen_where_it_matters():
    rng = np.random.default_rng(0)
    x, labels = blobs(n=12, features=1, spread=0.1)
    x = np.column_stack([x, rng.normal(size=(len(x), 60)) * 3])
    weak, strong = (accuracy.cross_validated(x, labels, [c]).mean() for c in (1e-9, 1.0))
    assert weak != strong
    assert accuracy.cross_validated(x, labels, [1e-9, 1.0]).mean() >= max(weak, strong) - 0.15


def test_too_few_images_and_nan_are_refused():
    x, labels = blobs(n=3)
    with pytest.raises(ValueError, match="'a' has 3 images"):
        accuracy.cross_validated(x, labels)
    x, labels = blobs()
    x[0, 0] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        accuracy.cross_validated(x, labels)


def test_shares_by_category():
    correct, labels = [True, False, True, True], np.array(list("baab"))
    assert accuracy.by_category(correct, labels).tolist() == [0.5, 1.0]
    assert accuracy.by_category(correct, labels, [1, 1, 0, 0]).tolist() == [0.0, 1.0]


@given(pairs, st.sampled_from(["pearson", "spearman"]))
@settings(max_examples=40, deadline=None)
def test_correlation_is_scipys(xy, method):
    x, y = xy.T
    found = correlation.correlation(x, y, method, repeats=20)
    if np.ptp(x) < 1e-6 or np.ptp(y) < 1e-6:
        return
    r = getattr(stats, f"{method}r")(x, y).statistic
    assert found["r"] == pytest.approx(r, abs=1e-6)
    assert 0 < found["p"] <= 1


def test_the_interval_and_null_know_signal_from_noise():
    rng = np.random.default_rng(0)
    x, noise = rng.normal(size=(2, 200))
    tied, free = (correlation.correlation(x, y) for y in (x + 0.5 * noise, noise))
    assert 0 < tied["low"] < tied["r"] < tied["high"] < 1 and tied["p"] < 0.002
    assert tied["r"] > tied["null"] > abs(free["r"]) and free["p"] > 0.05
    assert np.isnan(list(correlation.correlation(x, np.ones(200)).values())).all()


def test_correlation_refuses_what_it_cannot_do():
    with pytest.raises(ValueError, match="kendall"):
        correlation.correlation([1, 2, 3], [1, 2, 3], "kendall")
    with pytest.raises(ValueError, match="one length"):
        correlation.correlation([1, 2, 3], [1, 2])


def test_layers_are_correlated_one_by_one():
    share = np.array([0.1, 0.5, 0.9, 0.4])
    rows = [
        ("n", layer, depth, v) for depth, layer in enumerate("xy") for v in share * (1 - 2 * depth)
    ]
    table = pd.DataFrame(rows, columns=["network", "layer", "depth", "value"])
    found = correlation.with_accuracy(table, {"n": share})
    assert found["layer"].tolist() == ["x", "y"]
    np.testing.assert_allclose(found["r"], [1, -1])


def test_the_rise_of_correlations():
    rng = np.random.default_rng(0)
    share = rng.normal(size=300)
    values = np.column_stack([share + noise * rng.normal(size=300) for noise in (9, 3, 1, 0.3)])
    tau, low, high = correlation.rise(values, share, repeats=100)
    assert tau == 1 and low > 0.5 and high == 1
    assert correlation.rise(values[:, ::-1], share, repeats=10)[0] == -1
    assert np.isnan(correlation.rise(values, np.ones(300))).all()


def test_partial_correlation_removes_a_common_cause():
    rng = np.random.default_rng(0)
    cause, a, b = rng.normal(size=(3, 2000))
    x, y = cause + 0.5 * a, cause + 0.5 * b
    assert stats.pearsonr(x, y).statistic > 0.7
    found = correlation.partial(x, y, cause)
    assert abs(found) < 0.1
    rxy, rxz, ryz = (stats.pearsonr(*p).statistic for p in ((x, y), (x, cause), (y, cause)))
    textbook = (rxy - rxz * ryz) / np.sqrt((1 - rxz**2) * (1 - ryz**2))
    assert found == pytest.approx(textbook)
    assert np.isnan(correlation.partial(2 * cause, y, cause))


def test_explained_variance_out_of_sample_is_honest():
    rng = np.random.default_rng(0)
    x, noise = rng.normal(size=(100, 2)), rng.normal(size=100)
    inside, outside = correlation.explained(x, x @ [1, 2] + 0.1 * noise)
    assert 0.99 < outside < inside < 1
    inside, outside = correlation.explained(rng.normal(size=(30, 10)), rng.normal(size=30))
    assert inside > 0.1 > 0 > outside
    assert np.isnan(correlation.explained(x, np.ones(100))).all()
    with pytest.raises(ValueError, match="10 folds"):
        correlation.explained(x[:5], noise[:5])


def test_the_trend_over_depth_is_kendalls():
    values = np.random.default_rng(0).normal(size=(40, 5)) + np.arange(5)
    tau, low, high, p = correlation.depth_trend(values, repeats=50)
    expected = stats.kendalltau(np.tile(np.arange(5), 40), values.ravel())
    assert (tau, p) == pytest.approx((expected.statistic, expected.pvalue))
    assert low < tau < high
    assert correlation.depth_trend(-values, repeats=5)[0] == pytest.approx(-tau)


def test_a_dip_is_found_and_a_rise_is_none():
    noise = 0.01 * np.random.default_rng(0).normal(size=(50, 4))
    assert correlation.dips(noise + [0.3, 0.1, 0.2, 0.5], repeats=200) == [(1, 0), (2, 0)]
    assert correlation.dips(noise + [0.1, 0.2, 0.3, 0.4], repeats=200) == []


def test_places_within_categories():
    assert accuracy.rank_within(list("abacb")).tolist() == [0, 0, 1, 0, 1]
    assert accuracy.rank_within([]).tolist() == []
