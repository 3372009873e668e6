from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from helpers import data, report
from helpers.studies.convolutional_embeddings import claims, filters, outliers, study
from helpers.studies.ruman_2021 import claims as mlp_claims

N = 120
STEPS = {"layer1": 4, "layer2": 8}


@pytest.fixture(scope="module")
def digits():
    return study.at_28(data.digits_split())


@pytest.fixture(scope="module")
def network(digits):
    return study.train_network(digits, epochs=2)


@pytest.fixture(scope="module")
def points(network):
    return study.embed([network], N, STEPS, processes=1, methods=("tsne",))


@pytest.fixture(scope="module")
def measured(network):
    return filters.measure(network, N)


@pytest.fixture(scope="module")
def published():
    return claims.published_table(data.published("ruman-2021-cnn"))


def test_digits_become_images_of_28_by_28(digits):
    small = data.digits_split()
    assert digits.x_train.shape == (len(small.x_train), 28, 28)
    np.testing.assert_array_equal(digits.x_test[:, 3:26:3, 3:26:3], small.x_test)
    assert not digits.x_train[:, :2].any()
    assert study.at_28(digits) is digits


def test_training_changes_the_network_and_the_pixels_stay(network, digits):
    found = network.activations(digits.x_test[:5])
    assert list(found) == list(study.KEYS)
    np.testing.assert_allclose(found[study.INPUT][..., 0] * 255, digits.x_test[:5], atol=1e-4)
    shapes = {layer: found["trained", layer].shape[1:] for layer in study.LAYERS[1:]}
    assert shapes == {"layer1": (12, 12, 4), "layer2": (5, 5, 16), "layer3": (1, 1, 64)}
    assert (found["trained", "layer3"] != found["untrained", "layer3"]).any()
    p = network.probabilities(digits.x_test)
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-5)
    right = (p.argmax(axis=1) == digits.y_test).mean()
    assert right == pytest.approx(network.curve["accuracy"].iloc[-1])


def test_dead_filters_have_no_map():
    x = np.random.default_rng(0).normal(size=(5, 2, 2, 4))
    x[..., 1] = 0.5
    assert [number for number, _ in study.maps(x)] == [1, 3, 4]
    assert [number for number, _ in study.maps(x, 2)] == [1, 3]
    np.testing.assert_array_equal(dict(study.maps(x))[3], x[..., 2].reshape(5, 4))


def test_layers_and_live_filters_are_embedded(network, points, digits):
    names = {key for _, _, key in points}
    assert set(study.KEYS) <= names
    filters_of_2 = {key for key in names if key[1].startswith("layer2, ")}
    assert filters_of_2 <= {(c, f"layer2, filter {i}") for c in study.CONDITIONS for i in (1, 9)}
    assert filters_of_2
    table = study.in_the_plane(points, network)
    x = network.activations(digits.x_train[:N], [("trained", "layer1")])["trained", "layer1"]
    of_first = table.query("condition == 'trained' and layer == 'layer1' and part == 'filter 1'")
    assert (of_first["live"] == ((x[..., 0] > 0).mean() >= 0.05)).all()
    wholes = table[table["part"] == "whole"]
    assert set(wholes["layer"]) == set(study.LAYERS)
    assert (table.groupby(["condition", "layer", "part"]).size() == 5).all()
    both = study.there_or_drawn(network, points, N)
    assert set(both["space"]) == {"activations", "t-SNE"} and both["value"].between(0, 1).all()
    np.testing.assert_allclose(both.query("layer == 'input'")["value"], [0.9, 0.9], atol=0.1)
    aligned = study.panels(points)
    assert list(aligned) == list(study.KEYS)


def test_replications_see_test_images_only(network):
    replication = study.replicate(network, N)
    table = replication.table.set_index(["condition", "layer", "measure"])["value"]
    assert table["trained", "layer3", "kNN"] > table["untrained", "layer3", "kNN"] - 0.2
    hits = replication.hits["raw", ("trained", "layer3"), "kNN"]
    assert hits.mean() == pytest.approx(table["trained", "layer3", "kNN"])
    changed = mlp_claims.changes([replication])
    assert len(changed) == 4 and set(changed["method"]) == {"raw"}


