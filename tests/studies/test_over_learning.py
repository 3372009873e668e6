import keras
import numpy as np
import pandas as pd
import pytest

from helpers import data, layers, models, report
from helpers.metrics import intervals
from helpers.studies.over_learning import claims, dynamics, smoothness, training

STEPS = np.array([0, 1, 2, 4, 8])
SMALL = training.Sizes(train=96, test=60, each=3, epochs=1, checkpoints=4, batch_size=16)


@pytest.fixture(scope="module")
def digits():
    return data.digits_split()


@pytest.fixture(scope="module")
def recordings(digits):
    return {
        (network, seed): training.record(network, digits, seed, SMALL)
        for network, seed in ((training.INCEPTION, 0), (training.MLP, 0), (training.MLP, 1))
    }


@pytest.fixture(scope="module")
def tables(recordings):
    found = [recordings[training.MLP, seed] for seed in (0, 1)]
    return pd.concat([r.table for r in found]), pd.concat([r.classes for r in found])


def test_steps_reach_from_start_to_end():
    assert training.Sizes(train=640, epochs=3, checkpoints=5).steps == [0, 1, 3, 10, 30]
    assert training.Sizes(train=641, epochs=1).steps[-1] == 11


def test_a_recording_has_every_measure_of_every_layer_at_every_step(recordings):
    for (network, seed), found in recordings.items():
        assert found.steps == SMALL.steps == [0, 1, 2, 6]
        assert found.matrices.shape == (4, len(found.names), len(found.names))
        counts = found.table.groupby("measure").size()
        assert (counts.drop("accuracy") == 4 * len(found.names)).all()
        assert counts["accuracy"] == 4
        assert set(found.table["network"]) == {network} and set(found.table["seed"]) == {seed}
        wide = found.table.pivot_table(index=["measure", "layer"], columns="step", values="value")
        for measure in ("CKA with the end", "SVCCA with the end"):
            np.testing.assert_allclose(wide.loc[measure, 6], 1)
            assert (wide.loc[measure] <= 1 + 1e-9).all().all()
        unchanged = wide.xs("input", level="layer")
        np.testing.assert_allclose(unchanged[0], unchanged[6])


def test_recordings_are_kept_and_come_back_the_same(recordings, digits, tmp_path, monkeypatch):
    made = recordings[training.MLP, 0]
    monkeypatch.setattr(training, "_record", lambda *args: made)
    first = training.record(training.MLP, digits, 0, SMALL, tmp_path)
    monkeypatch.setattr(training, "_record", None)  # not asked a second time
    again = training.record(training.MLP, digits, 0, SMALL, tmp_path)
    for found in (first, again):
        assert (found.network, found.dataset) == (training.MLP, "digits")
        assert (found.steps, found.names) == (made.steps, made.names)
        np.testing.assert_array_equal(found.matrices, made.matrices)
        for name in training.TABLES:
            pd.testing.assert_frame_equal(
                getattr(found, name), getattr(made, name), check_dtype=False
            )
    with pytest.raises(TypeError):  # another seed is another training
        training.record(training.MLP, digits, 1, SMALL, tmp_path)


def test_calibration_leaves_training_as_it_is(digits):
    conv, norm = keras.layers.Conv2D, keras.layers.BatchNormalization
    parts = [conv(4, 3), norm(), keras.layers.ReLU(), conv(6, 3), norm()]
    parts += [keras.layers.Flatten(), keras.layers.Dense(10)]
    model = keras.Sequential([keras.Input((*digits.x_train.shape[1:], 1)), *parts])
    model.card = models.Card("small", "random", lambda image: image / 255)
    x, y = training.inputs(model, digits.x_train[: SMALL.train]), digits.y_train[: SMALL.train]

    def trained(callbacks):
        options = {"learning_rate": SMALL.decay(0.05), "epochs": 1, "batch_size": 16}
        return models.train(model, x, y, (x, y), **options, callbacks=callbacks)[0]

    (calibration,) = training.calibrations(training.INCEPTION, digits, SMALL)
    ours, plain = trained([calibration]), trained([keras.callbacks.Callback()])
    for here, there in zip(ours.trainable_weights, plain.trainable_weights, strict=True):
        np.testing.assert_array_equal(here.numpy(), there.numpy())
    averages = [w.numpy() for w in plain.non_trainable_weights]
    models.calibrate(plain, calibration._images)
    for found, wanted, average in zip(
        ours.non_trainable_weights, plain.non_trainable_weights, averages, strict=True
    ):
        np.testing.assert_allclose(found.numpy(), wanted.numpy(), rtol=1e-4, atol=1e-5)
        assert not np.allclose(found.numpy(), average, rtol=1e-2)
    assert training.calibrations(training.MLP, digits, SMALL) == []


