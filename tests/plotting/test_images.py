from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from helpers import data, plotting
from helpers.data import ImageSet


def toy(n=6, height=4, width=4, value=None):
    pixels = np.zeros((n, height, width, 3), np.uint8)
    pixels += (np.arange(n, dtype=np.uint8) * 10)[:, None, None, None] if value is None else value
    names = np.array([str(i) for i in range(n)])
    return ImageSet("toy", "Toy", "none", names, np.array(list("aabbbc"))[:n], pixels=pixels)


def test_image_grid_labels_images_by_category():
    axes = plotting.image_grid(toy(), [2, 0], columns=2).axes
    assert [axis.get_title(loc="center") for axis in axes] == ["b", "a"]


def test_a_contact_sheet_has_a_row_of_images_for_each_group():
    axis = plotting.contact_sheet(toy(), per_group=2, side=8).axes[0]
    assert [text.get_text() for text in axis.get_yticklabels()] == ["a (2)", "b (3)", "c (1)"]
    sheet = axis.images[0].get_array()
    middles = sheet[4::8, 4::8, 0]
    np.testing.assert_array_equal(middles, [[0, 10], [20, 30], [50, 255]])


def test_groups_are_in_the_order_given_and_images_without_one_left_out():
    groups = ["z", "", "z", "y", "", ""]
    axis = plotting.contact_sheet(toy(), groups, side=8, blocks=2).axes
    assert [a.get_yticklabels()[0].get_text() for a in axis] == ["z (2)", "y (1)"]


def test_a_size_that_all_groups_share_is_not_repeated():
    axis = plotting.contact_sheet(toy(), list("aabbcc"), side=8).axes[0]
    assert [text.get_text() for text in axis.get_yticklabels()] == ["a", "b", "c"]


def test_what_a_network_does_not_see_is_pale():
    wide = replace(toy(1, 40, 80, value=100))
    sheet = plotting.contact_sheet(wide, crop=1.0, side=84).axes[0].images[0].get_array()
    assert sheet[42, 42, 0] == 100 and sheet[42, 6, 0] > 180 and sheet[42, 78, 0] > 180
    assert sheet[6, 42, 0] == 255  # above the picture


@pytest.mark.parametrize("groups", [["a"], [""] * 6])
def test_groups_that_do_not_fit_are_refused(groups):
    with pytest.raises(ValueError, match="for 6 images"):
        plotting.contact_sheet(toy(), groups)


def test_class_examples_have_a_column_for_each_class():
    fig = plotting.class_examples([data.digits_split()], each=3)
    assert len(fig.axes[0].get_xticks()) == 10


def test_activation_maps_show_the_channels_that_vary_most():
    maps = np.zeros((3, 3, 4), np.float32)
    maps[0, 0] = [1, 4, 0, 2]
    fig = plotting.activation_maps(np.zeros((5, 5, 3), np.uint8), {"mixed0": maps}, channels=3)
    shown = [axis.images[0].get_array().max() for axis in fig.axes if axis.images]
    assert shown == [4, 2, 1, 0]  # three maps, then the picture
    assert "m0 (mixed0): 3×3×4" in [axis.get_title(loc="left") for axis in fig.axes]


def test_top_outputs_are_bars_below_each_image_and_the_right_one_stands_out():
    names = {"name": ["a, or A", "b"] * 3, "right": [True, False] * 3}
    places = {"image": [0, 0, 1, 1, 2, 2], "probability": [0.9, 0.001] * 3}
    fig = plotting.top_outputs(toy(3), pd.DataFrame({**places, **names}), columns=2)
    shown = [axis for axis in fig.axes if axis.patches]
    assert len(shown) == 3 and len([axis for axis in fig.axes if axis.images]) == 3
    assert [text.get_text() for text in shown[0].texts] == ["a", "90%", "b", "<1%"]
    right, wrong = (bar.get_facecolor() for bar in shown[0].patches)
    assert right != wrong and shown[0].patches[0].get_width() == pytest.approx(0.9)
