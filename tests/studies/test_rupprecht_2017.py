from functools import partial

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from helpers import data, layers, models
from helpers.metrics import intervals, similarity
from helpers.studies import rupprecht_2017 as study

LABELS = np.repeat(["a", "b", "c"], [5, 4, 3])


def photos(seed=0, signal=2.0):
    """Patterns (12, 400) of three groups: a layer without groups in it, and one with."""
    rng = np.random.default_rng(seed)
    shared = rng.normal(size=(3, 400))[np.unique(LABELS, return_inverse=True)[1]]
    return [each * shared + rng.normal(size=shared.shape) for each in (0.0, signal)]


@pytest.fixture
def maps():
    """Activations (9, 5, 6, 7) with loud channels, bright places and something in common."""
    rng = np.random.default_rng(3)
    common = rng.normal(size=(5, 6, 7)) + 2 * rng.normal(size=7) + rng.normal(size=(5, 6, 1))
    return np.maximum(rng.normal(size=(9, 5, 6, 7)) + common, 0).astype(np.float32)


def profiles_of(maps):
    profiles = study.Profiles()
    profiles.update(maps[:4])
    profiles.update(maps[4:])
    return profiles


def test_profiles_are_means_of_standardised_patterns(maps):
    z = stats.zscore(maps.reshape(9, -1).astype(float), axis=1).reshape(9, 30, 7)
    np.testing.assert_allclose(profiles_of(maps).channels, z.mean(axis=1), atol=1e-5)
    places = study.mean_product(z.mean(axis=2))[0]
    assert profiles_of(maps).places == pytest.approx(places, abs=1e-5)


def test_the_parts_of_the_mean_correlation_by_their_definition(maps):
    correlation = np.corrcoef(maps.reshape(9, -1))
    found = study.split(correlation, profiles_of(maps))
    z = stats.zscore(maps.reshape(9, -1).astype(float), axis=1).reshape(9, 30, 7)
    channels = np.broadcast_to(z.mean(axis=1, keepdims=True), z.shape)
    places = np.broadcast_to(z.mean(axis=2, keepdims=True), z.shape)
    pairs = np.triu_indices(9, 1)
    for part, value in (
        (z, found.total),
        (channels, found.channels),
        (places, found.places),
        (z - channels - places, found.rest),
    ):
        flat = part.reshape(9, -1)
        assert value == pytest.approx((flat @ flat.T / flat.shape[1])[pairs].mean(), abs=1e-5)
    assert found.total == pytest.approx(found.channels + found.places + found.rest)
    contributions = study.loud_channels(profiles_of(maps).channels)
    assert contributions.sum() == pytest.approx(found.channels)
    assert contributions.argmax() == np.square(z.mean(axis=(0, 1))).argmax()


def test_decorrelation_without_channels_is_near_that_of_centred_channels(maps):
    centred = maps - maps.mean(axis=(1, 2), keepdims=True)
    exact = similarity.decorrelation(np.corrcoef(centred.reshape(9, -1)))
    correlation = np.corrcoef(maps.reshape(9, -1))
    found = study.split(correlation, profiles_of(maps))
    assert found.decorrelation_without_channels == pytest.approx(exact, abs=0.01)
    assert abs(similarity.decorrelation(correlation) - exact) > 0.04


def test_mean_product_of_distinct_rows_and_of_rows_with_themselves():
    rows = np.random.default_rng(0).normal(size=(6, 5))
    products = rows @ rows.T / 5
    together, own = study.mean_product(rows)
    assert together == pytest.approx(products[np.triu_indices(6, 1)].mean())
    assert own == pytest.approx(np.diagonal(products).mean())


def test_shared_classes_are_counted():
    probabilities = np.array([[0.5, 0.3, 0.2, 0.0], [0.1, 0.6, 0.2, 0.1], [0.7, 0.0, 0.1, 0.2]])
    np.testing.assert_array_equal(
        study.shared_top(probabilities, 2), [[2, 1, 1], [1, 2, 0], [1, 0, 2]]
    )
    np.testing.assert_array_equal(
        study.shared_top(probabilities, 1), [[1, 0, 1], [0, 1, 0], [1, 0, 1]]
    )


