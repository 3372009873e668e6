from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers as kl

from helpers import data, layers
from helpers.studies.your_network import loading, one_pass, recognition


def image_model(**options):
    x = image = keras.Input((12, 12, 3), name="image")
    if options.get("rescaling"):
        x = kl.Rescaling(1 / 255)(x)
    x = kl.Conv2D(4, 3, activation=options.get("activation", "swish"), name="conv")(x)
    x = options.get("extra", kl.Identity)(name="extra")(x)
    return keras.Model(image, kl.Dense(3, name="end")(kl.GlobalAveragePooling2D()(x)), name="own")


@keras.saving.register_keras_serializable("test")
class Own(kl.Layer):
    def call(self, x):
        return keras.ops.tanh(x)


@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
def test_a_saved_model_with_a_layer_of_its_own(tmp_path, policy, photos):
    keras.config.set_dtype_policy(policy)
    try:
        image_model(extra=Own).save(tmp_path / "own.keras")
        with pytest.raises(ValueError, match="say what pixels are scaled to"):
            loading.network(str(tmp_path / "own.keras"))
        model = loading.network(str(tmp_path / "own.keras"), pixels="-1..1")
    finally:
        keras.config.set_dtype_policy("float32")
    assert model.card.sha256 == data.sha256(tmp_path / "own.keras")
    images = photos(tmp_path / "photos")
    chosen = layers.stages(model)
    assert chosen[0] == "extra"
    seen = one_pass.look(model, images, chosen, tmp_path / "kept", progress=False)
    assert (seen.sparseness["extra"][:, 2] > 0).all()
    assert recognition.recognised(seen).how.startswith("the network's own answer")


def test_pixels_are_scaled_as_the_model_wants(tmp_path):
    image_model(rescaling=True).save(tmp_path / "scaled.keras")
    model = loading.network(str(tmp_path / "scaled.keras"))
    white = tf.fill((5, 5, 3), tf.constant(255, tf.uint8))
    np.testing.assert_allclose(model.card.preprocess(white), np.full((12, 12, 3), 255.0))
    for pixels, high, low in (("0..1", 1, 0), ("-1..1", 1, -1)):
        scaled = partial(loading.preprocess, size=(4, 4), channels=1, pixels=pixels)
        np.testing.assert_allclose(scaled(white), np.full((4, 4, 1), high), rtol=1e-3)
        np.testing.assert_allclose(scaled(white * 0), np.full((4, 4, 1), low))


def test_what_cannot_be_shown_an_image_is_refused(tmp_path):
    a, b = (keras.Input((4, 4, 3), name=name) for name in "ab")
    with pytest.raises(ValueError, match="has 2 inputs.*takes a tuple of arrays"):
        loading.image_shape(keras.Model([a, b], kl.Add()([a, b])))
    vector = keras.Input((4,))
    with pytest.raises(ValueError, match="takes inputs of shape"):
        loading.image_shape(keras.Model(vector, kl.Dense(2)(vector)))
    with pytest.raises(FileNotFoundError, match="save the model with"):
        loading.network(str(tmp_path / "none.keras"))
    with pytest.raises(ValueError, match="choose 'imagenet' or 'none'"):
        loading.network("MobileNetV2", weights="mine")
