import keras
import numpy as np
import pytest
import tensorflow as tf

from helpers import models


@pytest.fixture(scope="module")
def mobilenet() -> keras.Model:
    return models.application("MobileNet", weights=None)


def test_an_application_comes_with_its_own_size_and_preprocessing(mobilenet):
    assert mobilenet.layers[0].name == "input"
    assert mobilenet.input_shape == (None, 224, 224, 3)
    assert mobilenet.card.weights == "random, seed 0"
    white = tf.fill((30, 50, 3), tf.constant(255, tf.uint8))
    np.testing.assert_allclose(mobilenet.card.preprocess(white), np.ones((224, 224, 3)), 1e-6)


def test_an_unknown_application_raises_with_near_names():
    with pytest.raises(ValueError, match="no 'vgg': did you mean VGG16, VGG19"):
        models.application("vgg")
    with pytest.raises(ValueError, match="weights='places': choose 'imagenet'"):
        models.application("VGG16", weights="places")


def test_weights_that_cannot_be_fetched_are_a_clear_error(monkeypatch):
    def offline(weights):
        raise Exception("URL fetch failure on https://example.org/vgg16.h5: None -- no route")

    monkeypatch.setattr(keras.applications, "VGG16", offline)
    with pytest.raises(ConnectionError, match="weights of VGG16 could not be fetched .* None"):
        models.application("VGG16")