def test_superiority_and_its_resamples_by_definition():
    stack = [np.corrcoef(x) for x in photos()]
    stack[0] = stack[0].round(1)  # ties
    like = LABELS[:, None] == LABELS

    def written_out(matrix, images):
        pairs = [(i, j) for k, i in enumerate(images) for j in images[k + 1 :] if i != j]
        inside = np.array([matrix[i, j] for i, j in pairs if like[i, j]])[:, None]
        outside = np.array([matrix[i, j] for i, j in pairs if not like[i, j]])
        return ((inside > outside) + (inside == outside) / 2).mean()

    np.testing.assert_allclose(
        study.superiority(stack, like), [written_out(matrix, range(12)) for matrix in stack]
    )
    weights = study.resample_within(LABELS, 3)
    for row, found in zip(weights, study.superiority(stack, like, weights), strict=True):
        images = np.repeat(np.arange(12), row.astype(int))
        np.testing.assert_allclose(found, [written_out(matrix, images) for matrix in stack])
    with pytest.raises(ValueError, match="not"):
        study.superiority(stack, np.ones((12, 12)))


def test_resamples_keep_the_size_of_every_group():
    weights = study.resample_within(LABELS, 50)
    for group, size in (("a", 5), ("b", 4), ("c", 3)):
        assert (weights[:, group == LABELS].sum(axis=1) == size).all()
    assert weights.std(axis=0).min() > 0


def test_mantel_finds_the_layer_with_groups_and_is_calibrated():
    like = LABELS[:, None] == LABELS
    p = study.mantel([np.corrcoef(x) for x in photos()], like, permutations=199)
    assert p[1] == 1 / 200 and p[0] > 0.02
    empty = [np.corrcoef(photos(seed)[0]) for seed in range(80)]
    by_chance = study.mantel(empty, like, permutations=99) <= 0.1
    assert 0.02 <= by_chance.mean() <= 0.22


def test_without_leaves_nothing_of_the_control_and_all_that_is_unrelated_to_it():
    noise, groups = (np.corrcoef(x) for x in photos())
    left = study.without([noise, groups], noise)
    np.testing.assert_allclose(left, np.swapaxes(left, 1, 2))
    np.testing.assert_allclose(left[0], 0, atol=1e-9)
    own, control = study.pairs_of(left[1]), stats.rankdata(study.pairs_of(noise))
    assert abs(np.corrcoef(own, control)[0, 1]) < 1e-9
    assert stats.spearmanr(own, study.pairs_of(groups)).statistic > 0.9


def test_random_directions_are_orthonormal():
    axes = study.random_directions(20, 8, seed=1)
    np.testing.assert_allclose(axes.T @ axes, np.eye(8), atol=1e-12)
    assert study.random_directions(5, 8).shape == (5, 5)


def test_places_are_vectors_of_the_layer():
    x = np.arange(2 * 3 * 3 * 4, dtype=np.float32).reshape(2, 3, 3, 4)
    seen = study.Places(places=5)
    seen.update(x)
    seen.update(x[:1])
    assert seen.vectors.shape == (3, 5, 4)
    for image, vectors in zip([0, 1, 0], seen.vectors, strict=True):
        rows = {tuple(row) for row in x[image].reshape(-1, 4)}
        found = {tuple(row) for row in vectors}
        assert found <= rows and len(found) == 5
    flat = study.Places(places=5)
    flat.update(np.ones((2, 7)))
    assert flat.vectors.shape == (2, 1, 7)


def test_a_sparse_code_is_aligned_and_a_round_cloud_is_not():
    rng = np.random.default_rng(0)
    sparse = rng.exponential(size=(60, 10, 64)) * (rng.random((60, 10, 64)) < 0.1)
    assert study.alignment(sparse).superiority > 0.99
    turned = sparse @ study.random_directions(64, 64, seed=9)
    for cloud in (turned, rng.normal(size=sparse.shape)):
        assert 0.3 < study.alignment(cloud).superiority < 0.7


def test_kurtosis_and_that_of_samples_by_definition():
    rng = np.random.default_rng(1)
    vectors = 5 + rng.exponential(size=(12, 6, 4))
    vectors[..., 2] = 0
    active = [0, 1, 3]
    found = study.alignment(vectors)
    expected = stats.kurtosis(vectors.reshape(-1, 4)[:, active])
    np.testing.assert_allclose(found.units[active], expected)
    assert np.isnan(found.units[2]) and np.isfinite(found.superiority)
    weights = similarity.resample(12, 3)
    for row, units in zip(weights, study.alignment(vectors, weights=weights).units, strict=True):
        drawn = vectors[np.repeat(np.arange(12), row.astype(int))].reshape(-1, 4)
        np.testing.assert_allclose(units[active], stats.kurtosis(drawn[:, active]))


