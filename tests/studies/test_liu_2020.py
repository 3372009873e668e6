import keras
import numpy as np
import pandas as pd
import pytest
from scipy import stats

from helpers import layers, models, report
from helpers.data import ImageSet
from helpers.metrics import intervals, sparsity
from helpers.metrics.intervals import Estimate, RSquared
from helpers.models import Card
from helpers.studies.liu_2020 import (
    claims,
    controls,
    correlations,
    difficulty,
    dips,
    scales,
    tables,
)

CATEGORIES = list("abcdefghij")


def image_set(per_category=2):
    labels = np.repeat(CATEGORIES, per_category)
    pixels = np.random.default_rng(0).integers(0, 256, (len(labels), 6, 6, 3), dtype=np.uint8)
    names = np.arange(len(labels)).astype(str)
    return ImageSet("made", "made", "none", names, labels, pixels=pixels)


@pytest.fixture(scope="module")
def model():
    x = inputs = keras.Input((6, 6, 3), name="input")
    for i in range(3):
        start = keras.initializers.RandomNormal(stddev=0.3, seed=i)
        x = keras.layers.Conv2D(
            5, 2, activation="relu", kernel_initializer=start, bias_initializer=start, name=f"c{i}"
        )(x)
    made = keras.Model(inputs, x)
    made.card = Card("made", "random", lambda image: keras.ops.cast(image, "float32") / 255)
    return made


@pytest.fixture(scope="module")
def responses(model):
    halves = {"even": np.arange(20) % 2 == 0, "odd": np.arange(20) % 2 == 1}
    return layers.category_responses(model, image_set(), ["c?"], "c2", halves, progress=False)


@pytest.fixture(scope="module")
def twins(model, responses):
    own = tables.psi(responses)
    own = own[own["measure"].isin(controls.MEASURES)].assign(condition="intact", seed=0)
    return pd.concat([own, controls.psi_of_twins(model, image_set(), ["c0", "c1", "c2"], 2, 1)])


def psi_of(responses, subset="all"):
    return tables.matrix(tables.psi(responses, subset=subset).query("measure == 'psi'"))


def test_every_twin_is_measured_beside_the_intact_network(twins):
    kinds = twins.drop_duplicates(["condition", "seed"])[["condition", "seed"]]
    assert list(kinds.itertuples(index=False, name=None)) == [
        ("intact", 0),
        ("weights permuted", 0),
        ("weights permuted", 1),
        ("biases permuted", 0),
        ("no ReLU", 0),
    ]
    assert set(twins["network"]) == {"made"} and set(twins["measure"]) == set(controls.MEASURES)
    psi = twins.query("measure == 'psi'")
    by_twin = [rows["value"].to_numpy() for _, rows in psi.groupby(["condition", "seed"])]
    assert len({tuple(values.round(6)) for values in by_twin}) == 5


def test_a_twin_measured_in_the_network_is_the_twin_itself(model, twins):
    alone = layers.category_responses(
        models.permute_weights(model, 1), image_set(), ["c?"], progress=False
    )
    found = twins.query("condition == 'weights permuted' and seed == 1 and measure == 'psi'")
    np.testing.assert_allclose(tables.matrix(found), psi_of(alone), rtol=1e-5)


def test_the_network_gets_its_weights_back(model, monkeypatch):
    own = model.get_weights()
    controls.psi_of_twins(model, image_set(), ["c2"], 1, 0)
    assert all(map(np.array_equal, model.get_weights(), own))
    monkeypatch.setattr(layers, "category_responses", None)
    with pytest.raises(TypeError):
        controls.psi_of_twins(model, image_set(), ["c2"], 1, 0)
    assert all(map(np.array_equal, model.get_weights(), own))