def test_kernels_are_told_apart_by_what_they_span(digits):
    spans = training.kernel_sizes(training.initial(training.INCEPTION, digits, 0))
    assert spans["conv2d"] == "3×3" and spans["conv2d_3"] == "1×1" and spans["logits"] == "dense"
    module = [spans[f"conv2d_{k}"] for k in range(5, 11)]
    assert module == ["1×1", "1×1", "3×3", "1×1", "5×5", "1×1"]


def test_the_learning_rate_falls_to_zero():
    rates = [float(SMALL.decay(0.1)(step)) for step in (0, SMALL.last / 2, SMALL.last)]
    np.testing.assert_allclose(rates, [0.1, 0.05, 0], atol=1e-8)


def test_the_layers_follow_each_relu(recordings):
    perceptron = ["input", "layer1", "layer2", "layer3", "layer4", "logits"]
    assert recordings[training.MLP, 0].names == perceptron
    names = recordings[training.INCEPTION, 0].names
    assert names[0] == "input" and names[-2:] == ["avg_pool", "logits"]
    assert [name for name in names if "mixed" in name] == [f"mixed{k}" for k in range(4)]
    assert training.hidden(names) == names[1:-1]


def test_a_recording_says_what_the_measures_say_of_the_first_state(digits, recordings):
    found = recordings[training.MLP, 1]
    model = training.initial(training.MLP, digits, 1)
    rows = training.first_of_each(digits.y_test[: SMALL.test], SMALL.each)
    x = training.inputs(model, digits.x_test[rows])
    start = layers.activations(model, x, ["layer2"], progress=False)["layer2"]
    shown = found.table.query("step == 0 and layer == 'layer2'").set_index("measure")["value"]
    np.testing.assert_allclose(shown["active share"], (start > 0).mean(), rtol=1e-5)
    r = np.corrcoef(start)[np.triu_indices(len(start), 1)]
    np.testing.assert_allclose(shown["decorrelation"], 1 - r.mean(), rtol=1e-4)
    spectrum = np.linalg.svd(start - start.mean(axis=0))[1] ** 2
    dimensions = spectrum.sum() ** 2 / (spectrum**2).sum()
    np.testing.assert_allclose(shown["effective dimensions"], dimensions, rtol=1e-3)
    kernel = model.get_layer("layer2").kernel.numpy()
    of_kernel = found.weights.query("step == 0 and layer == 'layer2'").set_index("measure")["value"]
    singular = np.linalg.svd(kernel)[1] ** 2
    rank = singular.sum() ** 2 / (singular**2).sum() / len(singular)
    np.testing.assert_allclose(of_kernel["effective rank"], rank, rtol=1e-5)
    np.testing.assert_allclose(of_kernel["norm"], np.sqrt((kernel**2).mean()), rtol=1e-5)


def test_the_first_images_of_every_class_are_chosen():
    assert training.first_of_each(np.array([1, 0, 1, 1, 0, 0]), 2).tolist() == [0, 1, 2, 4]


def test_gini_of_negative_activations_is_left_out():
    assert np.isnan(training.gini(np.array([[-1.0, 2.0], [1.0, 2.0]]))).all()


def test_a_layer_settles_where_it_stays():
    assert dynamics.settling([0.95, 0.5, 0.95, 0.92, 1], STEPS, 0.9) == 2
    assert dynamics.settling([0.95, 0.91, 0.95, 0.92, 1], STEPS, 0.9) == 0
    assert np.isnan(dynamics.settling([0.1, 0.2, 0.3, 0.4, 0.5], STEPS, 0.9))
    np.testing.assert_allclose(dynamics.own_way([0.8, 0.9, 1]), [0, 0.5, 1])