def test_groups_are_left_out_once_each():
    weights = study.leave_out(23, groups=5)
    assert (weights[0] == 1).all()
    np.testing.assert_array_equal((1 - weights[1:]).sum(axis=0), np.ones(23))
    assert set((1 - weights[1:]).sum(axis=1)) == {4, 5}


def test_the_jackknife_of_a_mean_is_its_t_interval_and_lies_around_the_estimate():
    values = np.random.default_rng(0).exponential(size=40)
    weights = study.leave_out(40, groups=40)
    low, high = study.jackknife(weights @ values / weights.sum(axis=1))
    expected = stats.t.interval(0.95, 39, values.mean(), stats.sem(values))
    np.testing.assert_allclose((low, high), expected)


def test_shrunk_pictures_have_lost_what_is_finer():
    import tensorflow as tf

    board = (np.indices((8, 8)).sum(axis=0) % 2 * 255.0)[..., None]
    small = study.shrunk(tf.identity, 4)(tf.constant(board, tf.float32))
    assert small.shape == (4, 4, 1)
    np.testing.assert_allclose(small, 127.5, atol=40)


def test_two_curves_go_together_by_their_definitions():
    x, y = np.random.default_rng(0).normal(size=(2, 3, 12)).cumsum(axis=-1)
    found = study.together(x, y)
    for k in range(3):
        assert found.levels[k] == pytest.approx(stats.spearmanr(x[k], y[k]).statistic)
        steps = stats.spearmanr(np.diff(x[k]), np.diff(y[k])).statistic
        assert found.steps[k] == pytest.approx(steps)
        ranks = stats.rankdata(x[k]), stats.rankdata(y[k])
        given = intervals.partial_correlation(*ranks, np.arange(12))
        assert found.given_depth[k] == pytest.approx(given)


def test_curves_that_share_depth_only_go_together_in_levels_only():
    x, y = np.arange(12) + 2 * np.random.default_rng(1).normal(size=(2, 400, 12))
    found = study.together(x, y)
    assert found.levels.mean() > 0.5
    assert abs(found.steps.mean()) < 0.05 and abs(found.given_depth.mean()) < 0.05


def test_a_pass_by_the_measures_it_is_made_of():
    network, images = models.mini_inception(), data.digits(6)
    names = layers.select(network, models.RUPPRECHT_LAYERS, missing="skip")
    seen = study.observe(network, images, names, batch_size=4, progress=False)
    found = layers.activations(network, images, [layers.select(network)[0], *names], progress=False)
    pixels = next(iter(found))
    np.testing.assert_allclose(seen.pixels, np.corrcoef(found[pixels].reshape(6, -1)), atol=1e-5)
    for k, layer in enumerate(names):
        flat = found[layer].reshape(6, -1)
        np.testing.assert_allclose(seen.active[:, k], (flat != 0).mean(axis=1))
        counted = np.histogram(flat[flat != 0], seen.histograms[layer].edges)[0]
        np.testing.assert_array_equal(seen.histograms[layer].counts, counted)
        np.testing.assert_allclose(seen.correlations[k], np.corrcoef(flat), atol=1e-5)
    np.testing.assert_array_equal(seen.outputs, found[names[-1]])


def test_a_table_by_layer_holds_the_interval_of_the_resamples():
    draws = np.arange(101.0)[:, None] * [1, 2]
    table = study.by_layer(["a", "b"], "share", [50, 100], draws, size=7)
    assert table["low"].tolist() == [2.5, 5] and table["high"].tolist() == [97.5, 195]
    assert table["depth"].tolist() == [0, 1] and set(table["size"]) == {7}


