import keras
import numpy as np
import pytest
from keras import layers as kl

from helpers import layers, models
from helpers.layers import _recorder

ACTIVE = {"active": lambda x: (x != 0).reshape(len(x), -1).mean(axis=1)}
X = np.random.default_rng(0).normal(size=(64, 6, 6, 1)).astype(np.float32)
Y = (X.mean(axis=(1, 2, 3)) > 0).astype(int)
PROBE = X[:5]


def network():
    """A network with all that could betray a recorder: noise, running means, two branches."""
    keras.utils.set_random_seed(0)
    x = image = keras.Input((6, 6, 1), name="image")
    x = kl.Conv2D(3, 3, padding="same", name="stem")(x)
    x = kl.ReLU(name="stem_relu")(kl.BatchNormalization(name="norm")(x))
    x = kl.Concatenate(name="mixed")([kl.Conv2D(2, 1, name="one")(x), x])
    x = kl.Dropout(0.5, name="drop")(kl.Flatten(name="flat")(x))
    model = keras.Model(image, kl.Dense(2, name="logits")(x), name="net")
    model.compile(keras.optimizers.SGD(0.1, 0.9), keras.losses.SparseCategoricalCrossentropy(True))
    return model


def fit(model, *callbacks, epochs=2):
    model.fit(X, Y, batch_size=8, epochs=epochs, shuffle=False, verbose=0, callbacks=callbacks)
    return model


@pytest.fixture(scope="module")
def recorded():
    recorder = layers.Recorder(
        PROBE,
        ["stem*", "logits"],
        measures=ACTIVE | {"mean": np.mean},
        keep={"pairs": lambda x: x.reshape(len(x), -1) @ x.reshape(len(x), -1).T},
        weights={"norm": np.linalg.norm},
    )
    model = fit(network(), recorder)
    return model, recorder


def test_training_is_the_same_to_the_last_bit(recorded):
    model, _ = recorded
    plain = fit(network())
    for ours, theirs in zip(model.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    variables = zip(model.optimizer.variables, plain.optimizer.variables, strict=True)
    assert all((a.numpy() == b.numpy()).all() for a, b in variables)


def test_the_default_steps_are_two_per_doubling_and_the_last(recorded):
    _, recorder = recorded
    assert recorder.steps_seen == [0, 1, 2, 3, 4, 6, 8, 12, 16]
    recorder = layers.Recorder(PROBE, "stem", measures=ACTIVE)
    fit(network(), recorder, epochs=3)
    assert recorder.steps_seen == [0, 1, 2, 3, 4, 6, 8, 12, 16, 24]
    assert [s for s in range(20) if _recorder._half_doubling(s)] == [0, 1, 2, 3, 4, 6, 8, 12, 16]


def test_the_table_is_what_measures_find_in_the_network_at_that_step(recorded):
    model, recorder = recorded
    table = recorder.table
    assert list(table) == _recorder.COLUMNS
    active = table[table["measure"] == "active"]
    assert set(active["layer"]) == {"stem", "stem_relu", "logits"}
    assert len(active) == len(recorder.steps_seen) * 3 * len(PROBE)
    x = layers.activations(model, PROBE, "stem_relu", progress=False)["stem_relu"]
    end = active.query("step == 16 and layer == 'stem_relu'")
    np.testing.assert_allclose(end["value"], ACTIVE["active"](x))
    assert list(end["image"]) == list(range(5))
    start = layers.activations(network(), PROBE, "stem_relu", progress=False)["stem_relu"]
    at_start = active.query("step == 0 and layer == 'stem_relu'")["value"]
    np.testing.assert_allclose(at_start, ACTIVE["active"](start))
    mean = table.query("measure == 'mean' and step == 16 and layer == 'stem_relu'")
    assert mean["image"].tolist() == [-1]
    np.testing.assert_allclose(mean["value"], x.mean())


def test_kernels_are_measured_whatever_the_layers(recorded):
    model, recorder = recorded
    norms = recorder.table.query("measure == 'norm' and step == 16").set_index("layer")["value"]
    assert list(norms.index) == ["stem", "one", "logits"]
    np.testing.assert_allclose(norms["one"], np.linalg.norm(model.get_layer("one").kernel.numpy()))


def test_matrices_are_kept_apart(recorded):
    _, recorder = recorded
    assert set(recorder.kept) == {("pairs", name) for name in ("stem", "stem_relu", "logits")}
    assert recorder.kept["pairs", "stem"].shape == (9, 5, 5)
    with pytest.raises(ValueError, match=r"pairs of layer 'stem' has shape \(5, 5\).* keep="):
        fit(network(), layers.Recorder(PROBE, "stem", measures={"pairs": lambda x: np.eye(len(x))}))
    with pytest.raises(ValueError, match=r"rows of layer 'stem' has shape .*one number$"):
        fit(network(), layers.Recorder(PROBE, "stem", weights={"rows": lambda k: k.sum(axis=0)}))


def test_steps_beyond_the_end_are_pending():
    recorder = layers.Recorder(PROBE, "stem", measures=ACTIVE, steps=[0, 5, 16, 20])
    model = fit(network(), recorder)
    assert (recorder.steps_seen, recorder.pending) == ([0, 5, 16], [20])
    fit(model, recorder, epochs=1)
    assert (recorder.steps_seen, recorder.pending) == ([0, 5, 16, 20], [])


def test_training_resumed_goes_on_and_records_nothing_twice(recorded):
    _, whole = recorded
    recorder = layers.Recorder(PROBE, "stem_relu", measures=ACTIVE)
    model = network()
    for _ in range(2):
        fit(model, recorder, epochs=1)
    assert recorder.steps_seen == whole.steps_seen
    steps = recorder.table.groupby("step").size()
    assert (steps == len(PROBE)).all()


def test_a_model_compiled_anew_needs_a_new_recorder():
    recorder = layers.Recorder(PROBE, "stem", measures=ACTIVE, steps=[0, 8])
    fit(network(), recorder, epochs=1)
    with pytest.raises(ValueError, match="at step 0, and step 8 is recorded .* new Recorder"):
        fit(network(), recorder, epochs=1)


def test_steps_that_would_pass_unseen_are_refused():
    model = network()
    model.compile("sgd", "mse", steps_per_execution=4)
    with pytest.raises(ValueError, match="steps_per_execution=4 hides"):
        fit(model, layers.Recorder(PROBE, measures=ACTIVE))


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({}, ValueError, "names of their own"),
        ({"measures": ACTIVE, "keep": ACTIVE}, ValueError, r"\['active', 'active'\]"),
        ({"measures": ACTIVE, "steps": []}, ValueError, "at least one"),
        ({"measures": ACTIVE, "steps": [3, -1]}, ValueError, "0 or more"),
        ({"measures": ACTIVE, "steps": [0.5]}, TypeError, "float"),
    ],
)
def test_what_cannot_be_recorded_is_said_before_training(options, error, message):
    with pytest.raises(error, match=message):
        layers.Recorder(PROBE, **options)