def curves(by_layer, seeds=(0, 1)):
    rows = [
        (seed, step, layer, depth, value)
        for seed in seeds
        for depth, (layer, values) in enumerate(by_layer.items())
        for step, value in zip(STEPS, values, strict=True)
    ]
    table = pd.DataFrame(rows, columns=["seed", "step", "layer", "depth", "value"])
    return table.assign(dataset="digits", network="toy")


def test_layers_that_settle_from_the_bottom_up_are_seen():
    by_layer = {
        "input": [1] * 5,
        "a": [0.9, 0.96, 0.97, 0.99, 1],
        "b": [0.3, 0.85, 0.95, 0.99, 1],
        "c": [0.5, 0.6, 0.7, 0.95, 1],
    }
    table = curves(by_layer).assign(measure=claims.SIMILARITIES[0])
    for own, expected in ((False, [0, 2, 4]), (True, [1, 1, 4])):
        settled = dynamics.settling_steps(table, claims.SIMILARITIES[0], 0.5 if own else 0.9, own)
        assert settled.query("seed == 0")["settled"].tolist() == expected
        taus = dynamics.order_of_settling(settled)["tau"]
        np.testing.assert_allclose(taus, 1 if not own else 2 / np.sqrt(6))
    upside_down = curves(dict(zip(by_layer, reversed(by_layer.values()), strict=True)))
    upside_down = upside_down.assign(measure="m", layer=upside_down["layer"].replace("input", "z"))
    settled = dynamics.settling_steps(upside_down, "m", 0.9, own=False)
    assert (dynamics.order_of_settling(settled)["tau"] < 0).all()


def test_layers_that_settle_together_have_no_order():
    table = curves({"a": [1] * 5, "b": [0.99] * 5}).assign(measure="m")
    settled = dynamics.settling_steps(table, "m", 0.9, own=False)
    assert (dynamics.order_of_settling(settled)["tau"] == 0).all()


def test_a_dip_and_a_rise():
    values = dict(zip("abcdef", [0.5, 0.2, 0.3, 0.4, 0.5, 0.9], strict=True))
    found = dynamics.dips(curves({k: [v] * 5 for k, v in values.items()}), 8)
    np.testing.assert_allclose(found["dip"], 0.25 - 0.5)
    np.testing.assert_allclose(found["rise"], 0.9 - 0.25)
    with pytest.raises(ValueError, match="at least four hidden layers, got 3"):
        dynamics.dips(curves({k: [1] * 5 for k in "abc"}), 8)


def test_an_effect_is_dated_from_when_it_lasts():
    up, none = np.array([1.0, 1.1, 0.9]), np.array([-1.0, 1.0, 0.1])
    assert dynamics.first_lasting({0: up, 1: none, 2: up, 3: up}, 1) == 2
    assert dynamics.first_lasting({0: up, 1: up}, 1) == 0
    assert dynamics.first_lasting({0: up, 1: none}, 1) is None
    assert dynamics.first_lasting({0: none, 1: -up}, -1) == 1


@pytest.mark.parametrize(
    ("curve", "expected"),
    [
        ([0, 1, 2, 3], 1),
        ([3, 2, 1], 1),
        ([0, 0, 0, 3], 1 / 3),
        ([0, 5, 0], 0),
        ([0.2, 0.3, 0.9], 0.35**2 / ((0.1**2 + 0.6**2) / 2)),
    ],
)
def test_smoothness_of_known_curves(curve, expected):
    np.testing.assert_allclose(smoothness.smoothness(curve), expected)
    np.testing.assert_allclose(smoothness.smoothness(7 * np.array(curve) + 1), expected, atol=1e-12)


def test_smoothness_that_cannot_be():
    assert np.isnan(smoothness.smoothness([1, 1, 1]))
    for wrong in ([1, 2], [1, np.nan, 2]):
        with pytest.raises(ValueError, match="decorrelation .*(at least 3 layers|NaN)"):
            smoothness.smoothness(wrong)