def test_filters_are_measured_one_by_one(measured, network, digits):
    assert len(measured) == 2 * (4 + 16)
    chosen = study.mlp_study.draw(digits, 0, N)
    x = network.activations(digits.x_test[chosen], [("trained", "layer1")])["trained", "layer1"]
    row = measured.query("condition == 'trained' and layer == 'layer1' and not dead").iloc[0]
    values = x[..., row["filter"] - 1].ravel()
    assert row["active"] == pytest.approx((values > 0).mean())
    assert (measured["live"] == (measured["active"] >= study.LIVE)).all()
    ranks = np.arange(1, len(values) + 1)
    gini = 2 * (ranks * np.sort(values)).sum() / (len(values) * values.sum())
    assert row["gini"] == pytest.approx(gini - (len(values) + 1) / len(values), abs=1e-5)


def test_correlations_ignore_differences_between_networks():
    rng = np.random.default_rng(0)
    rows = []
    for seed in range(3):
        x = rng.normal(size=16)
        own = {"gini": x + 10 * seed, "class_sparseness": rng.normal(size=16), "kNN": x - 50 * seed}
        rows.append(pd.DataFrame(own).assign(seed=seed, live=True))
    table = pd.concat(rows).assign(dataset="mnist", condition="trained", layer="layer2")
    found = filters.correlations(table).set_index("sparseness")
    assert found.loc["gini", "rho"] == pytest.approx(1)
    assert abs(found.loc["class_sparseness", "rho"]) < 0.4
    assert (found["filters"] == 48).all()
    assert found.loc["gini", ["lowest", "highest"]].tolist() == pytest.approx([1, 1])
    silent = table.assign(live=(table["seed"] < 2) | (table.index < 2))
    assert (filters.correlations(silent)["filters"] == 32).all()


def test_a_nearly_silent_filter_is_not_live():
    x = np.ones((100, 2, 2, 3))
    x[5:, ..., 0] = 0
    x[4:, ..., 1] = 0
    assert study.live(x).tolist() == [True, False, True]


def test_live_filters_are_compared_with_the_layer_of_their_own_network():
    rows = [
        ("mnist", seed, "trained", "layer1", dead, live, knn, 0.8, whole)
        for seed, whole in enumerate((0.9, 0.7))
        for dead, live, knn in ((False, True, 0.6), (False, True, 0.7 - seed / 10),
                                (False, False, 0.95), (True, False, np.nan))
    ]  # fmt: skip
    columns = ["dataset", "seed", "condition", "layer", "dead", "live", "kNN", "pixels", "whole"]
    row = filters.by_layer(pd.DataFrame(rows, columns=columns)).iloc[0]
    assert (row["filters"], row["dead"], row["silent"]) == (8, 2, 2)
    assert row["mean"] == pytest.approx(0.625) and row["best"] == pytest.approx(0.65)
    assert row["gain"] == pytest.approx(0.15) and row["low"] < 0.1 < 0.2 < row["high"]


def test_gains_of_pairs_are_averaged_over_networks():
    rows = [("mnist", seed, "trained", g + seed / 10, g - 0.05, g + 0.05)
            for seed in range(3) for g in (0.1, 0.02)]  # fmt: skip
    pairs = pd.DataFrame(rows, columns=["dataset", "seed", "condition", "gain", "low", "high"])
    row = filters.gains(pairs).loc["mnist", "trained"]
    assert row["gain"] == pytest.approx(0.16) and row["pairs"] == 6
    assert row["low"] < 0 < row["high"] and row["more"] == 0.5 and row["less"] == 0
    other = pairs.assign(condition="untrained", gain=-pairs["gain"])
    both = filters.gains(pd.concat([pairs, other])).loc["mnist"]
    assert claims._different(both)[1] is False
    sure = pairs.assign(gain=0.1 + pairs["seed"] / 100)
    both = filters.gains(pd.concat([sure, other])).loc["mnist"]
    assert claims._different(both)[1] == "mixed"
    both = filters.gains(pd.concat([sure, sure.assign(condition="untrained")])).loc["mnist"]
    assert claims._different(both)[1] is True
    one = filters.gains(pd.concat([sure, other]).query("seed == 0")).loc["mnist"]
    assert claims._different(one)[1] is None


