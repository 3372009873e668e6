import keras
import numpy as np
import pandas as pd
import pytest

from helpers import layers, report
from helpers.data import ImageSet
from helpers.metrics import intervals, sparsity
from helpers.metrics.intervals import Drop, Estimate, RSquared
from helpers.models import Card
from helpers.studies.liu_2020 import claims, controls, correlations, difficulty, tables


def image_set(per_category=4):
    labels = np.repeat(list("abcd"), per_category)
    pixels = np.random.default_rng(0).integers(0, 256, (len(labels), 6, 6, 3), dtype=np.uint8)
    names = np.arange(len(labels)).astype(str)
    return ImageSet("made", "made", "none", names, labels, pixels=pixels)


@pytest.fixture(scope="module")
def model():
    inputs = keras.Input((6, 6, 3), name="input")
    x = inputs
    for i in range(3):
        start = keras.initializers.RandomNormal(stddev=0.3, seed=i)
        x = keras.layers.Conv2D(
            5, 2, activation="relu", kernel_initializer=start, bias_initializer=start, name=f"c{i}"
        )(x)
    made = keras.Model(inputs, x)
    made.card = Card("made", "random", lambda image: keras.ops.cast(image, "float32") / 255)
    return made


@pytest.fixture(scope="module")
def table(model):
    own = tables.psi(layers.category_responses(model, image_set(), ["c?"], progress=False))
    return controls.psi_of_twins(model, image_set(), own, seeds=range(2), bias_seeds=range(1))


def test_every_twin_is_measured_beside_the_intact_network(model, table):
    kinds = table.drop_duplicates(["condition", "seed"])[["condition", "seed"]]
    assert list(kinds.itertuples(index=False, name=None)) == [
        ("intact", 0),
        ("weights permuted", 0),
        ("weights permuted", 1),
        ("biases permuted", 0),
        ("no ReLU", 0),
    ]
    assert set(table["network"]) == {"made"} and set(table["measure"]) == {"psi"}
    alone = tables.psi(layers.category_responses(model, image_set(), ["c?"], progress=False))
    intact = table.query("condition == 'intact'")["value"].to_numpy()
    np.testing.assert_allclose(intact, alone.query("measure == 'psi'")["value"])
    by_twin = [rows["value"].to_numpy() for _, rows in table.groupby(["condition", "seed"])]
    assert len({tuple(values.round(6)) for values in by_twin}) == 5


def test_a_summary_says_what_the_parts_say(table):
    shares = {"made": np.array([0.1, 0.4, 0.8, 0.5])}
    found = controls.summary(table, shares).loc[("made", "no ReLU", 0)]
    rows = table.query("condition == 'no ReLU'")
    assert found["tau"] == intervals.depth_trend(tables.matrix(rows))
    deepest = rows.query("layer == 'c2'")["value"]
    assert found["r"] == pytest.approx(np.corrcoef(deepest, shares["made"])[0, 1])
    assert found["dead"] == rows.drop_duplicates("layer")["dead"].sum() / 15


def test_checks_of_difficulty(model):
    images = image_set()
    halves = {"even": np.arange(16) % 2 == 0, "odd": np.arange(16) % 2 == 1}
    seen = {"made": layers.category_responses(model, images, ["c?"], "c2", halves, progress=False)}
    psi = tables.psi(seen["made"]).query("measure == 'psi'")
    share, control = np.array([0.2, 0.9, 0.5, 0.4]), np.array([1.0, 3.0, 2.0, 5.0])
    fixed = difficulty.partial_correlations(psi, {"made": share}, {"x": {"made": control}})
    last = tables.matrix(psi)[:, 2]
    found = fixed.query("layer == 'c2'").set_index("check")["r"]
    assert found["plain"] == pytest.approx(np.corrcoef(last, share)[0, 1])
    assert found["x"] == pytest.approx(intervals.partial_correlation(last, share, control))

    correct = {"made": np.random.default_rng(0).uniform(size=16) < 0.5}
    crossed = difficulty.across_halves(seen, correct, halves).query("layer == 'c2'")
    expected = []
    for ours, theirs in (("even", "odd"), ("odd", "even")):
        half = tables.matrix(tables.psi(seen["made"], ours).query("measure == 'psi'"))
        share = [correct["made"][halves[theirs] & (images.category == c)].mean() for c in "abcd"]
        expected.append(np.corrcoef(half[:, 2], share)[0, 1])
    other = crossed.set_index("check").loc["other images", "r"]
    assert other == pytest.approx(np.mean(expected))
    stable = difficulty.stability(seen["made"], halves)
    assert stable.index.tolist() == ["c0", "c1", "c2"] and stable.between(-1, 1).all()


def test_layers_are_correlated_one_by_one():
    share = np.array([0.1, 0.5, 0.9, 0.4])
    rows = [
        ("n", layer, depth, v) for depth, layer in enumerate("xy") for v in share * (1 - 2 * depth)
    ]
    table = pd.DataFrame(rows, columns=["network", "layer", "depth", "value"])
    found = correlations.with_accuracy(table, {"n": share})
    assert found["layer"].tolist() == ["x", "y"]
    np.testing.assert_allclose(found["r"], [1, -1])
    swapped = table.assign(category=list("badc") * 2)
    with pytest.raises(ValueError, match="not sorted"):
        correlations.with_accuracy(swapped, {"n": share})
    with pytest.raises(ValueError, match="one length"):
        correlations.with_accuracy(table, {"n": share[:3]})


