import numpy as np
import pytest

from helpers import models


def test_probabilities_of_another_shape_have_no_classes():
    with pytest.raises(ValueError, match=r"\(2, 10\) must be \(images, 1000\)"):
        models.top(np.ones((2, 10)))
