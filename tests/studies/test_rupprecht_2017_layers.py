import keras
import numpy as np
import pandas as pd
import pytest

from helpers import data, layers, models
from helpers.metrics import similarity
from helpers.studies import rupprecht_2017_layers as study


@pytest.fixture(scope="module")
def found():
    """Five layers of 30 images, each a noisy copy of the one before."""
    rng = np.random.default_rng(0)
    x, arrays = rng.normal(size=(30, 40)), {}
    for name in "abcde":
        arrays[name] = x.copy()
        x += 0.7 * rng.normal(size=x.shape)
    return similarity.matrices([(slice(0, 30), arrays)], 30)


def test_every_measure_compares_all_layers_with_and_without_resampling(found):
    weights = np.ones((3, 30))
    draws = study.compare(found, "abcde", weights)
    for measure, matrix in study.compare(found, "abcde").items():
        assert matrix.shape == (5, 5)
        np.testing.assert_allclose(draws[measure], np.tile(matrix, (3, 1, 1)), atol=1e-9)
    assert tuple(draws) == study.MEASURES


def test_similarity_to_one_layer_is_a_column_of_the_matrix(found):
    matrices = study.compare(found, "abcde")
    for measure, values in study.similarity_to(found, "abc", "e").items():
        np.testing.assert_allclose(values, matrices[measure][:3, 4])


def test_drops_and_trend_of_a_chain_of_layers(found):
    matrix = study.compare(found, "abcde")["debiased CKA"]
    np.testing.assert_allclose(study.drops(matrix), 1 - matrix[range(4), range(1, 5)])
    assert study.distance_trend(matrix) < -0.8
    apart = np.abs(np.subtract.outer(np.arange(6), np.arange(6)))
    np.testing.assert_allclose(study.distance_trend([1 - apart / 6, apart]), [-1, 1])


def test_intervals_of_every_layer():
    draws = {"m": np.arange(1001)[:, None] / 1000 * [1, 2]}
    table = study.tabulate({"m": np.array([0.5, 1.0])}, draws, ["a", "b"])
    np.testing.assert_allclose(
        table[["value", "low", "high"]], [[0.5, 0.025, 0.975], [1, 0.05, 1.95]]
    )
    assert list(table["depth"]) == [0, 1]


def test_curves_are_drops_and_similarities_to_both_ends(found):
    matrices = study.compare(found, "abcde")
    draws = study.compare(found, "abcde", similarity.resample(30, 20))
    table = study.curves(matrices, draws, list("abcde")).set_index(["statistic", "measure"])
    matrix = matrices["unit-centred r"]
    for statistic, expected in {
        "drop": np.r_[np.nan, study.drops(matrix)],
        "to the input": matrix[0],
        "to the output": matrix[-1],
    }.items():
        rows = table.loc[(statistic, "unit-centred r")]
        np.testing.assert_allclose(rows["value"], expected)
        assert list(rows["layer"]) == list("abcde")
    long = study.in_long_form(matrices, "abcde").set_index(["measure", "layer", "other"])["value"]
    assert long["unit-centred r", "b", "d"] == matrix[1, 3] and len(long) == 75


def test_claims_in_words_and_their_intervals():
    draws = {"r": np.linspace(0.5, 2.5, 1001), "CKA": np.linspace(-1, 1, 1001)}
    assert study.holds(draws) == [True, False] and study.holds(draws, 0.6) == [False, False]
    assert study.told(draws) == "r 1.50 (0.55 … 2.45); CKA 0.00 (-0.95 … 0.95)"
    assert study.told({"r": 0.986}) == "r 99%"


@pytest.mark.parametrize(
    ("holds", "expected"), [([True] * 3, True), ([True, False], "mixed"), ([False] * 2, False)]
)
def test_a_claim_holds_by_all_measures_or_by_some(holds, expected):
    assert study.verdict(holds) == expected


def chain(*steps):
    """Return draws of a chain of layers whose similarity to the layer before is 1 - step."""
    place = np.cumsum([0, *steps])
    similar = np.exp(-np.abs(np.subtract.outer(place, place)))
    similar[range(len(steps)), range(1, len(place))] = 1 - np.array(steps)
    return dict.fromkeys(study.MEASURES, np.tile(similar, (20, 1, 1)))


def test_claims_about_depth_can_hold_and_differ():
    names, at = list("abcdefg"), ("b", "c", "e")
    judged = study.about_depth(chain(0.7, 0.3, 0.1, 0.1, 0.4, 0.8), names, *at)
    assert {claim: holds for claim, (_, holds) in judged.items()} == {
        "neighbours": True, "plateau": True, "again": True, "input-lost": True, "last-drop": True,
    }  # fmt: skip
    assert judged["neighbours"][0].startswith("−ρ: second-order r 0.")
    judged = study.about_depth(chain(0.1, 0.1, 0.3, 0.3, 0.1, 0.2), names, *at)
    assert {claim: holds for claim, (_, holds) in judged.items()} == {
        "neighbours": True, "plateau": False, "again": False, "input-lost": False,
        "last-drop": False,
    }  # fmt: skip