def made_up(values, null=0.2, width=0.1):
    r = np.array(values)
    return pd.DataFrame({"r": r, "low": r - width, "high": r + width, "null": null})


def verdicts_of(found):
    return [holds if holds is None else bool(holds) for _, holds, *_ in found.values()]


def test_every_claim_is_judged_on_every_network():
    twins = pd.MultiIndex.from_product([["n"], ["intact", "weights permuted", "no ReLU"], [0]])
    summary = pd.DataFrame({"tau": [0.4, 0.0, 0.0], "r": [0.4, 0.0, 0.0]}, twins)
    found = claims.about_depth("n", Estimate(0.4, 0.3, 0.5), [Drop(1, 0)], list("abcd"))
    strong = Estimate(1, 0.5, 1)
    r2 = RSquared(0.5, 0.4)
    found |= claims.about_accuracy("n", made_up([0.1]), strong, r2, np.ones(4))
    found |= claims.about_twins("n", summary, null=0.2)
    assert list(found) == [(claim, "n") for claim in report.claims("04")["id"]]


def test_claims_about_depth():
    rising = claims.about_depth("n", Estimate(0.4, 0.3, 0.5), [Drop(1, 0)], list("abcd"))
    assert verdicts_of(rising) == [True, True]
    falling = claims.about_depth("n", Estimate(-0.4, -0.5, 0.1), [Drop(3, 0)], list("abcd"))
    assert verdicts_of(falling) == [False, False]


def test_claims_about_accuracy_are_open_at_the_ceiling():
    share = np.array([0.2, 0.5, 1.0, 0.9])
    strong = made_up([0.0, 0.1, 0.4, 0.7])
    found = claims.about_accuracy("n", strong, Estimate(1, 0.5, 1), RSquared(0.5, 0.45), share)
    assert verdicts_of(found) == [True] * 4
    none = made_up([0.0, 0.1, 0.0, 0.05])
    found = claims.about_accuracy("n", none, Estimate(0, -0.5, 1), RSquared(0.1, 0.0), share)
    assert verdicts_of(found) == [False] * 4
    found = claims.about_accuracy("n", none, Estimate(0, -0.5, 1), RSquared(0.1, 0.0), np.ones(4))
    assert verdicts_of(found) == [None] * 4
    assert {why for _, _, why in found.values()} == {"100% of the categories are at 100 %"}


def test_claims_about_twins():
    index = pd.MultiIndex.from_tuples(
        [("n", "intact", 0), ("n", "weights permuted", 0), ("n", "weights permuted", 1),
         ("n", "no ReLU", 0)],
        names=["network", "condition", "seed"],
    )  # fmt: skip
    summary = pd.DataFrame({"tau": [0.4, -0.1, 0.0, 0.2], "r": [0.1, 0.0, 0.1, 0.0]}, index)
    found = claims.about_twins("n", summary, null=0.2)
    assert verdicts_of(found) == [True, None, False, None]


def test_the_table_holds_what_sparsity_says(model):
    images = image_set(3)
    seen = layers.category_responses(model, images, ["c0", "c1"], progress=False)
    seen.means["all"]["c0"][:, 1] = 0.5
    table = tables.psi(seen)
    first = table[table["layer"] == "c0"]
    responses = seen.means["all"]["c0"]
    constant = (np.ptp(responses, axis=0) == 0).sum()
    assert set(first["dead"]) == {constant} and set(first["units"]) == {5} and constant
    expected = {
        "psi": sparsity.psi(sparsity.normalise_responses(responses)),
        "psi, raw": sparsity.psi(responses),
        "gini, raw": sparsity.gini(responses, axis=1),
    }
    for measure, values in expected.items():
        np.testing.assert_allclose(first.loc[first["measure"] == measure, "value"], values)
    psi = table.query("measure == 'psi'")
    np.testing.assert_allclose(tables.matrix(psi)[:, 0], expected["psi"])


def test_negative_responses_leave_out_what_needs_none(model):
    images = image_set(2)
    seen = layers.category_responses(model, images, ["c0"], progress=False)
    seen.means["all"]["c0"][0, 0] = -1
    assert "psi, raw" not in set(tables.psi(seen)["measure"])


def test_variance_within_is_the_distance_to_the_mean():
    rng = np.random.default_rng(0)
    vectors, labels = rng.normal(size=(6, 3)), np.array(list("aabbbb"))
    a = vectors[:2] - vectors[:2].mean(axis=0)
    found = difficulty.variance_within(vectors, labels)
    assert found[0] == pytest.approx((a**2).sum() / 2)
    assert difficulty.variance_within(np.ones((4, 2)), list("aabb")).tolist() == [0, 0]


def test_small_pixels_are_averages_of_the_image():
    images = image_set(1)
    images.pixels[0] = 51
    small = difficulty.small_pixels(images, side=2)
    assert small.shape == (4, 12)
    np.testing.assert_allclose(small[0], 0.2, rtol=1e-6)
    assert small.min() >= 0 and small.max() <= 1
