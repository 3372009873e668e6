import numpy as np
import pytest

from helpers import data, layers, models
from helpers.metrics import similarity, sparsity
from helpers.studies.your_network import analyses, one_pass


def test_what_is_kept_in_shards_is_the_same(seen):
    names = list(seen.places["layer"])
    model = models.mini_inception()
    again = one_pass.look(model, seen.images, names, batch_size=8, progress=False)
    for layer in names:
        np.testing.assert_array_equal(again.sparseness[layer], seen.sparseness[layer])
        np.testing.assert_array_equal(again.histograms[layer].counts, seen.histograms[layer].counts)
        for ours, theirs in zip(again.similar[layer], seen.similar[layer], strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)


def test_one_pass_finds_what_the_helpers_find_one_by_one(seen):
    model, digits = models.mini_inception(), data.digits(60)
    names = list(seen.places["layer"])
    single = layers.activations(model, digits, names, batch_size=8, progress=False)
    for layer, x in single.items():
        flat = x.reshape(60, -1)
        gini, active, negative = seen.sparseness[layer].T
        np.testing.assert_allclose(gini, sparsity.gini(flat, axis=1), atol=1e-4)
        np.testing.assert_allclose(active, sparsity.active_fraction(flat, axis=1))
        assert not negative.any()
        np.testing.assert_allclose(
            seen.similar[layer].correlation, similarity.correlation(x), atol=1e-5
        )
        assert seen.histograms[layer].total == flat.size
    table = analyses.sparseness(seen).pivot(
        index=["layer", "image"], columns="measure", values="value"
    )
    parts = (1 - table["active"]) + table["active"] * table["gini_active"]
    np.testing.assert_allclose(parts, table["gini"])


def test_folders_that_cannot_be_compared_are_refused(tmp_path, photos):
    with pytest.raises(ValueError, match="put them into sub-folders"):
        one_pass.check(photos(tmp_path / "two", "ab"))
    with pytest.raises(ValueError, match="categories with one image only: a, b, c"):
        one_pass.check(photos(tmp_path / "one", "abc", each=1))
