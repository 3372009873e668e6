import numpy as np
import pytest

from helpers.plotting.arrays import class_indices, drawable


def test_masked_values_are_not_drawn():
    x = np.ma.masked_array([1, 2, 3], [0, 1, 0])
    np.testing.assert_array_equal(drawable(x, "x"), [1, np.nan, 3])
    with pytest.raises(ValueError, match="x holds NaN or masked values"):
        drawable(x, "x", finite=True)


def test_a_list_with_a_masked_part_is_refused():
    with pytest.raises(ValueError, match="x masks values"):
        drawable([np.ma.masked_array([1, 2], [0, 1]), np.array([3, 4])], "x")


@pytest.mark.parametrize("x", [[], 3.0, [[1.0]]])
def test_another_shape_is_refused(x):
    with pytest.raises(ValueError, match="curve must have values along 1 axes"):
        drawable(x, "curve", 1)


@pytest.mark.parametrize("labels", [[0, 1, 3], [0, 1, -1], [0, 1, 0.5], [0, 1]])
def test_labels_that_are_no_classes_are_refused(labels):
    with pytest.raises(ValueError, match="labels must be whole numbers from 0 to 2|2 labels for 3"):
        class_indices(labels, 3, 3)