def test_a_pair_of_filters_is_compared_with_the_better_one(network):
    pairs = filters.joined_pairs(network, N, "layer1")
    live = filters.measure(network, N).query("layer == 'layer1' and live")
    knn = live.set_index(["condition", "filter"])["kNN"]
    row = pairs.iloc[0]
    own = knn[row["condition"]]
    assert row["better"] == max(own[row["first"]], own[row["second"]])
    assert row["gain"] == pytest.approx(row["joined"] - row["better"])
    assert row["low"] <= row["gain"] <= row["high"]


def described(n=400, planted=20):
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"label": np.arange(n) % 4, "outlier": np.arange(n) < planted})
    return table.assign(
        misread=rng.random(n) < 0.1, confidence=rng.random(n), ambiguous=rng.random(n)
    )


def test_outliers_are_compared_with_random_images_of_their_classes():
    table = described()
    nothing = outliers.against_random(table, 999).set_index("question")
    assert (nothing["p_holm"] > 0.05).all()
    assert nothing["random"]["confidence"] == pytest.approx(table["confidence"].mean(), abs=0.05)
    table.loc[table["outlier"], "confidence"] = 0.05
    table.loc[table["outlier"], "misread"] = True
    found = outliers.against_random(table, 999).set_index("question")
    assert found.loc["misread", "outliers"] == 1 and found.loc["misread", "p"] == 0.001
    assert found.loc["confidence", "p"] == 0.001 and found.loc["ambiguous", "p"] > 0.05
    with pytest.raises(ValueError, match="no point lies among another class"):
        outliers.against_random(table.assign(outlier=False))


def test_the_null_draws_from_the_classes_of_the_outliers():
    table = described().assign(confidence=lambda t: t["label"] / 4)
    table["outlier"] = table["label"].eq(3) & (table.index < 40)
    found = outliers.against_random(table, 99).set_index("question")
    assert found.loc["confidence", "random"] == found.loc["confidence", "outliers"] == 0.75


def test_a_point_among_strangers_is_an_outlier(network, digits):
    labels = digits.y_train[:N].astype(int)
    points = np.column_stack([labels, labels]) + np.random.default_rng(0).normal(0, 0.01, (N, 2))
    points[0] = points[labels == (labels[0] + 1) % 10][0]
    found = outliers.describe(network, points, [network])
    assert (found["by_others"] == found["misread"]).all()
    assert found["outlier"].tolist() == [True] + [False] * (N - 1)
    assert found["near"][0] == (labels[0] + 1) % 10
    kind = outliers.kinds(found, [network])
    assert kind[0] != "" and (kind[1:] == "").all()
    images, texts = outliers.as_images(digits, found, kind, 8)
    assert len(images) == 1 and texts == [f"{labels[0]} → {(labels[0] + 1) % 10}"]
    np.testing.assert_array_equal(images.pixels[0, ..., 0], 255 - digits.x_train[0])


def test_a_layers_own_neighbours_are_asked_too(network, digits):
    labels = digits.y_train[:N].astype(int)
    key = ("trained", "layer3")
    x = network.activations(digits.x_train[:N], [key])[key].reshape(N, -1).astype(float)
    distance = ((x[:, None] - x) ** 2).sum(axis=2)
    np.fill_diagonal(distance, np.inf)
    around = labels[distance.argsort(axis=1)[:, :10]]
    found = outliers.describe(network, np.column_stack([labels, labels]) + 0.0)
    assert (found["mixed"] == [len(set(row)) > 1 for row in around]).mean() > 0.95
    majority = np.array([np.bincount(row).argmax() for row in around])
    assert (found["strangers"] == (majority != labels)).mean() > 0.95
    assert found["by_others"].isna().all()


def test_outliers_stand_beside_other_images_of_their_mix_of_classes():
    table = pd.DataFrame({"label": [0] * 10 + [1] * 10, "outlier": False, "by_others": np.nan})
    table.loc[[0, 1, 2, 10], "outlier"] = True
    table["strangers"] = table["outlier"] | (table["label"] == 1)
    table["mixed"] = table.index % 2 == 0
    found = outliers.beside_others(table)
    assert list(found.index) == [outliers.BESIDE["strangers"], outliers.BESIDE["mixed"]]
    assert found.iloc[0].tolist() == [1, 1, 1, 0.25]
    assert found.iloc[1]["outliers"] == 0.75
    assert found.iloc[1]["others"] == pytest.approx(0.75 * 3 / 7 + 0.25 * 4 / 9)


