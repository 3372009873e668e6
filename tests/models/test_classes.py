import numpy as np
import pandas as pd
import pytest

from helpers import models

DIGITS = pd.DataFrame({"name": list("0123456789")})


def test_probabilities_of_another_shape_have_no_classes():
    with pytest.raises(ValueError, match=r"\(2, 7\) must be \(images, 10\)"):
        models.top(np.ones((2, 7)), classes=DIGITS)


def test_the_most_probable_classes_of_each_image():
    table = models.top(np.stack([np.arange(10), -np.arange(10)]) / 45, k=2, classes=DIGITS)
    assert table["name"].tolist() == ["9", "8", "0", "1"]
    assert table["image"].tolist() == [0, 0, 1, 1] and table["rank"].tolist() == [1, 2, 1, 2]
    np.testing.assert_allclose(table["probability"] * 45, [9, 8, 0, -1])