def test_what_twins_lose_is_the_difference_to_the_intact_network(twins, responses):
    share = np.linspace(0, 1, 10) ** 2
    found = controls.lost(twins.query("measure == 'psi'"), {"made": share}, repeats=20)
    found = found.set_index(["condition", "statistic"])
    assert ("intact", "tau lost") not in found.index
    whole = psi_of(responses)
    tau = intervals.depth_trend(whole)
    assert found.loc[("intact", "tau"), "value"] == pytest.approx(tau)
    assert found.loc[("no ReLU", "tau lost"), "value"] == pytest.approx(
        tau - found.loc[("no ReLU", "tau"), "value"]
    )
    seeds = controls.by_seed(twins.query("condition == 'weights permuted'"))
    sizes = [abs(np.corrcoef(seeds[:, s, -1], share)[0, 1]) for s in range(2)]
    expected = abs(np.corrcoef(whole[:, -1], share)[0, 1]) - np.mean(sizes)
    assert found.loc[("weights permuted", "r lost"), "value"] == pytest.approx(expected)
    assert (found["low"] <= found["value"]).all() and (found["value"] <= found["high"]).all()


def test_a_dead_twin_has_no_trend_and_no_correlation(twins):
    dead = twins.query("measure == 'psi'").assign(
        value=lambda t: t["value"].where(t["condition"] != "no ReLU", 0.0)
    )
    found = controls.lost(dead, {"made": np.linspace(0, 1, 10)}, repeats=10)
    left = found[(found["condition"] == "no ReLU") & found["statistic"].isin(["tau", "r"])]
    assert (left[["value", "low", "high"]] == 0).all(axis=None)


def test_twins_above_noise(twins):
    rows = twins.query("condition == 'weights permuted'")
    raised = rows.assign(value=rows["value"] + (rows["measure"] == "psi") * 1.0)
    assert (controls.above_noise(raised)["low"] > 0).all()
    lowered = rows.assign(value=rows["value"] - (rows["measure"] == "psi") * 1.0)
    assert (controls.above_noise(lowered)["high"] < 0).all()


def test_layers_are_correlated_one_by_one():
    share = np.array([0.1, 0.5, 0.9, 0.4, 0.2, 0.7, 0.3, 0.8, 0.6, 0.0])
    rows = [
        ("n", layer, depth, v) for depth, layer in enumerate("xy") for v in share * (1 - 2 * depth)
    ]
    table = pd.DataFrame(rows, columns=["network", "layer", "depth", "value"])
    found = correlations.with_accuracy(table, {"n": share})
    assert found["layer"].tolist() == ["x", "y"]
    np.testing.assert_allclose(found["value"], [1, -1])
    np.testing.assert_allclose(found["null_low"], -found["null_high"])
    swapped = table.assign(category=CATEGORIES[::-1] * 2)
    with pytest.raises(ValueError, match="not sorted"):
        correlations.with_accuracy(swapped, {"n": share})
    with pytest.raises(ValueError, match="one length"):
        correlations.with_accuracy(table, {"n": share[:3]})


def test_statistics_of_correlation_agree_with_their_textbook_forms():
    x, y, control, other = np.random.default_rng(0).normal(size=(4, 30)) + np.arange(30) / 9
    assert correlations.pearson(x, y) == pytest.approx(np.corrcoef(x, y)[0, 1])
    assert correlations.pearson(np.ones(30), y) == 0
    both = correlations.pearson(np.stack([x, control]), np.stack([y, y]))
    assert both[1] == pytest.approx(np.corrcoef(control, y)[0, 1])
    expected = intervals.partial_correlation(x, y, control)
    assert correlations.partial(x, y, control) == pytest.approx(expected)
    assert correlations.difference(x, y, control, other) == pytest.approx(
        np.corrcoef(x, y)[0, 1] - np.corrcoef(control, other)[0, 1]
    )
    r2 = intervals.r_squared(np.stack([x, control], axis=1), y).in_sample
    assert correlations.explained(np.stack([x, control], axis=1), y) == pytest.approx(r2)


def test_halves_are_crossed(responses):
    correct = np.random.default_rng(0).uniform(size=20) < 0.5
    found = correlations.across_halves(responses, correct).set_index("layer").loc["c2"]
    share = {half: correct[i::2].astype(float) for i, half in enumerate(("even", "odd"))}
    r = [
        np.corrcoef(psi_of(responses, ours)[:, 2], share[theirs])[0, 1]
        for ours, theirs in (("even", "odd"), ("odd", "even"))
    ]
    assert found["value"] == pytest.approx(np.mean(r))
    assert found["low"] <= found["value"] <= found["high"]
    stable = correlations.stability(responses)
    expected = np.corrcoef(psi_of(responses, "even")[:, 0], psi_of(responses, "odd")[:, 0])[0, 1]
    assert stable["c0"] == pytest.approx(expected)