def test_kinds_need_all_networks_to_agree(digits):
    class Reader:
        def __init__(self, answer, p):
            self.arrays, self.answer, self.p = digits, answer, p

        def probabilities(self, images):
            found = np.full((len(images), 10), (1 - self.p) / 9)
            found[:, self.answer] = self.p
            return found

    table = pd.DataFrame(
        {
            "label": 1,
            "outlier": [True] * 3 + [False],
            "misread": [True, True, False, False],
            "ambiguous": [2.0, 0.5, 2.0, 2.0],
        }
    )
    sure, unsure, other = Reader(7, 0.95), Reader(7, 0.5), Reader(2, 0.95)
    assert list(outliers.kinds(table, [sure, sure])) == ["suspect label"] * 3 + [""]
    for second in (unsure, other):
        expected = ["misread", "misread", "ambiguous", ""]
        assert list(outliers.kinds(table, [sure, second])) == expected


def test_published_filters_are_averaged_as_the_source_does(published):
    layers = claims.by_layer(published).set_index(["dataset", "condition", "layer", "measure"])
    assert layers.loc[("mnist", "trained", "layer1", "d_s"), "value"] == pytest.approx(0.3741, 1e-3)
    assert layers.loc[("mnist", "untrained", "input", "d_s"), "value"] == 0.3773
    assert layers.loc[("fashion_mnist", "trained", "layer3", "acc_knn"), "value"] == 0.8874


def test_counts_in_the_claims_are_those_of_the_published_tables(published):
    stated = report.claims("07").set_index("id")["published"]
    for claim, counts in claims.in_the_source(published).items():
        by_set = ", ".join(f"{title} {count}" for title, count in counts.items())
        both = f"{counts['MNIST']} on both"
        assert stated[claim] in (by_set, both), claim


def grid_of(values, seeds=3):
    rows = []
    for (configuration, condition, layer), value in values.items():
        for seed in range(seeds):
            place = ("mnist", configuration, seed, condition, layer, 0, "kNN")
            rows.append((*place, value + seed / 1000 * (configuration == "width × 4")))
    return pd.DataFrame(rows, columns=[*study.GRID_COLUMNS, "value"])


def grid_values(**last):
    values = {}
    for configuration in study.CONFIGURATIONS:
        values[configuration, "pixels", "input"] = 0.8
        values[configuration, "untrained", "layer3"] = 0.7
        values[configuration, "trained", "layer3"] = last.get(configuration, 0.9)
    return values


def test_the_grid_is_judged_by_seeds():
    found = claims._grid(grid_of(grid_values()), "mnist")
    assert found["any-net"][1] is True and found["any-loss"][1] is True
    assert found["wider"][1] == "mixed"
    worse = grid_values(**{"label smoothing": 0.75, "squared error": 0.75, "width × 4": 0.95})
    found = claims._grid(grid_of(worse), "mnist")
    assert found["any-net"][1] == "mixed" and found["any-loss"][1] is False
    assert found["wider"][1] is True
    assert claims._grid(grid_of(worse, 1), "mnist")["wider"][1] is None
    table = claims.differences(grid_of(worse)).set_index("configuration")
    assert table.loc["label smoothing", "difference"] == pytest.approx(-0.15)


def test_a_grid_trains_every_configuration(digits):
    few = replace(digits, x_train=digits.x_train[:64], y_train=digits.y_train[:64])
    table = study.grid(few, (0,), 64, 1, 60)
    assert set(table["configuration"]) == set(study.CONFIGURATIONS)
    assert (table.groupby("configuration").size() == 2 * len(study.KEYS) + 1).all()
    knn = table.query("measure == 'kNN'").pivot(
        index="configuration", columns=["condition", "layer"], values="value"
    )
    assert knn["pixels", "input"].nunique() == 1


