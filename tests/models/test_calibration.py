import keras
import numpy as np
import pytest

from helpers import data, layers, models


def test_every_normalised_unit_has_mean_0_and_variance_1_over_the_images():
    model, images = models.mini_inception(trained=False), data.digits(40)
    first = next(x for x in model.layers if isinstance(x, keras.layers.BatchNormalization))
    last = [x for x in model.layers if isinstance(x, keras.layers.BatchNormalization)][-1]
    names = [first.name, last.name]
    momentum = last.momentum

    def statistics():
        found = layers.activations(model, images, names, progress=False)
        return [(x.mean(axis=(0, 1, 2)), x.std(axis=(0, 1, 2))) for x in found.values()]

    mean, deviation = statistics()[1]
    assert np.abs(mean).max() > 0.1 or np.abs(deviation - 1).max() > 0.1
    models.calibrate(model, images)
    for mean, deviation in statistics():
        np.testing.assert_allclose(mean, 0, atol=1e-3)
        np.testing.assert_allclose(deviation, 1, atol=0.1)  # less than 1 by epsilon
    assert last.momentum == momentum


def test_one_calibration_serves_other_weights_and_other_images():
    model, other = (models.mini_inception(trained=False, seed=seed) for seed in (0, 1))
    calibrate_on = models.calibration(model)
    calibrate_on(data.digits(20))
    model.set_weights(other.get_weights())
    calibrate_on(data.digits(40)[20:])
    models.calibrate(other, data.digits(40)[20:])
    for found, wanted in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)


def test_a_model_without_normalisation_cannot_be_calibrated():
    with pytest.raises(ValueError, match="no batch normalisations"):
        models.calibrate(models.mlp(), data.digits(4))
