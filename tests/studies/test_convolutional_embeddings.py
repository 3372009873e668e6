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
    return study.embed([network], N, STEPS, processes=1)


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
    table = study.in_the_plane(points, digits.y_train[:N], digits.name)
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
    ranks = np.arange(1, len(values) + 1)
    gini = 2 * (ranks * np.sort(values)).sum() / (len(values) * values.sum())
    assert row["gini"] == pytest.approx(gini - (len(values) + 1) / len(values), abs=1e-5)


def test_correlations_ignore_differences_between_networks():
    rng = np.random.default_rng(0)
    rows = []
    for seed in range(3):
        x = rng.normal(size=16)
        own = {"gini": x + 10 * seed, "class_sparseness": rng.normal(size=16), "kNN": x - 50 * seed}
        rows.append(pd.DataFrame(own).assign(seed=seed, dead=False))
    table = pd.concat(rows).assign(dataset="mnist", condition="trained", layer="layer2")
    found = filters.correlations(table).set_index("sparseness")
    assert found.loc["gini", "rho"] == pytest.approx(1)
    assert abs(found.loc["class_sparseness", "rho"]) < 0.4
    assert (found["filters"] == 48).all()
    dead = table.assign(dead=(table["seed"] == 2) & (table.index >= 2))
    assert (filters.correlations(dead)["filters"] == 32).all()


def test_a_pair_of_filters_is_compared_with_the_better_one(network):
    pairs = filters.joined_pairs(network, N, "layer1")
    live = filters.measure(network, N).query("layer == 'layer1' and not dead")
    knn = live.set_index(["condition", "filter"])["kNN"]
    row = pairs.iloc[0]
    own = knn[row["condition"]]
    assert row["better"] == max(own[row["first"]], own[row["second"]])


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
    found = outliers.describe(network, points)
    assert found["outlier"].tolist() == [True] + [False] * (N - 1)
    assert found["near"][0] == (labels[0] + 1) % 10
    kind = outliers.kinds(found, [network])
    assert kind[0] != "" and (kind[1:] == "").all()
    images, texts = outliers.as_images(digits, found, kind, 8)
    assert len(images) == 1 and texts == [f"{labels[0]} → {(labels[0] + 1) % 10}"]
    np.testing.assert_array_equal(images.pixels[0, ..., 0], 255 - digits.x_train[0])


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
    plane = study.in_the_plane(points, digits.y_train[:N], digits.name)
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
    sources_own = {"pixels", "row-layer3"}
    assert {claim for claim, _ in judged} | sources_own == set(report.claims("07")["id"])


def test_published_rows_are_judged_by_the_spread_of_seeds(published):
    own = published[(published["dataset"] == "mnist") & (published["condition"] == "trained")]
    theirs = own.set_index(["layer", "measure"])["value"]
    rows = own[(own["part"] == "whole") & own["measure"].isin(claims.BETTER)]
    plane = pd.concat([rows.assign(seed=s, value=rows["value"] + s / 100) for s in (-1, 0, 1)])
    assert claims.further_seed(plane, theirs)["inside"].all()
    shifted = plane.assign(value=plane["value"] + 0.5)
    assert not claims.further_seed(shifted, theirs)["inside"].any()
    assert claims._numbers(plane, published, "digits") == {}
