import numpy as np
import pytest

from helpers import layers, models


@pytest.mark.parametrize(("width", "counts"), [(0.5, (2, 8, 32)), (1, (4, 16, 64))])
def test_the_layers_have_the_sources_shapes_at_every_width(width, counts):
    model = models.small_cnn(width)
    shapes = [model.get_layer(f"layer{i}").output.shape[1:] for i in (1, 2, 3)]
    assert shapes == [(12, 12, counts[0]), (5, 5, counts[1]), (1, 1, counts[2])]
    assert model.output.shape == (None, 10)
    a, b, c = counts
    assert width != 1 or model.count_params() == 27_010
    assert model.count_params() == 26 * a + (9 * a + 1) * b + (25 * b + 1) * c + (c + 1) * 10


def test_a_layer_is_the_pooled_and_rectified_convolution():
    model = models.small_cnn(seed=1)
    image = np.random.default_rng(0).integers(0, 256, (28, 28, 1), dtype=np.uint8)
    x = model.card.preprocess(image).numpy()
    assert x.max() <= 1
    kernel, bias = model.get_layer("conv1").get_weights()
    windows = np.lib.stride_tricks.sliding_window_view(x[..., 0], (5, 5))
    convolved = np.einsum("yxij,ijf->yxf", windows, kernel[:, :, 0]) + bias
    pooled = convolved.reshape(12, 2, 12, 2, 4).max(axis=(1, 3)).clip(0)
    found = layers.activations(model, x[None], ["layer1"], progress=False)["layer1"][0]
    np.testing.assert_allclose(found, pooled, atol=1e-5)


def test_it_starts_as_the_source_does_and_anew_with_every_seed():
    model = models.small_cnn(4, seed=3)
    for name, inputs in (("conv1", 25), ("conv2", 144), ("conv3", 1600), ("logits", 256)):
        kernel, bias = model.get_layer(name).get_weights()
        assert 0.9 * inputs**-0.5 < np.abs(kernel).max() <= inputs**-0.5 * (1 + 1e-6)
        assert bias.any() and np.abs(bias).max() <= inputs**-0.5 * (1 + 1e-6)
    first, again, other = (models.small_cnn(seed=seed).get_weights() for seed in (3, 3, 4))
    assert all((a == b).all() for a, b in zip(first, again, strict=True))
    assert all((a != b).any() for a, b in zip(first, other, strict=True))


def test_a_layer_without_filters_is_an_error():
    with pytest.raises(ValueError, match=r"width=0.2.*0.25 or more"):
        models.small_cnn(0.2)