def test_partial_correlations_by_layer(responses):
    psi = tables.psi(responses).query("measure == 'psi'")
    share, control = np.random.default_rng(1).uniform(size=(2, 10))
    found = correlations.partial_correlations(psi, {"made": share}, {"made": control})
    last = intervals.partial_correlation(tables.matrix(psi)[:, 2], share, control)
    assert found["value"].iloc[2] == pytest.approx(last)


def test_a_dip_is_what_the_early_layers_lie_below_the_first():
    values = np.tile([4.0, 2.0, 3.0, 1.0, 5.0, 6.0], (3, 1))  # the first half: 4, 2, 3
    assert dips.dip(values) == pytest.approx(2.5 - 4)
    assert dips.relative_dip(values) == pytest.approx(-1.5 / 4)
    assert dips.recovery(values) == pytest.approx(6 - 2.5)
    assert dips.difference(values, values + 1) == 0
    with pytest.raises(ValueError, match="at least 4 layers"):
        dips.dip(values[:, :3])


def test_change_from_the_first_layer(responses):
    table = tables.psi(responses)
    found = dips.relative(table, ["psi"]).set_index("layer")["value"]
    means = psi_of(responses).mean(axis=0)
    np.testing.assert_allclose(found, means / means[0] - 1)


def test_steps_of_a_path_sum_to_the_whole_change(responses):
    walk = dips.along_path(responses, ["c0", "c1", "c2"], channels=3)
    found = dips.steps(walk, ["pool", "expand"])
    assert list(found.index) == ["pool", "expand", "whole change"]
    values = tables.matrix(walk)
    assert found.loc["whole change", "value"] == pytest.approx((values[:, 2] - values[:, 0]).mean())
    parts = found.loc[["pool", "expand"], "value"].sum()
    assert parts == pytest.approx(found.loc["whole change", "value"])
    assert found.loc["whole change", "less_half"] == pytest.approx(parts / 2)


def test_a_network_at_its_own_size_is_itself(model):
    images = image_set(1)
    same = layers.category_responses(scales.at_size(model, 6), images, ["c2"], progress=False)
    own = layers.category_responses(model, images, ["c2"], progress=False)
    np.testing.assert_allclose(same.means["all"]["c2"], own.means["all"]["c2"], rtol=1e-5)
    large = scales.at_size(model, 12)
    assert large.input_shape == (None, 12, 12, 3) and large.card.title == "made at 12 pixels"
    assert large.get_layer("c2").output.shape[1:3] == (9, 9)


def estimates(**values):
    return {name: Estimate(v, v - 0.1, v + 0.1) for name, v in values.items()}


def frame(rows):
    return pd.DataFrame(rows, index=["value", "low", "high"]).T


def verdicts_of(found):
    return {claim: holds for (claim, _), (_, holds, *_) in found.items()}


def lost_table(left, gone, intact=0.4):
    rows = []
    for condition in ("weights permuted", "no ReLU"):
        for s in ("tau", "r"):
            rows += [("n", "intact", s, intact, intact - 0.1, intact + 0.1)]
            rows += [("n", condition, s, left, left - 0.1, left + 0.1)]
            rows += [("n", condition, f"{s} lost", gone, gone - 0.1, gone + 0.1)]
    columns = ["network", "condition", "statistic", "value", "low", "high"]
    return pd.DataFrame(rows, columns=columns).drop_duplicates(["condition", "statistic"])