def test_decov_is_the_penalty_of_the_article():
    x = np.random.default_rng(0).normal(size=(20, 5)).astype(np.float32)
    c = np.cov(x.T, bias=True)
    expected = 0.3 * 0.5 * ((c**2).sum() - (np.diag(c) ** 2).sum())
    np.testing.assert_allclose(smoothness.DeCov(0.3)(keras.ops.array(x)), expected, rtol=1e-5)
    alone = np.outer(np.arange(4.0), [1, 0, 0])
    assert float(smoothness.DeCov(1)(keras.ops.array(alone))) == 0


def test_decov_survives_copies_and_decorrelates_units(digits):
    model = smoothness.build(64, 1, 16, decov=0.5)
    copy = keras.models.clone_model(model)
    assert copy.get_layer("layer1").activity_regularizer.strength == 0.5

    def shared(decov):
        """Sum of squared covariances between units after training, over that within units."""
        row = {"depth": 1, "width": 16, "learning_rate": 0.05, "dropout": 0.0, "decov": decov}
        model = smoothness.build(64, 1, 16, decov=decov)
        x = training.inputs(model, digits.x_train[:320])
        test = (x[:10], digits.y_train[:10])
        options = {"learning_rate": row["learning_rate"], "epochs": 5, "batch_size": 32}
        trained, _ = training.models.train(model, x, digits.y_train[:320], test, **options)
        c = np.cov(layers.activations(trained, x, "layer1", progress=False)["layer1"].T)
        own = (np.diag(c) ** 2).sum()
        return ((c**2).sum() - own) / own

    assert shared(1.0) < 0.6 * shared(0.0)


def test_the_grid_has_24_networks_and_every_strength_twice():
    grid = smoothness.grid()
    assert len(grid) == len(grid.drop_duplicates()) == 24
    for column, strengths in (("dropout", smoothness.DROPOUTS), ("decov", smoothness.DECOVS)):
        assert grid[column].value_counts().loc[list(strengths)].tolist() == [2, 2, 2]
    assert grid.groupby(["depth", "width"]).size().tolist() == [4] * 6


def test_networks_of_the_grid_learn_and_are_measured(digits, tmp_path):
    sizes = training.Sizes(train=256, test=100, each=5, epochs=6, batch_size=16)
    networks = smoothness.grid().iloc[[2, 3]]
    found = smoothness.train_grid(digits, sizes, networks, tmp_path)
    kept = smoothness.train_grid(digits, sizes, networks, tmp_path)
    pd.testing.assert_frame_equal(found, kept)
    assert len(list(tmp_path.iterdir())) == 2
    assert (found["train accuracy"] > 0.6).all() and (found["test accuracy"] > 0.5).all()
    assert found["smoothness"].between(0, 1).all()
    assert [len(curve) for curve in found["decorrelation"]] == [4, 4]
    for row in found.itertuples():
        steps = np.diff(row.decorrelation)
        np.testing.assert_allclose(row.smoothness, steps.mean() ** 2 / (steps**2).mean())
    assert smoothness.build(9, 2, 4, dropout=0.5).get_layer("dropout2").rate == 0.5


def test_the_relation_holds_controls_fixed():
    rng = np.random.default_rng(0)
    cause = rng.normal(size=60)
    x, y = cause + 0.3 * rng.normal(size=60), cause + 0.3 * rng.normal(size=60)
    table = pd.DataFrame({"smoothness": x, "test accuracy": y, "cause": cause})
    assert smoothness.relation(table, controls=(), repeats=200).low > 0.6
    fixed = smoothness.relation(table, controls=("cause",), repeats=200)
    assert fixed.low < 0 < fixed.high
    assert smoothness.partial_rho(np.exp(x), y) == pytest.approx(smoothness.partial_rho(x, y))


def test_the_verdict_on_smoothness():
    assert claims.smooth_verdict(intervals.Estimate(0.5, 0.1, 0.8))[1] is True
    assert claims.smooth_verdict(intervals.Estimate(-0.5, -0.8, -0.1))[1] is False
    assert claims.smooth_verdict(intervals.Estimate(0.1, -0.2, 0.4))[1] is None


