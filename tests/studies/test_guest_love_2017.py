from functools import partial

import keras
import numpy as np
import pandas as pd
import pytest

from helpers import data, layers, models, project
from helpers.metrics import accuracy, sparsity
from helpers.studies import guest_love_2017 as study

LABELS = np.repeat(list("abcd"), 5)
RELATED = (("a", "b"), ("c", "d"))


def matrices(layers=4, noise=0.5, seed=0):
    """Correlations of patterns with categories, related categories, and images of their own."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(layers):
        kin = np.repeat(rng.normal(size=(2, 300)), 10, axis=0)
        own = np.repeat(rng.normal(size=(4, 300)), 5, axis=0)
        found.append(np.corrcoef(kin + own + noise * rng.normal(size=(20, 300))))
    return found


def shuffled_within(rng):
    return np.concatenate([rng.permutation(np.flatnonzero(c == LABELS)) for c in "abcd"])


def test_categories_are_those_of_the_photos():
    files = pd.read_csv(project.ROOT / "data" / "registry.csv")["path"]
    photos = files[files.str.startswith("guest-love-2017/")].str.split("/").str[1]
    np.testing.assert_array_equal(study.CATEGORY, photos)
    assert sorted(sum(study.RELATED, ())) == sorted(study.NAMES)
    assert len(data.published_similarities()["mixed0"]) == len(study.CATEGORY)


def test_parts_of_the_gini_coefficient():
    x = np.array([0, 0, 1, 3.0])
    means = {"gini": [sparsity.gini(x)], "active_fraction": [0.5]}
    (row,) = study.parts_of_gini(pd.DataFrame(means, index=["mixed0"])).to_dict("records")
    assert row["layer"] == "mixed0" and row["silence"] == 0.5
    assert row["gini_active"] == pytest.approx(sparsity.gini(x[2:]))
    assert row["silence"] + row["inequality"] == pytest.approx(row["gini"])


def test_averages_over_windows_leave_out_the_rest():
    x = np.arange(2 * 5 * 4 * 1.0).reshape(2, 5, 4, 1)
    found = study.average_over(x, 2)
    assert found.shape == (2, 2, 2, 1)
    assert found[0, 0, 0, 0] == np.mean([0, 1, 4, 5])
    assert found[1, 1, 1, 0] == x[1, 2:4, 2:4].mean()
    np.testing.assert_array_equal(study.average_over(x, 1), x)
    with pytest.raises(ValueError, match="window of 5 does not fit maps of 5 × 4"):
        study.average_over(x, 5)


def test_tables_hold_the_matrices():
    named = dict(zip(["input", "mixed0"], matrices(2), strict=True))
    table = study.to_table(named)
    assert list(table) == ["first", "second", "input", "mixed0"] and len(table) == 190
    for layer, matrix in study.to_matrices(table).items():
        np.testing.assert_allclose(matrix, named[layer])


def test_share_of_pairs_within_a_step():
    ours, theirs = np.eye(3), np.eye(3)
    theirs[0, 1] = theirs[1, 0] = 0.02
    assert study.share_within(ours, theirs, 0.03) == 1
    assert study.share_within(ours, theirs, 0.01) == pytest.approx(2 / 3)


@pytest.mark.parametrize("seed", range(5))
def test_the_order_within_categories_is_found_again(seed):
    ours, order = matrices(seed=seed), shuffled_within(np.random.default_rng(seed))
    published = [m[np.ix_(order, order)] for m in ours]
    np.testing.assert_array_equal(study.fitted_order(ours, published, LABELS), order)


def test_a_layer_has_no_say_in_the_order_it_is_judged_in():
    ours = dict(zip("wxyz", matrices(), strict=True))
    order = shuffled_within(np.random.default_rng(1))
    published = {name: m[np.ix_(order, order)] for name, m in ours.items()}
    shares = study.shares_in_order_of_others(ours, published, LABELS, 1e-9)
    assert list(shares) == list("wxyz") and set(shares.values()) == {1.0}
    other = shuffled_within(np.random.default_rng(2))
    published["w"] = ours["w"][np.ix_(other, other)]  # fits an order of its own only
    shares = study.shares_in_order_of_others(ours, published, LABELS, 1e-9)
    assert shares["w"] < 0.9 and shares["y"] == 1.0


def test_what_can_be_recovered_is_one_half_by_chance_and_one_where_all_is_told():
    told = np.array([[1.0 if a == b else 0.5 if (a, b) in RELATED or (b, a) in RELATED else 0.0
                      for a in LABELS] for b in LABELS])  # fmt: skip
    nothing = np.zeros_like(told)
    np.testing.assert_array_equal(
        study.recovery([told, nothing, -told], LABELS, RELATED), [[1, 0.5, 0], [1, 0.5, 0]]
    )


def test_recovery_is_the_share_of_comparisons_won():
    (matrix,) = matrices(1, noise=4)
    same, kin, rest = [], [], []
    for i in range(20):
        for j in range(i):
            pair = {LABELS[i], LABELS[j]}
            kind = same if len(pair) == 1 else kin if tuple(sorted(pair)) in RELATED else rest
            kind.append(matrix[i, j])
    won = [
        np.mean(np.array(x)[:, None] > np.array(y)) for x, y in ((same, kin + rest), (kin, rest))
    ]
    np.testing.assert_allclose(study.recovery([matrix], LABELS, RELATED)[:, 0], won)


def test_an_image_drawn_twice_is_not_paired_with_itself():
    (matrix,) = matrices(1)
    images = np.array([0, 0, 1, 5, 6, 10, 11])  # one distinct pair of category a: (0, 1)
    found = study.recovery([matrix], LABELS, RELATED, images)
    twin = matrix.copy()
    np.fill_diagonal(twin, -1)
    np.testing.assert_array_equal(found, study.recovery([twin], LABELS, RELATED, images))


def test_recovery_by_layer_and_its_trend():
    named = {f"mixed{k}": matrices(1, noise)[0] for k, noise in enumerate([16, 8, 4, 2])}
    table, trend = study.recovery_by_layer(named, LABELS, RELATED, repeats=60)
    assert len(table) == 8 and (table["low"] <= table["value"] + 0.05).all()
    same = table[table["pairs"] == "same category"].set_index("layer")["value"]
    assert same.is_monotonic_increasing and same["mixed3"] > 0.95
    assert (trend["low"] <= trend["tau"]).all() and trend.loc[0, "tau"] == 1


def folded(network):
    """Move the means of a network's normalisations into their offsets, as a file may."""
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            scale = np.sqrt(np.asarray(layer.moving_variance) + layer.epsilon)
            layer.beta.assign_sub(np.asarray(layer.moving_mean) / scale)
            layer.moving_mean.assign(np.zeros(layer.moving_mean.shape))
    return network


