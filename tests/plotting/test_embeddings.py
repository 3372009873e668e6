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


def test_one_embedding_is_a_figure():
    labels = np.arange(30) % 3
    points = np.random.default_rng(0).normal(size=(30, 2))
    fig = plotting.embedding_grid({("trained", "last"): points}, labels, list("abc"))
    assert [axis.get_title() for axis in fig.axes] == ["last, trained"]


def test_what_all_rows_share_is_drawn_once(panels):
    points, labels = panels
    once = {("pixels", "input"): points["trained", "input"]}
    rows = {key: q for key, q in points.items() if key[1] != "input"}
    rows |= {(c, "layer2"): q[::-1] for (c, _), q in rows.items()}
    fig = plotting.embedding_grid(once | rows, labels, ["a", "b", "c"])
    titles = [axis.get_title() for axis in fig.axes]
    assert titles.count("input, pixels") == 1 and len(titles) == 5
    fig.canvas.draw()
    shared, trained, untrained = (
        fig.axes[titles.index(name)].get_position()
        for name in ("input, pixels", "layer1, trained", "layer1, untrained")
    )
    assert untrained.y1 < trained.y0
    assert untrained.y0 < shared.y0 and shared.y1 < trained.y1


def test_a_class_in_two_parts_is_named_where_its_points_lie_densest():
    rng = np.random.default_rng(0)
    parts = [rng.normal(at, 0.1, (n, 2)) for at, n in (((-5, 0), 70), ((5, 0), 30), ((0, 5), 40))]
    points, labels = np.concatenate(parts), np.repeat([0, 0, 1], [70, 30, 40])
    fig = plotting.embedding_grid({("a", "b"): points}, labels, ["x", "y"], names_at="densest")
    at = {text.get_text(): text.xy for text in fig.axes[0].texts}
    np.testing.assert_allclose(at["x"], (-5, 0), atol=0.5)
    np.testing.assert_allclose(at["y"], (0, 5), atol=0.5)
