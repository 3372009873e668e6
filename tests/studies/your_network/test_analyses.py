import numpy as np

from helpers import layers, models
from helpers.metrics import sparsity
from helpers.studies.your_network import analyses


def test_psi_beside_noise(seen):
    psi = analyses.category_psi(seen)
    assert len(psi) == 4 * 10
    one = psi.query("layer == 'mixed3'")
    expected = layers.category_responses(
        models.mini_inception(), seen.images, "mixed3", progress=False
    )
    values = sparsity.psi(sparsity.normalise_responses(expected.means["all"]["mixed3"]))
    np.testing.assert_allclose(one["value"], values, rtol=1e-4)
    noise = sparsity.psi_noise(10, 96, repeats=20).mean(axis=1)
    assert one["null_low"].iloc[0] < noise.mean() < one["null_high"].iloc[0]


def test_decorrelation_and_layers(seen):
    apart = analyses.decorrelation(seen, repeats=50)
    assert (apart["low"] <= apart["value"]).all() and (apart["value"] <= apart["high"]).all()
    usable, alike = analyses.layer_by_layer(seen)
    assert usable == list(seen.places["layer"])
    assert all(np.allclose(np.diag(matrix), 1) for matrix in alike.values())
