import numpy as np
import pytest

from helpers import plotting
from helpers.plotting.embeddings import shade
from helpers.plotting.style import COLOURS


@pytest.fixture
def panels():
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 3
    points = {
        (condition, layer): 4 * np.eye(3)[labels][:, :2] + rng.normal(size=(60, 2))
        for condition in ("trained", "untrained")
        for layer in ("input", "layer1")
    }
    return points, labels


def test_shading_puts_every_class_where_it_is_in_its_colour():
    points = np.array([[0.0, 0.0], [0, 0], [10, 10]])
    picture, (left, right, bottom, top) = shade(points, np.array([0, 0, 1]), 2, bins=50)
    assert picture.shape == (50, 50, 4) and picture.min() >= 0 and picture.max() <= 1
    for (x, y), colour in zip(points[1:], COLOURS[:2], strict=True):
        column, row = int((x - left) / (right - left) * 50), int((y - bottom) / (top - bottom) * 50)
        assert picture[row, column, :3] == pytest.approx(colour, abs=0.01)
        assert picture[row, column, 3] > 0.5
    assert picture[10, 40, 3] == 0


def test_a_crowd_does_not_hide_a_lone_point():
    crowd = np.random.default_rng(0).normal(size=(20_000, 2))
    picture, _ = shade(np.r_[crowd, [[30, 30]]], np.zeros(20_001, int), 1, bins=200)
    assert picture[190:, 190:, 3].max() > 0.2


def test_coinciding_points_are_drawn():
    picture, extent = shade(np.ones((5, 2)), np.zeros(5, int), 1, bins=20)
    assert np.isfinite(picture).all() and extent[0] < 1 < extent[1]


def test_the_grid_has_a_row_for_each_condition_and_names_every_class_at_its_centroid(panels):
    points, labels = panels
    fig = plotting.embedding_grid(points, labels, ["a", "b", "c"], "title")
    axes = fig.axes
    assert [axis.get_title() for axis in axes] == [f"{layer}, {c}" for c, layer in points]
    text = axes[0].texts[1]
    assert text.get_text() == "b"
    centroid = points["trained", "input"][labels == 1].mean(axis=0)
    assert text.xy == pytest.approx(tuple(centroid))


def test_the_explorer_follows_class_and_rank(panels):
    points, labels = panels
    images = np.random.default_rng(0).integers(0, 255, (60, 8, 8), dtype=np.uint8)
    widget = plotting.embedding_explorer(points, images, labels, ["a", "b", "c"])
    (category, rank), image = widget.children[0].children, widget.children[1]
    seen = [bytes(image.value)]
    rank.value = 5
    seen.append(bytes(image.value))
    category.value = 2
    seen.append(bytes(image.value))
    category.value = 1
    seen.append(bytes(image.value))
    assert all(value.startswith(b"\x89PNG") for value in seen)
    assert len(set(seen)) == 4
    assert rank.value == 0 and rank.max == 19


def test_one_image_is_marked_in_every_panel(panels):
    points, labels = panels
    images = np.zeros((60, 8, 8))
    fig = plotting.embedded_image(points, images, labels, ["a", "b", "c"], 7)
    assert "image 7" in fig.axes[0].get_title()
    for axis, q in zip(fig.axes[1:], points.values(), strict=True):
        assert axis.lines[0].get_xydata()[0] == pytest.approx(q[7])
    points["trained", "input"][11] += 100
    fig = plotting.embedded_image(points, images, labels, ["a", "b", "c"])
    assert "image 11" in fig.axes[0].get_title()