def test_claims_about_depth_are_mixed_where_one_measure_disagrees():
    draws = chain(0.7, 0.3, 0.1, 0.1, 0.4, 0.8)
    draws["debiased CKA"] = chain(0.7, 0.3, 0.1, 0.1, 0.4, 0.6)["debiased CKA"]
    ours, holds = study.about_depth(draws, list("abcdefg"), "b", "c", "e")["last-drop"]
    assert holds == "mixed"
    assert ours == "second-order r 100%; unit-centred r 100%; debiased CKA 0%"


def test_a_branch_is_least_similar_in_nearly_all_resamples_or_it_is_not():
    lowest = [0.98, 0.99, 0.97, 0.02, 0.01, 0.03]
    table = pd.DataFrame({"measure": study.MEASURES * 2, "lowest": lowest, "module": "m"})
    table["branch"], table["to"] = ["5x5"] * 3 + ["1x1"] * 3, "output"
    ours = "second-order r 98%; unit-centred r 99%; debiased CKA 97%"
    assert study.about_branches(table) == {("5x5-output", "m"): (ours, "mixed")}


@pytest.mark.parametrize(
    ("lost", "expected"),
    [
        ([0.1, 0.2, 0.3, 0.8], (False, False)),
        ([0.6, 0.1, 0.7, 0.8], (True, True)),
        ([0.25, 0.125, 0.375, 0.5], ("mixed", "mixed")),
    ],
)
def test_explanations_of_the_last_drop_are_judged_by_their_share(lost, expected):
    after = ["random units", "random projection", "logits", "output"]
    draws = dict.fromkeys(study.MEASURES, np.tile(lost, (21, 1)))
    judged = study.about_last_drop(draws, after)
    assert (judged["fewer-units"][1], judged["last-layer"][1]) == expected


def test_the_tightest_runs_are_the_groups():
    rng = np.random.default_rng(0)
    groups = rng.permutation(np.repeat([0, 1, 2, 3], 5))
    noise = np.array([0.1, 0.4, 3, 3])[groups][:, None]
    x = rng.normal(size=(4, 60))[groups] + noise * rng.normal(size=(20, 60))
    correlation = np.corrcoef(x)
    runs = study.tightest(correlation, similarity.cluster_order(correlation), size=5, count=2)
    assert [set(groups[run]) for run in runs] == [{0}, {1}]
    assert len(study.tightest(correlation, np.arange(20), size=8, count=9)) <= 2


def test_a_branch_unlike_the_others_is_found():
    matrix = np.full((5, 5), 0.6)
    matrix[2] = matrix[:, 2] = 0.3
    matrix[4, :4] = matrix[:4, 4] = [0.1, 0.2, 0.3, 0.4]
    np.fill_diagonal(matrix, 1)
    among, output = study.branch_similarity(matrix)
    np.testing.assert_allclose(among, [0.5, 0.5, 0.3, 0.5])
    np.testing.assert_allclose(output, [0.1, 0.2, 0.3, 0.4])


def test_branches_are_compared_by_every_measure(found):
    modules = {"first": {"x": "a", "y": "b", "far": "e"}}
    table = study.compare_branches(found, modules, "d", similarity.resample(30, 50))
    assert len(table) == 3 * 2 * 3
    assert (table["low"] <= table["high"]).all()
    shares = table.groupby(["measure", "to"])["lowest"].sum()
    np.testing.assert_allclose(shares, 1)
    lowest = table.sort_values("value").groupby(["measure", "to"])["branch"].first()
    assert set(lowest[:, "neighbours"]) == {"far"} and set(lowest[:, "output"]) == {"x"}


def test_what_is_lost_to_a_copy_and_to_noise():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(25, 30))
    after = {"copy": [2 * x], "noise": [rng.normal(size=x.shape) for _ in range(4)]}
    lost = study.drops_behind(x, after, similarity.resample(25, 20))
    for measure in study.MEASURES:
        assert lost[measure].shape == (21, 2)
        np.testing.assert_allclose(lost[measure][:, 0], 0, atol=1e-5)
        assert 0.7 < lost[measure][0, 1] < 1.3


@pytest.fixture(scope="module")
def network():
    return models.mini_inception()


@pytest.fixture(scope="module")
def digits():
    return data.digits(30)


@pytest.fixture(scope="module")
def means(network, digits):
    modules = ["mixed0", "mixed1", "mixed2", "mixed3"]
    seen = layers.accumulate(network, digits, modules, {"averages": study.Averages}, progress=False)
    return {module: each["averages"].units for module, each in seen.items()}


@pytest.fixture(scope="module")
def answers(network, digits, means):
    classes = digits.category.astype(int)
    return study.without_branches(network, digits, classes, means, batch_size=7)