def test_every_claim_is_judged():
    e = estimates(up=0.4, down=-0.4)
    r = pd.DataFrame({"value": [0.1, 0.4], "p_holm": [0.9, 0.01]})
    relative = frame({m: e["down"] for m in ("psi", "psi, equal channels", "psi, z-scores")})
    relative = relative.assign(gone=1.0, gone_low=0.8, gone_high=1.2)
    steps = pd.concat([frame({k: e["down"] for k in ("pool", "expand", "whole change")})] * 1)
    steps["less_half_high"] = -0.1
    found = claims.about_depth("n", e["up"], e["down"], e["up"]) | claims.about_dip("n", relative)
    r2 = RSquared(0.5, 0.4)
    found |= claims.about_accuracy("n", e["up"], e["up"], r, e["up"], r2, (0.4, 0.6))
    found |= claims.about_twins("n", lost_table(0.0, 0.4), pd.DataFrame({"low": [0.1]}))
    found |= claims.about_ladder("n", {"m": e["up"]}) | claims.about_steps("n", steps, e["up"])
    assert {claim for claim, _ in found} == set(report.claims("04")["id"])


def test_claims_about_depth():
    e = estimates(up=0.4, down=-0.4, flat=0.0)
    verdict = verdicts_of(claims.about_depth("n", e["up"], e["down"], e["up"]))
    assert verdict == {"rises": True, "dip": True}
    verdict = verdicts_of(claims.about_depth("n", e["flat"], e["down"], e["flat"]))
    assert verdict == {"rises": False, "dip": "mixed"}
    verdict = verdicts_of(claims.about_depth("n", e["flat"], e["flat"], e["up"]))
    assert verdict["dip"] is False


def test_claims_about_the_dips_explanation():
    def judged(whole, *gone):
        measures = ("psi", "psi, equal channels", "psi, z-scores")
        table = frame(dict.fromkeys(measures, Estimate(*whole)))
        table[["gone", "gone_low", "gone_high"]] = gone
        return set(verdicts_of(claims.about_dip("n", table)).values())

    dip = (-0.4, -0.5, -0.3)
    assert judged(dip, 1.0, 0.8, 1.2) == {True}
    assert judged(dip, 0.7, 0.6, 0.8) == {"mixed"}
    assert judged(dip, 0.2, 0.0, 0.4) == {False}
    assert judged(dip, 0.9, 0.4, 1.4) == {None}
    assert judged((-0.1, -0.3, 0.1), 1.0, 0.8, 1.2) == {None}


def test_a_noisy_curve_explains_no_dip():
    """Noise around the same dip leaves its share undecided; noise around no dip does not."""
    rng = np.random.default_rng(0)
    rows = []
    noise = {"psi": 0.02, "quiet": 0.02, "noisy": 2.0}
    for measure, depth in {"psi": 0.4, "quiet": 0.0, "noisy": 0.4}.items():
        for layer in range(8):
            level = 1 - depth * (1 <= layer < 4)
            values = level + noise[measure] * rng.normal(size=60)
            about = {"measure": measure, "depth": layer, "category": range(60)}
            rows.append(pd.DataFrame(about | {"value": values}))
    found = dips.by_measure(pd.concat(rows), ["psi", "quiet", "noisy"])
    assert found.loc["quiet", "gone"] == pytest.approx(1, abs=0.05)
    assert found.loc["quiet", "gone_low"] > 0.5
    assert found.loc["noisy", "gone_low"] < 0.5 < found.loc["noisy", "gone_high"]
    assert found.loc["psi", ["gone", "gone_low", "gone_high"]].isna().all()


def test_claims_about_accuracy():
    e = estimates(up=0.4, flat=0.0)
    r = pd.DataFrame({"value": [0.1, 0.1, 0.3, -0.4], "p_holm": [1, 1, 0.01, 0.01]})
    args = r, e["flat"], RSquared(0.2, 0.1), (0.1, 0.3)
    verdict = verdicts_of(claims.about_accuracy("n", e["up"], e["flat"], *args))
    expected = {"better": "mixed", "from-middle": False, "deeper-more": False, "half": False}
    assert verdict == expected
    r["value"] = 0.3
    args = r, e["up"], RSquared(0.5, 0.4), (0.4, 0.6)
    verdict = verdicts_of(claims.about_accuracy("n", e["up"], e["up"], *args))
    assert set(verdict.values()) == {True}


