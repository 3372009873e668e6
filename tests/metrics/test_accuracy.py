import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from helpers.metrics import accuracy
from helpers.metrics.accuracy import knn_accuracy, linear_probe, rank_within


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
    odd = rank_within(labels) % 2 == 1
    classifier = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=1000))
    for test in (odd, ~odd):
        named = classifier.fit(x[~test], labels[~test]).predict(x[test])
        np.testing.assert_array_equal(hits[test], named == labels[test])


def test_the_strength_with_the_best_score_in_the_training_fold_is_taken(monkeypatch):
    x, labels = blobs(n=12, spread=3)
    scores = iter([0.1, 0.9, 0.3, 0.2, 0.4, 0.4])
    monkeypatch.setattr(accuracy, "_score", lambda *_: next(scores))
    used = []
    monkeypatch.setattr(accuracy, "_predict", lambda x, y, new, c: used.append(c) or y)
    accuracy.cross_validated(x, labels, [1.0, 2.0, 3.0])
    assert used == [2.0, 2.0]  # of equals the first


def test_a_strength_scores_what_it_gets_right_across_folds():
    x, labels = blobs(n=12, features=3, spread=4)
    for strength in (1e-9, 1.0):
        expected = accuracy.cross_validated(x, labels, [strength]).mean()
        assert accuracy._score(x, labels, strength) == expected < 1


def test_too_few_images_and_nan_are_refused():
    x, labels = blobs(n=3)
    with pytest.raises(ValueError, match="'a' has 3 images"):
        accuracy.cross_validated(x, labels)
    x, labels = blobs()
    with pytest.raises(ValueError, match="one category"):
        accuracy.cross_validated(x[:8], labels[:8])
    with pytest.raises(ValueError, match="one for each of 24"):
        accuracy.cross_validated(x, labels[:8])
    x[0, 0] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        accuracy.cross_validated(x, labels)


def test_shares_by_category():
    correct, labels = [True, False, True, True], np.array(list("baab"))
    assert accuracy.by_category(correct, labels).tolist() == [0.5, 1.0]
    assert accuracy.by_category(correct, labels, [1, 1, 0, 0]).tolist() == [0.0, 1.0]
    with pytest.raises(ValueError, match="chosen have shape"):
        accuracy.by_category(correct, labels, [1, 1])


def test_places_within_categories():
    assert rank_within(list("abacb")).tolist() == [0, 0, 1, 0, 1]
    assert rank_within([]).tolist() == []


def clouds(seed=0, n=120, dimensions=2, classes=4, apart=3.0, dtype=np.float64):
    """Classes of unequal sizes around random centres."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, n)
    centres = apart * rng.normal(size=(classes, dimensions))
    return (centres[labels] + rng.normal(size=(n, dimensions))).astype(dtype), labels


def test_held_out_neighbours_do_not_know_the_point_itself():
    rng = np.random.default_rng(0)
    x, labels = rng.normal(size=(400, 2)), rng.integers(0, 2, 400)
    assert knn_accuracy(x, labels, 1) == 1
    assert knn_accuracy(x, labels, 1, leave_one_out=True) == pytest.approx(0.5, abs=0.1)
    both, sides = np.r_[x, x + 100], np.repeat([0, 1], 400)
    assert knn_accuracy(both, sides, test=(x + 100, np.ones(400))) == 1
    assert knn_accuracy(both, sides, test=(x + 100, np.zeros(400))) == 0
    with pytest.raises(ValueError, match="not both"):
        knn_accuracy(x, labels, test=(x, labels), leave_one_out=True)


def test_knn_equals_scikit_learn_on_other_points():
    x, labels = clouds(apart=1)
    other, truth = clouds(seed=1, apart=1)
    expected = KNeighborsClassifier(7).fit(x, labels).score(other, truth)
    assert knn_accuracy(x, labels, 7, test=(other, truth)) == expected < 1


def test_linear_probe_reads_what_a_line_can_tell():
    x, labels = clouds(dimensions=5, apart=6)
    assert linear_probe(x, labels, (x, labels)) == 1
    shuffled = np.random.default_rng(0).permutation(labels)
    assert linear_probe(x[:60], shuffled[:60], (x[60:], shuffled[60:])) < 0.6
    for l2 in (0, -1, np.nan):
        with pytest.raises(ValueError, match="l2="):
            linear_probe(x, labels, (x, labels), l2)