def test_every_claim_is_judged(network, points, digits, measured, published):
    plane = study.in_the_plane(points, network)
    found = outliers.describe(network, points[0, "tsne", ("trained", "layer3")])
    judged = claims.judged(
        plane,
        published,
        mlp_claims.changes([study.replicate(network, N)]),
        measured,
        filters.correlations(measured),
        filters.joined_pairs(network, N),
        {digits.name: outliers.against_random(found, 99)} if found["outlier"].any() else {},
        grid_of(grid_values(), 1).assign(dataset="digits"),
    )
    sources_own = {claim for own in claims.NUMBERS.values() for claim in own}
    assert judged["umap-same", "digits"][1] is None
    assert {claim for claim, _ in judged} | sources_own == set(report.claims("07")["id"])


def test_published_rows_are_judged_by_the_spread_of_seeds(published):
    own = published[(published["dataset"] == "mnist") & (published["condition"] == "trained")]
    own = own[own["method"] == "tsne"]
    theirs = own.set_index(["layer", "measure"])["value"]
    rows = own[(own["part"] == "whole") & own["measure"].isin(claims.BETTER)]
    plane = pd.concat([rows.assign(seed=s, value=rows["value"] + s / 100) for s in (-1, 0, 1)])
    assert claims.further_seed(plane, theirs)["inside"].all()
    shifted = plane.assign(value=plane["value"] + 0.5)
    assert not claims.further_seed(shifted, theirs)["inside"].any()
    assert claims._numbers(plane, published, "digits") == {}


def test_umap_of_the_pixels_is_judged_by_the_range_of_the_sources_two_runs(published):
    own = published.query("dataset == 'mnist' and condition == 'untrained' and part == 'whole'")
    rows = own[own["measure"].isin(claims.BETTER) & (own["layer"] == "input")]
    last = published.query("dataset == 'mnist' and condition == 'trained' and layer == 'layer3'")
    last = last[last["measure"].isin(claims.BETTER)]
    plane = pd.concat([rows, *(last.assign(seed=s) for s in range(3))])
    found = claims._numbers(plane, published, "mnist")
    assert set(found) == {claim for own in claims.NUMBERS.values() for claim in own}
    assert found["umap-pixels"][1] is True and found["pixels"][1] is True
    between = plane.assign(value=plane["value"] - 0.009 * (plane["measure"] == "acc_knn"))
    found = claims._numbers(between, published, "mnist")
    assert found["umap-pixels"][1] is True and found["pixels"][1] == "mixed"


def test_umap_is_asked_for_the_same_directions(published):
    umap = claims.by_layer(published, "umap")
    assert claims._by_umap(umap, "mnist")["umap-same"][1] is True
    swapped = {"trained": "untrained", "untrained": "trained"}
    turned = umap.assign(condition=umap["condition"].map(swapped))
    assert claims._by_umap(turned, "mnist")["umap-same"][1] is False


def test_silent_filters_are_in_no_mean_and_drawn_apart(published):
    plane = published.assign(seed=0, live=True)
    quiet = (plane["layer"] == "layer1") & (plane["part"] == "filter 3")
    plane["live"] = ~quiet
    keys = ["dataset", "condition", "layer", "measure"]
    mean = claims.by_layer(plane).set_index(keys)["value"]["mnist", "trained", "layer1", "acc_knn"]
    assert mean == pytest.approx(np.mean([0.9340, 0.9472, 0.9214]))
    apart = claims.silent(plane)
    assert len(apart) == quiet[plane["measure"].isin(claims.BY_FILTER)].sum() > 0


def test_the_last_layers_of_cnn_and_mlp_are_compared_by_seed():
    rows = [("MNIST", "trained", seed, "layer3", network, 0.9 + seed / 100 + gap)
            for seed in range(3) for network, gap in (("CNN", 0.01), ("MLP", 0))]  # fmt: skip
    columns = ["data set", "condition", "seed", "layer", "network", "value"]
    beside = pd.DataFrame(rows, columns=columns)
    row = study.less_mlp(beside).loc["MNIST", "trained"]
    assert row.tolist() == pytest.approx([0.01] * 3)
    assert study.less_mlp(beside.query("network == 'CNN'")).empty