@pytest.mark.parametrize(
    ("left", "gone", "intact", "rise", "correlation"),
    [
        (0.0, 0.4, 0.4, True, True),
        (0.2, 0.3, 0.4, "mixed", "mixed"),
        (-0.3, 0.4, 0.4, True, "mixed"),  # a fall is no rise, but a reversed r is a correlation
        (0.3, 0.05, 0.4, False, False),
        (0.05, 0.05, 0.4, None, None),  # kept or lost: the data do not tell
        (0.0, 0.05, 0.05, None, None),
    ],
)
def test_claims_about_twins(left, gone, intact, rise, correlation):
    above = pd.DataFrame({"low": [0.1, 0.1, -0.1]})
    verdict = verdicts_of(claims.about_twins("n", lost_table(left, gone, intact), above))
    assert verdict["permuted-rise"] is verdict["no-relu-rise"] is rise or (
        verdict["permuted-rise"] == verdict["no-relu-rise"] == rise
    )
    assert verdict["permuted-accuracy"] == verdict["no-relu-accuracy"] == correlation
    assert verdict["moderate"] is True


def test_claims_about_the_ladder_and_the_steps():
    e = estimates(up=0.4, flat=0.0, down=-0.4)
    ladder = claims.about_ladder("n", {"a": e["up"], "b": e["flat"]})
    assert verdicts_of(ladder) == {"weaker": "mixed"}
    steps = frame({"pool": e["down"], "expand": e["flat"], "whole change": e["down"]})
    steps["less_half_high"] = [-0.1, 0.3, 0.0]
    verdict = verdicts_of(claims.about_steps("n", steps, e["flat"]))
    assert verdict == {"dip-pooling": True, "dip-expansion": False, "dip-field": False}
    steps.loc["whole change"] = [0, -0.1, 0.1, 0]
    assert verdicts_of(claims.about_steps("n", steps, e["up"]))["dip-pooling"] is None


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
        "psi, equal channels": sparsity.psi(sparsity.normalise_responses(responses)),
        "psi, independent": sparsity.psi_null(responses, repeats=1)[0],
        "gini, raw": sparsity.gini(responses, axis=1),
    }
    for measure, values in expected.items():
        np.testing.assert_allclose(first.loc[first["measure"] == measure, "value"], values)
    psi = table.query("measure == 'psi'")
    np.testing.assert_allclose(tables.matrix(psi)[:, 0], expected["psi"])
    only = tables.psi(seen, ["c1"])
    assert set(only["layer"]) == {"c1"} and set(only["depth"]) == {0}


def test_negative_responses_leave_out_what_needs_none(responses):
    means = {"all": {"c0": responses.means["all"]["c0"] - 1}}
    shifted = type(responses)("made", responses.categories, responses.labels, means, None)
    assert "gini, raw" not in set(tables.psi(shifted)["measure"])


def test_drawn_channels_take_width_away():
    noise = np.random.default_rng(0).standard_normal((50, 512))
    wide = sparsity.psi(sparsity.normalise_responses(noise)).mean()
    drawn = tables.psi_of_drawn(noise, 64, repeats=10).mean()
    assert wide == pytest.approx(0.10, abs=0.01) and drawn == pytest.approx(0.16, abs=0.01)


def test_weibull_shape_is_the_likeliest(responses):
    sample = np.random.default_rng(0).weibull(0.8, 2000)
    expected = stats.weibull_min.fit(sample, floc=0)[0]
    assert tables.weibull_shape(sample) == pytest.approx(expected, rel=1e-3)
    assert tables.weibull_shape(1e6 * sample) == pytest.approx(expected, rel=1e-3)
    assert tables.weibull_shape([*sample, 0, -1]) == pytest.approx(expected, rel=1e-3)
    with pytest.raises(ValueError, match="two different positive"):
        tables.weibull_shape([0, 1, 1])
    shapes = tables.weibull(responses).query("layer == 'c1' and category == 'd'")["value"].item()
    row = sparsity.normalise_responses(responses.means["all"]["c1"])[3]
    assert shapes == pytest.approx(tables.weibull_shape(row))


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
    assert small.shape == (10, 12)
    np.testing.assert_allclose(small[0], 0.2, rtol=1e-6)
    assert small.min() >= 0 and small.max() <= 1