def toy_tables(sign):
    """Five seeds whose Gini and PSI have no trend at step 0, and one of this sign at the end."""
    rng = np.random.default_rng(0)
    rows = []
    for seed in range(5):
        for depth, layer in enumerate(["input", "a", "b", "c", "d", "e", "f", "logits"]):
            for step in (0, 8):
                for measure in ("Gini", "PSI", *claims.SIMILARITIES):
                    trend = sign * depth * step / 100 + 0.001 * rng.normal() * (step == 0)
                    rows.append((seed, step, layer, depth, measure, 0.5 + trend))
    columns = ["seed", "step", "layer", "depth", "measure", "value"]
    table = pd.DataFrame(rows, columns=columns).assign(dataset="digits", network="toy")
    similar = table["measure"].isin(claims.SIMILARITIES)
    late = table["depth"] / 10
    table.loc[similar, "value"] = np.where(table["step"] == 8, 1, 1 - late)[similar]
    classes = pd.concat(
        [table[table["measure"] == "PSI"].assign(category=c) for c in range(2)]
    ).drop(columns="measure")
    return table, classes


@pytest.mark.parametrize("sign", [1, -1])
def test_trends_that_learning_makes_or_unmakes(sign):
    table, classes = toy_tables(sign)
    found = claims.judged(table, classes, {"digits": intervals.Estimate(0.5, 0.1, 0.8)})
    verdicts = {claim: outcome[1] for (claim, _), outcome in found.items()}
    assert verdicts["psi-rise-learned"] is (sign > 0)
    assert verdicts["sparseness-learned"] is (sign > 0)
    assert verdicts["psi-dip"] == (False if sign > 0 else "mixed")
    assert verdicts["bottom-up"] is True
    assert verdicts["smooth"] is True


@pytest.mark.parametrize(
    ("cka", "svcca", "expected"),
    [
        (0.5, 0.5, True),
        (0.5, 0.0, "mixed"),
        (0.5, -0.5, "mixed"),
        (-0.5, 0.5, "mixed"),
        (-0.5, 0.0, False),
        (-0.5, -0.5, False),
        (0.0, -0.5, None),
        (0.0, 0.5, None),
    ],
)
def test_an_order_of_settling_is_judged_by_cka_and_seconded_by_svcca(
    monkeypatch, cka, svcca, expected
):
    rows = [
        ("bottom-up", "digits", "toy", name, tau, tau - 0.1, tau + 0.1)
        for name, tau in zip(claims.SIMILARITIES, (cka, svcca), strict=True)
    ]
    columns = ["claim", "dataset", "network", "similarity", "tau", "low", "high"]
    monkeypatch.setattr(claims, "bottom_up", lambda table: pd.DataFrame(rows, columns=columns))
    _, holds, *why = claims.judged(*toy_tables(1), {})["bottom-up", "toy, digits"]
    assert holds is expected or holds == expected == "mixed"
    assert bool(why) == (expected is None)


def test_intervals_that_include_zero_refute_nothing(monkeypatch):
    def verdict(end, difference):
        rows = [
            ("digits", "toy", when, tau, tau - 0.1, tau + 0.1)
            for when, tau in {"start": 0, "end": end, "difference": difference}.items()
        ]
        columns = ["dataset", "network", "when", "tau", "low", "high"]
        monkeypatch.setattr(claims, "learned", lambda *_: pd.DataFrame(rows, columns=columns))
        return claims.judged(*toy_tables(1), {})["sparser-learned", "toy, digits"][1]

    assert verdict(0.5, 0.5) is True
    assert verdict(0.5, 0) == verdict(0, 0.5) == verdict(-0.5, 0.5) == "mixed"
    assert verdict(-0.5, 0) is verdict(0, -0.5) is False
    assert verdict(0, 0) is None


def test_verdicts_can_be_had_of_real_recordings(tables):
    found = claims.judged(*tables, {"digits": intervals.Estimate(0.1, -0.1, 0.3)})
    assert {claim for claim, _ in found} == set(report.claims("06")["id"])