def test_unfolding_changes_no_activation_and_undoes_what_a_file_has_folded():
    images = data.digits(30)
    one, two = models.mini_inception(), folded(models.mini_inception())
    before = layers.activations(one, images, ["mixed0", "predictions"], progress=False)
    for network in (one, two):
        study.unfold(network, images)
        after = layers.activations(network, images, ["mixed0", "predictions"], progress=False)
        for layer, x in before.items():
            np.testing.assert_allclose(after[layer], x, atol=1e-4)
    for a, b in zip(one.get_weights(), two.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-3)
    # Calibrated on the images that it was unfolded on, its first layer stays as it was.
    first = layers.activations(one, images, "conv2d", progress=False)["conv2d"].mean(axis=(0, 1, 2))
    models.calibrate(one, images)
    np.testing.assert_allclose(one.get_layer("batch_normalization").moving_mean, first, atol=1e-4)


def test_controls_differ_in_their_weights_only():
    network, images = models.mini_inception(), data.digits(20)
    rank = accuracy.rank_within(images.category)
    images = images[rank < 2]
    before = network.get_weights()
    chosen = layers.select(network, ["mixed0", "predictions"])
    untrained, measures = partial(models.mini_inception, False), {"gini": sparsity.gini}
    table = study.controls(network, untrained, images, chosen, measures, seeds=3)
    assert table.groupby("weights")["seed"].nunique().to_dict() == {
        "permuted": 3, "permuted, calibrated": 3, "trained": 1, "trained, calibrated": 2,
        "trained, offsets 0, calibrated": 2, "untrained": 3, "untrained, calibrated": 3,
    }  # fmt: skip
    assert len(table) == 17 * 2 * len(images)
    for old, new in zip(before, network.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    found = table.set_index(["weights", "seed"])["value"]
    expected = layers.measure(untrained(seed=1), images, chosen, measures=measures)
    np.testing.assert_allclose(found["untrained", 1], expected["value"])
    models.calibrate(network, images[accuracy.rank_within(images.category) == 1])
    expected = layers.measure(network, images, chosen, measures=measures)
    np.testing.assert_allclose(found["trained, calibrated", 1], expected["value"])
    assert not np.allclose(found["trained, calibrated", 1], found["trained, calibrated", 0])


def test_a_trade_off_starts_from_the_maps_themselves():
    rng = np.random.default_rng(0)
    maps = np.maximum(rng.normal(size=(20, 5, 5, 6)), 0)
    table = study.trade_off(maps, LABELS, RELATED, powers=(1, 2), repeats=20)
    same = table[table["pairs"] == "same category"].set_index("step")
    assert same.index.tolist() == ["1×1", "2×2", "4×4", "5×5", "^1", "^2"]
    assert same["change"].tolist() == ["averaged over places"] * 4 + ["raised to a power"] * 2
    gini = same["gini"]
    assert gini["1×1"] == gini["^1"] == pytest.approx(sparsity.gini(maps, (1, 2, 3)).mean())
    assert gini["5×5"] == pytest.approx(sparsity.gini(maps.mean(axis=(1, 2)), 1).mean())
    squared = table[table["step"] == "^2"]["value"]
    expected = study.recovery([np.corrcoef((maps**2).reshape(20, -1))], LABELS, RELATED)[:, 0]
    np.testing.assert_allclose(squared, expected, atol=0.01)
    assert (table["low"] < table["high"]).all()


def test_the_trade_off_is_drawn_as_a_panel_per_layer_and_a_line_per_change():
    maps = np.random.default_rng(1).uniform(size=(20, 3, 3, 4))
    one = study.trade_off(maps, LABELS, RELATED, repeats=20)
    table = pd.concat([one.assign(layer="mixed7"), one.assign(layer="mixed10")])
    fig = study.draw_trade_off(table, "related categories")
    assert [axis.get_title() for axis in fig.axes] == ["mixed7", "mixed10"]
    np.testing.assert_array_equal(fig.axes[0].lines[0].get_xdata(), one["gini"][:3])
    assert fig.axes[0].get_ylabel() == "AUC, related categories"
    named = {text.get_text() for text in fig.axes[0].texts} - {""}
    assert named == {"unchanged", "3×3", "^0.25", "^3"}


def test_colours_round_to_the_nearest_middle():
    r = np.linspace(-1, 0.999, 1000)
    assert np.abs(study.to_colours(r) - r).max() <= 1 / 256 + 1e-12
    assert len(np.unique(study.to_colours(r))) == 256


def test_rounding_turns_comparisons_into_ties():
    (matrix,) = matrices(1, noise=8)
    ours, theirs = {"mixed8": matrix}, {"mixed8": np.zeros((20, 20))}
    table = study.effect_of_colours(ours, theirs, ["mixed8"], LABELS, RELATED).loc["mixed8"]
    auc = study.recovery([matrix], LABELS, RELATED)[1, 0]
    assert table.loc["ours"].tolist() == [auc, 0, 150]
    assert table.loc["published"].tolist() == [0.5, 1, 1]
    assert 0 < table.loc["ours, rounded", "ties"] < 0.1


def test_maps_and_their_means_are_compared_layer_by_layer():
    rng = np.random.default_rng(0)
    category = np.repeat([[2, 0, 0], [1, 1, 0], [0, 0, 2], [0, 1, 1]], 5, axis=0)
    channels = category + rng.uniform(0, 0.1, (20, 3))
    (matrix,) = matrices(1, noise=99)
    args = {"mixed7": 0.9}, {"mixed7": matrix}, {"mixed7": channels}, LABELS, RELATED
    row = study.with_and_without_places(*args).loc["mixed7"]
    assert row["Gini, maps"] == 0.9 and row["Gini, channel means"] < 0.7
    assert row["AUC of related, maps"] < 0.7 and row["AUC of related, channel means"] == 1


def test_the_least_sparse_outputs_are_named():
    rng = np.random.default_rng(0)
    top = np.linspace(0.1, 1, 20)
    table = pd.DataFrame({"category": LABELS, "top": top, "gini": 0.5 + 0.4 * top})
    fig = study.draw_confidence(table.sample(frac=1, random_state=rng), 0.9)
    texts = [text.get_text() for text in fig.axes[0].texts]
    assert sorted(texts) == ["a"] * 5 + ["near 1: 0.9 or more"]


def test_agreement_sets_approximate_layers_apart():
    names = ["input", "mixed0", "mixed1", "mixed2", "avg_pool"]
    ours = dict(zip(names, matrices(5), strict=True))
    published = {layer: m + 0.003 * (1 - np.eye(20)) for layer, m in ours.items()}
    published["avg_pool"] = matrices(1, seed=9)[0]
    table = study.agreement(ours, published, LABELS, approximate=["avg_pool"])
    exact = table.drop("avg_pool")
    assert (exact[["within .004", "within .008", "order of others"]] == 1).all(axis=None)
    assert (exact["random order"] < 0.9).all() and np.isnan(
        table.loc["avg_pool", "order of others"]
    )
    np.testing.assert_allclose(exact["largest difference"], 0.003)
    assert table.loc["avg_pool", "within .008"] < 0.5


def test_trends_of_controls_are_those_of_the_mean_over_images():
    rows = [(w, 0, layer, depth, "gini", sign * depth + image)
            for w, sign in (("trained", 1), ("untrained", -1))
            for depth, layer in enumerate(["input", "mixed0", "mixed1", "output"])
            for image in range(2)]  # fmt: skip
    columns = ["weights", "seed", "layer", "depth", "measure", "value"]
    found = study.control_trends(pd.DataFrame(rows, columns=columns))
    assert found.loc["trained", 0].to_dict() == {"all layers": 1, "modules": 1}
    assert found.loc["untrained", 0].to_dict() == {"all layers": -1, "modules": -1}


def test_pysal_is_compared_where_it_is_installed(monkeypatch):
    monkeypatch.setattr(study, "find_spec", lambda name: None)
    assert study.beside_pysal(sparsity.gini, {"a": np.arange(5.0)}, "a") is None
    assert study.pysal_verdicts(None)["pysal-equal"][1] is None
    monkeypatch.undo()
    pytest.importorskip("inequality")
    found = study.beside_pysal(sparsity.gini, {"a": np.arange(5.0)}, "a")
    assert found.difference["a"] < 1e-12 and found.time > 0


@pytest.mark.parametrize("off, time, verdicts", [
    ([0, 0, 0], 0.5, (True, True)), ([0, 0, 1], 1.0, ("mixed", "mixed")),
    ([1, 1, 0], 2.0, (False, False)),
])  # fmt: skip
def test_verdicts_beside_pysal(off, time, verdicts):
    judged = study.pysal_verdicts(study.BesidePySAL(pd.Series(off, dtype=float), time))
    assert tuple(each[1] for each in judged.values()) == verdicts


def test_verdicts_of_parts_and_of_trends():
    assert study.holds([True, True]) is True and study.holds([False, False]) is False
    assert study.holds([True, False]) == "mixed" and study.holds([True, False], least=2) is False
    for ends, verdict in (((-1, -0.5), True), ((0.5, 1), False), ((-1, 1), "mixed")):
        trends = pd.DataFrame({"pairs": ["x", "y"], "tau": 0.0, "low": ends[0], "high": ends[1]})
        assert study.harder_verdict(trends)[1] == verdict


def test_a_number_is_judged_only_where_its_layer_was_named_and_its_weights_are_original():
    ours = {"mixed7": 0.947, "avg_pool": 0.5794, "predictions": 0.95}
    published = {"avg_pool": 0.579, "predictions": 0.941}
    found = study.gini_verdicts(ours, published, approximate=["predictions"])
    assert [found[f"gini-{layer}"][1] for layer in ours] == [None, True, None]
