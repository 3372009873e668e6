import keras
import numpy as np
import pandas as pd
import pytest

from helpers import models
from helpers.models import _mlp

WIDTHS = (6, 5, 4, 3)


def toy(seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(200, 6)).astype(np.float32)
    y = (x[:, 0] > 0).astype(int) + (x[:, 1] > 0)
    return x, y


def fit(**changes):
    x, y = toy()
    settings = {"learning_rate": 0.1, "epochs": 6, "batch_size": 8} | changes
    return models.train(models.mlp(WIDTHS), x, y, toy(1), **settings)


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("weights")
    return folder, *fit(cache=folder)


def weights_equal(a, b):
    return all((v == w).all() for v, w in zip(a.get_weights(), b.get_weights(), strict=True))


def test_the_mlp_gives_logits_and_activations_after_relu():
    model = models.mlp((64, 20, 10, 5), seed=3)
    assert [layer.name for layer in model.layers] == ["input", "layer1", "layer2", "logits"]
    assert weights_equal(model, models.mlp((64, 20, 10, 5), seed=3))
    image = np.random.default_rng(0).integers(0, 256, (8, 8, 1), dtype=np.uint8)
    x = model.card.preprocess(image)[None]
    np.testing.assert_allclose(x[0], image.ravel() / 255)
    outputs = [model.get_layer(name).output for name in ("layer2", "logits")]
    hidden, logits = (a.numpy() for a in keras.Model(model.input, outputs)(x))
    assert hidden.min() == 0 < hidden.max()
    assert logits.min() < 0


def test_the_network_starts_as_the_source_does():
    weights = models.mlp((784, 512, 10), seed=3).get_weights()
    for kernel, bias in zip(weights[::2], weights[1::2], strict=True):
        bound = len(kernel) ** -0.5
        for values in (kernel, bias):
            assert 0.8 * bound < np.abs(values).max() <= bound * (1 + 1e-6)
    assert not weights_equal(models.mlp(WIDTHS, 0), models.mlp(WIDTHS, 1))


def test_training_learns(fitted):
    _, _, curve = fitted
    assert list(curve["epoch"]) == [e for e in range(1, 7) for _ in range(2)]
    test = curve[curve["set"] == "test"]
    assert test["accuracy"].iloc[-1] > max(0.7, test["accuracy"].iloc[0])
    assert test["loss"].iloc[-1] < test["loss"].iloc[0]


def test_training_is_the_same_to_the_last_bit_and_leaves_the_model_alone(fitted):
    x, y = toy()
    model = models.mlp(WIDTHS)
    settings = {"learning_rate": 0.1, "epochs": 6, "batch_size": 8}
    again, curve = models.train(model, x, y, toy(1), **settings)
    assert weights_equal(again, fitted[1]) and curve.equals(fitted[2])
    assert weights_equal(model, models.mlp(WIDTHS)) and not weights_equal(again, model)


def test_trained_weights_are_kept_by_data_and_settings(fitted, monkeypatch):
    folder, trained, curve = fitted
    calls = []
    monkeypatch.setattr(
        _mlp, "_fit", lambda *a, **settings: calls.append(settings) or np.zeros((12, 3))
    )
    found, same_curve = fit(cache=folder)
    assert not calls and weights_equal(found, trained)
    pd.testing.assert_frame_equal(same_curve, curve)
    for changes in ({"seed": 1}, {"learning_rate": 0.2}, {"momentum": 0}):
        fit(cache=folder, **changes)
        assert changes.items() <= calls.pop().items()


@pytest.mark.parametrize(
    ("place", "spoil", "named"),
    [
        (0, lambda x: np.where(x == x[0, 0], np.nan, x), "x: .*NaN"),
        (0, lambda x: x.astype(str), "x: <U"),
        (0, lambda x: x + 1j, "x: complex"),
        (0, lambda x: np.ma.masked_equal(x, x[0, 0]), "x: masked"),
        (0, lambda x: x[:0], "x: needs values"),
        (1, lambda y: np.where(y == 1, np.nan, y), "y: .*NaN"),
        (1, lambda y: y + 0.5, "y: 200 whole numbers from 0 to 2"),
        (1, lambda y: y + 1, "y: 200 whole numbers from 0 to 2"),
        (1, lambda y: y[:-1], "y: 200 whole numbers from 0 to 2"),
        (1, lambda y: y.astype(object), "y: object"),
    ],
)
def test_what_no_network_can_learn_from_is_refused_before_training(place, spoil, named):
    own = list(toy())
    own[place] = spoil(own[place])
    options = {"learning_rate": 0.1}
    with pytest.raises((TypeError, ValueError), match=named):
        models.train(models.mlp(WIDTHS), *own, toy(1), **options)
    with pytest.raises((TypeError, ValueError), match="of test"):
        models.train(models.mlp(WIDTHS), *toy(), tuple(own), **options)


def test_a_diverging_loss_is_an_error():
    with pytest.raises(FloatingPointError, match="lower learning_rate"):
        fit(learning_rate=1e30, epochs=1)


def test_weights_are_kept_for_each_loss_and_architecture(fitted, monkeypatch):
    folder, _, _ = fitted
    calls = []
    monkeypatch.setattr(
        _mlp, "_fit", lambda *a, **settings: calls.append(settings) or np.zeros((12, 3))
    )
    fit(cache=folder, loss="squared error")
    assert calls.pop()["loss"] == "squared error"
    x, y = toy()
    settings = {"learning_rate": 0.1, "epochs": 6, "batch_size": 8, "cache": folder}
    for trained_anew in (1, 0):  # Keras calls the second ReLU re_lu_1
        model = models.mlp(WIDTHS)
        rectified = keras.Model(model.inputs, keras.layers.ReLU()(model.output))
        models.train(rectified, x, y, toy(1), **settings)
        assert len(calls) == trained_anew
        calls.clear()


@pytest.mark.parametrize("loss", ["label smoothing", "squared error"])
def test_other_losses_learn_something_else(loss, fitted):
    trained, curve = fit(loss=loss, epochs=20)
    assert curve["accuracy"].iloc[-1] > max(0.6, curve["accuracy"].iloc[1])
    assert not weights_equal(trained, fitted[1])


def test_losses_are_what_they_are_called():
    logits = np.array([[2.0, 0.5, -1.0], [0.1, 0.2, 0.3]])
    labels = np.eye(3)[[0, 2]]
    log_p = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    smoothed = 0.9 * labels + 0.1 / 3
    expected = {
        "label smoothing": -(smoothed * log_p).sum(axis=1),
        "squared error": ((logits - labels) ** 2).sum(axis=1) / 2,
    }
    for name, values in expected.items():
        found = np.mean(_mlp._loss(name)(labels.astype("f4"), logits.astype("f4")))
        assert found == pytest.approx(values.mean(), rel=1e-5)
    with pytest.raises(ValueError, match=r"loss='hinge'.*cross-entropy"):
        fit(loss="hinge")