def test_pairs_are_compared_with_and_without_the_pixels():
    noise, groups = (np.corrcoef(x) for x in photos())
    seen = study.Seen(None, np.array([noise, groups]), noise, {}, {}, None)
    table = study.compare_pairs(["noise", "groups"], seen, LABELS, repeats=50)
    assert table["layer"].tolist() == ["noise", "groups"] * 2
    assert table["significant"].tolist() == [False, True, False, True]
    found = table[table["layer"] == "groups"]
    assert (found["low"] <= found["value"]).all() and (found["value"] <= found["high"]).all()
    assert study.lasting(table, ["control"]).tolist() == ["groups", "groups"]
    like = LABELS[:, None] == LABELS
    by_pairs = study.compare_pairs(["noise", "groups"], seen, like, repeats=50)
    np.testing.assert_allclose(by_pairs["value"], table["value"])
    some = np.where(LABELS == "c", "", LABELS)
    expected = study.superiority(seen.correlations[:, :9, :9], like[:9, :9])
    found = study.compare_pairs(["noise", "groups"], seen, some, repeats=50)
    np.testing.assert_allclose(found["value"][:2], expected)


def test_what_lasts_to_the_end_is_what_counts():
    rows = {"layer": list("abcdabcd"), "pairs": ["x"] * 4 + ["y"] * 4}
    table = pd.DataFrame(rows | {"significant": [1, 0, 1, 1, 1, 1, 1, 0]}).astype(
        {"significant": bool}
    )
    assert study.lasting(table, ["pairs"]).to_dict() == {"x": "c", "y": "none"}


def test_curves_and_their_bootstrap():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 12, 40)) + [[[0]], [[2]]] * rng.normal(size=40)
    seen = study.Seen(
        rng.random((12, 2)), np.array([np.corrcoef(v) for v in x]), None, {}, {}, None
    )
    found = study.curves(seen, ["a", "b"], "toy")
    table = found.table.set_index(["measure", "layer"])
    percent = 100 * seen.active[:, 1].mean()
    assert table.loc[("active_percent", "b"), "value"] == pytest.approx(percent)
    expected = similarity.decorrelation(seen.correlations[0])
    assert table.loc[("decorrelation", "a"), "value"] == pytest.approx(expected)
    assert ((table["low"] < table["value"]) & (table["value"] < table["high"])).all()
    assert found.active.shape == found.apart.shape == (1000, 2)


def test_parts_of_the_depth_axis_are_correlated_on_their_own():
    rng = np.random.default_rng(0)
    curves, draws = rng.normal(size=(2, 10)), rng.normal(size=(2, 30, 10))
    first = np.arange(10) < 6
    table = study.together_by_part(curves, draws, {"all": np.ones(10, bool), "first": first})
    found = table.set_index(["part", "correlation"])
    row = found.loc["first", "steps"]
    assert row["layers"] == 6
    assert row["rho"] == pytest.approx(study.together(*curves[:, :6]).steps)
    low = np.quantile(study.together(*draws[:, :, :6]).steps, 0.025)
    assert row["low_images"] == pytest.approx(low)
    assert np.isnan(row[["low", "high"]].astype(float)).all()  # five steps are too few
    assert found.loc[("all", "given_depth"), "rho"] == study.together(*curves).given_depth


def test_layers_and_steps_are_resampled_as_units():
    x, y = np.random.default_rng(0).normal(size=(2, 12))
    draws = np.stack([[x], [y]])
    found = study.together_by_part((x, y), draws, {"all": np.ones(12, bool)})
    found = found.set_index("correlation")

    def rho(x, y):
        return stats.spearmanr(x, y).statistic

    def given_depth(x, y, depth):
        ranks = [stats.rankdata(v) for v in (x, y, depth)]
        left = [v - np.polyval(np.polyfit(ranks[2], v, 1), ranks[2]) for v in ranks[:2]]
        return np.corrcoef(*left)[0, 1]

    for name, statistic, *units in (
        ("levels", rho, x, y),
        ("steps", rho, np.diff(x), np.diff(y)),
        ("given_depth", given_depth, x, y, np.arange(12)),
    ):
        expected = intervals.estimate(statistic, *units)
        values = found.loc[name, ["rho", "low", "high"]].astype(float)
        np.testing.assert_allclose(values, expected, atol=0.01)  # but for resamples of few layers


