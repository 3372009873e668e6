import numpy as np
import pytest

from helpers import data
from helpers.studies.your_network import analyses, one_pass, recognition


def test_psi_goes_with_accuracy_or_not(seen):
    psi = analyses.category_psi(seen)
    one = psi.query("layer == 'mixed3'")
    found = recognition.recognised(seen)
    assert found.how == "the network's own answer (predictions)" and found.correct.mean() > 0.95
    wrong = recognition.Recognised(np.arange(60) % 7 > 2, "a toy")
    r = recognition.psi_and_accuracy(psi, wrong, seen.images.category).set_index("layer")
    shares = [wrong.correct[seen.images.category == c].mean() for c in np.unique(one["category"])]
    assert np.isclose(r.loc["mixed3", "value"], np.corrcoef(one["value"], shares)[0, 1], atol=1e-4)
    alike = recognition.psi_and_accuracy(
        psi, recognition.Recognised(np.ones(60, bool), ""), seen.images.category
    )
    assert alike["value"].isna().all() and not alike["significant"].any()


def test_the_nearest_mean_leaves_the_image_itself_out():
    rng = np.random.default_rng(0)
    x, labels = rng.normal(size=(30, 4)), rng.integers(3, size=30)
    scaled = (x - x.mean(axis=0)) / x.std(axis=0)
    for i, right in enumerate(recognition.nearest_mean(x, labels)):
        rest = np.arange(30) != i
        means = [scaled[rest & (labels == c)].mean(axis=0) for c in range(3)]
        assert right == (np.argmin([((scaled[i] - m) ** 2).sum() for m in means]) == labels[i])
    with pytest.raises(ValueError, match="category 'b' has one image"):
        recognition.nearest_mean(x[:3], ["a", "a", "b"])


def test_without_an_output_per_category_the_last_hidden_layer_decides(seen):
    digits = seen.images
    two = np.where(np.char.isnumeric(digits.category) & (digits.category > "4"), "high", "low")
    other = data.ImageSet("x", "x", "x", digits.names, two, pixels=digits.pixels)
    found = recognition.recognised(one_pass.Seen(**{**vars(seen), "images": other}))
    assert found.how == "the nearest mean of the other images' channels in avg_pool"