def test_averages_over_images_and_over_places(network, digits):
    seen = layers.accumulate(
        network, digits, "mixed0", {"averages": study.Averages}, progress=False
    )
    x = layers.activations(network, digits, "mixed0", progress=False)["mixed0"]
    averages = seen["mixed0"]["averages"]
    np.testing.assert_allclose(averages.units, x.mean(axis=0), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(averages.channels, x.mean(axis=(1, 2)), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("module", "branch", "filled"),
    [("nothing",) * 3, ("mixed1", "5x5", "zeros"), ("mixed3", "pool", "means"),
     ("all", "3x3", "means"), ("all", "1x1", "zeros")],
)  # fmt: skip
def test_a_variant_is_the_network_with_that_branch_replaced(
    network, digits, means, answers, module, branch, filled
):
    """Against a copy of the network in which a layer behind the concatenation replaces it."""
    assert len(answers) == (1 + 8 * 5) * 30

    def replaced(config):
        name = config["name"]
        ends = layers.branches(network, name)
        sizes = [network.get_layer(end).output.shape[-1] for end in ends.values()]
        own = np.repeat(np.array(list(ends)) == branch, sizes).astype(np.float32)
        instead = own * (means[name] if filled == "means" else 0)

        class Joint(keras.layers.Concatenate):
            def call(self, inputs):
                return super().call(inputs) * (1 - own) + instead

        return Joint(name=name)

    chosen = {"nothing": [], "all": list(means)}.get(module, [module])

    def clone(layer):
        config = layer.get_config()
        return replaced(config) if layer.name in chosen else type(layer).from_config(config)

    twin = keras.models.clone_model(network, clone_function=clone)
    twin.set_weights(network.get_weights())
    twin.card = network.card
    found = layers.activations(twin, digits, "predictions", progress=False)["predictions"]
    rows = answers.query("module == @module and branch == @branch and filled == @filled")
    classes = digits.category.astype(int)
    np.testing.assert_array_equal(rows["correct"], found.argmax(axis=1) == classes)
    assert list(rows["image"]) == list(digits.names)


def test_without_a_branch_everywhere_the_network_is_worse(answers):
    share = answers.groupby(["module", "filled"])["correct"].mean()
    assert share["nothing", "nothing"] > 0.9 > share["all", "zeros"]


def test_worth_is_the_accuracy_lost_image_by_image():
    nothing = {"module": "nothing", "branch": "nothing", "filled": "nothing"}
    without = {"module": "m", "branch": "5x5", "filled": "means"}
    answers = pd.concat(
        [
            pd.DataFrame({**nothing, "correct": [True, True, True, False] * 3}),
            pd.DataFrame({**without, "correct": [True, False, False, False] * 3}),
        ]
    )
    table = study.worth(answers)
    np.testing.assert_allclose(table["top_1"], [0.75, 0.25])
    np.testing.assert_allclose(table["loss"], [0, 0.5])
    assert table["loss_low"][1] >= 0 and table["loss_high"][0] == 0


def test_one_pass_gives_what_two_would(network, digits):
    found, averages = study.one_pass(network, digits, ["input", "mixed0"])
    x = layers.activations(network, digits, "mixed0", progress=False)["mixed0"]
    np.testing.assert_allclose(
        found["mixed0"].correlation, np.corrcoef(x.reshape(30, -1)), atol=1e-5
    )
    np.testing.assert_allclose(averages["mixed0"].units, x.mean(axis=0), rtol=1e-4, atol=1e-6)


def test_ranks_within_modules_know_nothing_of_the_modules_level():
    table = pd.DataFrame({"module": ["a"] * 3 + ["b"] * 3, "x": [1, 2, 3, 30, 10, 20]})
    table["branch"] = ["1x1", "3x3", "5x5"] * 2
    np.testing.assert_array_equal(study.ranks_within(table, "x"), [[-1, 0, 1], [1, -1, 0]])


def test_branches_are_exchanged_within_their_modules_only():
    """With two branches, each module keeps or swaps them: 2 of 2^10 ways are as extreme."""
    x = np.tile([-0.5, 0.5], (10, 1))
    found = study.within_modules(x, x)
    assert found.r == pytest.approx(1) and found.low == pytest.approx(1)
    assert 0.0005 < found.p < 0.005  # 2 / 1024, not 1 of all ways to deal out 20 ranks
    assert found.null == pytest.approx(0.6)  # |sum of ten signs| / 10
    few = study.within_modules(x[:4], x[:4])
    assert few.r == pytest.approx(1) and np.isnan([few.low, few.high]).all()
    assert few.p == pytest.approx(2 / 16, abs=0.02)


def test_rankings_without_relation_are_not_told_from_chance():
    x, y = np.random.default_rng(0).permuted(np.tile([-1.5, -0.5, 0.5, 1.5], (2, 12, 1)), axis=2)
    found = study.within_modules(x, y)
    assert found.r == pytest.approx(np.corrcoef(x.ravel(), y.ravel())[0, 1])
    assert found.low < 0 < found.high and found.p > 0.05 and abs(found.r) < found.null


def test_averages_of_parts_join_to_those_of_all():
    x = np.random.default_rng(0).random((7, 3, 3, 2)).astype(np.float32)
    whole, one, two = (study.Averages() for _ in range(3))
    whole.update(x)
    one.update(x[:3])
    two.update(x[3:])
    one.merge(two)
    np.testing.assert_allclose(one.units, whole.units, rtol=1e-6)
    np.testing.assert_array_equal(one.channels, whole.channels)