def test_intervals_over_layers_hold_what_has_no_relation_but_depth():
    rng = np.random.default_rng(2)
    held = []
    for _ in range(100):
        x, y = np.arange(14) + 3 * rng.normal(size=(2, 14))
        draws = np.stack([[x], [y]])
        held.append(study.together_by_part((x, y), draws, {"all": np.ones(14, bool)}))
    held = pd.concat(held).assign(holds=lambda t: (t["low"] <= 0) & (t["high"] >= 0))
    shares = held.groupby("correlation")["holds"].mean()
    assert shares["steps"] >= 0.9 and shares["given_depth"] >= 0.9 and shares["levels"] < 0.5


def test_the_table_of_common_patterns(maps):
    profiles, correlation = profiles_of(maps), np.corrcoef(maps.reshape(9, -1))
    row = study.common_patterns(["layer"], [correlation], {"layer": profiles}).loc["layer"]
    found = study.split(correlation, profiles)
    assert row["channels"] == found.channels and row["apart"] == pytest.approx(1 - found.total)
    loud = np.sort(study.loud_channels(profiles.channels))[::-1]
    half = int(row["half in"])
    assert loud[:half].sum() >= loud.sum() / 2 > loud[: half - 1].sum()
    assert row["of channels"] == 7


def test_the_lead_is_over_the_highest_twin_of_each_layer():
    def alignments(values):  # all images, then without each of four groups
        spread = np.array([0, 0.01, -0.01, 0.02, -0.02])
        return {x: study.Alignment(None, None, v + spread) for x, v in values.items()}

    trained = alignments({"a": 0.9, "b": 0.6})
    twins = {"one": [alignments({"a": 0.5, "b": 0.7})], "two": [alignments({"a": 0.8, "b": 0.1})]}
    found = study.lead(trained, twins)
    np.testing.assert_allclose(found["value"], [0.1, -0.1])
    np.testing.assert_allclose(found["low"], found["value"])  # they vary together
    table = study.beside_twins(trained, twins)
    own = table[table["network"] == "trained"]
    assert (own["low"] < own["value"]).all() and (own["value"] < own["high"]).all()
    assert table.query("network == 'two' and layer == 'a'")["value"].tolist() == [0.8]


def test_a_typical_unit_keeps_its_zero_and_a_typical_direction_has_none():
    rng = np.random.default_rng(0)
    vectors = rng.exponential(size=(60, 10, 32)) * (rng.random((60, 10, 32)) < 0.2)
    found = study.typical(vectors)
    assert (found["a unit"] == 0).mean() == pytest.approx(0.8, abs=0.05)
    assert (found["a random direction"] == 0).mean() < 0.01
    assert [x.std() for x in found.values()] == pytest.approx([1, 1])


def test_a_pair_is_drawn_with_its_correlation():
    images = data.digits(3)
    x = np.random.default_rng(0).exponential(size=(3, 5, 5, 20))
    fig = study.draw_pair(images, {"mixed0": x}, "mixed0", first=0, second=2)
    expected = np.corrcoef(x[0].ravel(), x[2].ravel())[0, 1]
    titles = [axis.get_title() or axis.get_title(loc="left") for axis in fig.axes]
    assert titles[4] == f"r = {expected:.2f}" and titles[2] == "picture 2"


@pytest.mark.parametrize(
    ("parts", "at_least", "holds"),
    [([1, 1, 1], 1, True), ([1, 0, 0], 1, "mixed"), ([1, 0, 0], 2, False), ([0, 0], 1, False)],
)
def test_a_claim_of_several_parts_may_hold_in_part(parts, at_least, holds):
    assert study.graded(parts, at_least) is holds or study.graded(parts, at_least) == holds


def test_sparser_with_depth_is_judged_on_each_set_of_layers():
    falling = np.linspace(0.9, 0.1, 8) + 0.01 * np.random.default_rng(0).normal(size=(30, 8))
    everywhere = np.ones(8, bool)
    text, holds = study.sparser_with_depth(falling, {"all": everywhere})
    assert holds is True and text.startswith("all: tau -1.00")
    bent = falling * np.where(np.arange(8) < 4, 1, 0) + falling[:, ::-1] * (np.arange(8) >= 4)
    parts = {"first": np.arange(8) < 4, "last": np.arange(8) >= 4}
    assert study.sparser_with_depth(bent, parts)[1] == "mixed"
    assert study.sparser_with_depth(-falling, parts)[1] is False


