import numpy as np
import pytest

from helpers import data, layers, models, project
from helpers.models import _squeezenet

PHOTOS = project.downloads() / "guest-love-2017"


def test_the_architecture_is_squeezenets():
    model = _squeezenet.architecture()
    assert model.count_params() == 1_235_496
    sides = {name: model.get_layer(name).output.shape[1] for name in ("conv1", "pool1", "pool3")}
    assert sides == {"conv1": 113, "pool1": 56, "pool3": 28}
    assert model.get_layer("fire9").output.shape[1:] == (14, 14, 512)
    assert layers.select(model, models.SQUEEZENET_LAYERS) == list(models.SQUEEZENET_LAYERS)


def test_preprocessing_gives_blue_first_and_no_mean():
    red = np.zeros((50, 80, 3), np.uint8)
    red[..., 0] = 200
    x = _squeezenet.preprocess(red).numpy()
    assert x.shape == (227, 227, 3)
    np.testing.assert_allclose(x[100, 100], [-104, -117, 200 - 123], atol=1e-3)


@pytest.mark.skipif(not PHOTOS.exists(), reason="needs the photos in the downloads folder")
def test_it_names_what_photos_show():
    model, photos = models.squeezenet(), data.guest_love_photos()
    # Keras' indices of the ImageNet classes.
    classes = {"lion": 291, "tiger": 292, "robin": 15, "sportscar": 817, "banjo": 420}
    chosen = photos[np.isin(photos.category, list(classes))]
    (output,) = [
        np.concatenate([batch.activations["predictions"].copy() for batch in batches])
        for batches in [layers.stream(model, chosen, "predictions", progress=False)]
    ]
    top5 = output.argsort(axis=1)[:, -5:]
    hits = [classes[c] in row for c, row in zip(chosen.category, top5, strict=True)]
    assert np.mean(hits) >= 0.95