def test_an_unknown_layer_is_named_before_the_first_step():
    model = network()
    with pytest.raises(ValueError, match="matches 'stm'; did you mean 'stem'"):
        fit(model, layers.Recorder(PROBE, "stm", measures=ACTIVE))
    assert int(model.optimizer.iterations.numpy()) == 0


def test_before_training_the_table_is_empty():
    recorder = layers.Recorder(PROBE, measures=ACTIVE, steps=[7])
    assert recorder.table.empty and recorder.kept == {} and recorder.pending == [7]


def test_our_own_training_takes_a_recorder_and_stays_the_same():
    x, y = X.reshape(64, 36), Y
    start = models.mlp((36, 8, 2))
    options = {"learning_rate": 0.1, "epochs": 2, "batch_size": 8}
    recorder = layers.Recorder(x[:5], "layer1", measures=ACTIVE, steps=[0, 3, 9, 16])
    seen, curve = models.train(start, x, y, (x, y), callbacks=[recorder], **options)
    plain, same = models.train(start, x, y, (x, y), **options)
    assert recorder.steps_seen == [0, 3, 9, 16]
    for ours, theirs in zip(seen.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert curve["accuracy"].tolist() == same["accuracy"].tolist()
    with pytest.raises(ValueError, match="leave out the cache"):
        models.train(start, x, y, (x, y), callbacks=[recorder], cache="never", **options)


@pytest.mark.parametrize(("last", "count"), [(1, 2), (7, 20), (400, 20), (400, 5)])
def test_logarithmic_steps_reach_from_zero_to_the_end(last, count):
    steps = layers.log_steps(last, count)
    assert steps[0] == 0 and steps[1] == 1 and steps[-1] == last and len(steps) <= count
    assert steps == sorted(set(steps))
    ratios = np.diff(np.log(steps[1:]))
    assert len(ratios) < 5 or ratios[-1] < 1.5 * np.median(ratios)


@pytest.mark.parametrize("wrong", [(0, 20), (400, 1)])
def test_steps_that_cannot_be_are_refused(wrong):
    with pytest.raises(ValueError, match=f"last={wrong[0]}, count={wrong[1]}"):
        layers.log_steps(*wrong)
