import keras
import numpy as np

from helpers import models


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