def test_a_bottleneck_lies_below_all_others():
    names = ["a", "b", "c", "d"]
    draws = np.array([[0.4, 0.1, 0.2, 0.5]] * 99 + [[0.4, 0.1, 0.45, 0.5]])
    assert study.bottleneck(names, draws, ["b", "c"], ["a", "d"])[1] is True
    assert study.bottleneck(names, draws, ["b", "a"], ["c", "d"])[1] == "mixed"
    assert study.bottleneck(names, draws, ["d"], ["a"]) == ("d 50 %", False)


@pytest.mark.parametrize(
    ("large", "small", "holds"),
    [
        ((1, 1), (1, 1), True),
        ((1, 1), (0, 0), "mixed"),
        ((1, 0), (1, 0), "mixed"),
        ((1, 0), (0, 1), False),
        ((0, 0), (0, 1), False),
    ],
)
def test_sparser_but_closer_at_both_sizes(large, small, holds):
    def draws(both):  # the layer below its predecessor where the flag is set
        return study.Curves(None, *(np.array([[0.5, 0.4 if x else 0.6]] * 10) for x in both))

    sizes = {"large": draws(large), "small": draws(small)}
    assert study.sparser_but_closer(["before", "layer"], sizes, "before", "layer")[1] == holds


@pytest.mark.parametrize(
    ("steps", "given_depth", "holds"),
    [
        ((-0.6, -0.1), (-0.7, -0.2), True),
        ((-0.6, 0.1), (-0.7, -0.2), "mixed"),
        ((0.1, 0.6), (-0.7, -0.2), "mixed"),
        ((0.1, 0.6), (-0.4, 0.2), False),
        ((-0.3, 0.6), (-0.4, 0.2), None),
        ((np.nan, np.nan), (np.nan, np.nan), None),
    ],
)
def test_curves_go_together_by_steps_and_given_depth(steps, given_depth, holds):
    rows = [("all layers", 14, name, -0.5, *ends) for name, ends in
            (("levels", (-1, -0.9)), ("steps", steps), ("given_depth", given_depth))]  # fmt: skip
    columns = ["part", "layers", "correlation", "rho", "low", "high"]
    text, outcome, *why = study.goes_together(pd.DataFrame(rows, columns=columns))
    assert outcome == holds and text.startswith("steps: ρ -0.50") and "given depth" in text
    assert bool(why) is (holds is None)


def test_a_network_is_aligned_layer_by_layer():
    images = data.digits(24)
    vectors, found = study.aligned(models.mini_inception(), images, ["activation", "mixed3"], 5)
    assert vectors["activation"].shape == (24, 5, 8)
    assert found["mixed3"].superiority.shape == (21,)
    again = study.alignment(vectors["mixed3"]).superiority
    assert found["mixed3"].superiority[0] == pytest.approx(again)


def test_twins_are_measured_in_the_network_that_is_theirs():
    network, images = models.mini_inception(), data.digits(40)
    untrained = partial(models.mini_inception, False)
    options = {"images": images[:24], "names": ["activation", "mixed3"], "places": 5}
    found = study.aligned_twins(network, untrained, images[24:], seeds=2, **options)
    assert {kind: len(each) for kind, each in found.items()} == {
        "random, as initialised": 2, "random, calibrated": 2, "permuted, calibrated": 2,
    }  # fmt: skip
    expected = study.aligned(untrained(seed=1), **options)[1]
    for layer, one in found["random, as initialised"][1].items():
        np.testing.assert_allclose(one.units, expected[layer].units, rtol=1e-4)
    trained, after = models.mini_inception(), layers.activations(network, images, progress=False)
    for layer, x in layers.activations(trained, images, progress=False).items():
        np.testing.assert_allclose(after[layer], x, atol=1e-3)
    one, two = (each["mixed3"].superiority[0] for each in found["permuted, calibrated"])
    assert one != two


def test_profiles_of_parts_join_to_those_of_all():
    x = np.random.default_rng(0).random((7, 3, 3, 2)).astype(np.float32)
    whole, one, two = (study.Profiles() for _ in range(3))
    whole.update(x)
    one.update(x[:3])
    two.update(x[3:])
    one.merge(two)
    np.testing.assert_array_equal(one.channels, whole.channels)
    assert np.isclose(one.places, whole.places, rtol=1e-6)
