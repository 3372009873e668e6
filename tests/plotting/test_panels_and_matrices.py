import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from helpers import data, plotting

matplotlib.use("agg")


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def table(**more):
    columns = {"layer": ["a", "b", "c"], "depth": [0, 1, 2], "measure": "m"}
    values = {"value": [1.0, 2.0, 3.0], "low": [0.5, 1.5, 2.5], "high": [1.5, 2.5, 3.5]}
    return pd.DataFrame({**columns, **values, **more})


def test_histogram_panels_draw_every_layer_and_its_text():
    edges = np.linspace(0, 1, 5)
    histograms = {f"layer{i}": (edges, np.array([0.4, 0.3, 0.2, 0.1])) for i in range(5)}
    fig = plotting.histogram_panels(histograms, {name: f"text {name}" for name in histograms}, 3)
    fig.canvas.draw()
    used = [axis for axis in fig.axes if axis.axison]
    assert [axis.get_title(loc="left") or axis.get_title() for axis in used] == list(histograms)
    assert [axis.texts[0].get_text() for axis in used] == [f"text {name}" for name in histograms]


def test_interval_panels_draw_curves_intervals_and_published_values():
    both = pd.concat([table(by="x", published=[1.1, np.nan, 2.9]), table(by="y")])
    fig = plotting.interval_panels(both, {"m": "label"}, by="by", guides={"m": 0.0})
    fig.canvas.draw()
    [axis] = fig.axes
    assert axis.get_ylabel() == "label"
    labels = axis.get_legend_handles_labels()[1]
    assert labels == ["x", "y", "published"]
    np.testing.assert_array_equal(axis.lines[0].get_ydata(), [1.0, 2.0, 3.0])
    assert [tick.get_text() for tick in axis.get_xticklabels()] == ["a", "b", "c"]


def test_interval_panels_open_markers_and_bands():
    marked = table(filled=[True, False, True], band_low=[0.0] * 3, band_high=[4.0] * 3)
    fig = plotting.interval_panels(marked, {"m": "label"}, bands={"m": "chance"})
    fig.canvas.draw()
    [axis] = fig.axes
    points = [part for part in axis.collections if part.get_label() == "this network"]
    faces = points[0].get_facecolor()
    assert tuple(faces[1][:3]) == (1, 1, 1) and tuple(faces[0][:3]) != (1, 1, 1)
    assert "chance" in axis.get_legend_handles_labels()[1]


def test_layer_scatter_names_every_layer():
    points = pd.DataFrame({"layer": ["a", "b"], "depth": [0, 1], "x": [1, 2], "y": [3, 4]})
    fig = plotting.layer_scatter({"ours": points, "published": points}, "x", "y")
    fig.canvas.draw()
    assert [text.get_text() for text in fig.axes[0].texts] == ["a", "b"]
    assert "published" in (fig.axes[1].get_title(), fig.axes[1].get_title(loc="left"))


def test_unit_and_direction_histograms_draw_both():
    sample = np.random.default_rng(0).normal(size=(2, 100, 4))
    fig = plotting.unit_and_direction_histograms({"a": tuple(sample)}, bins=20)
    fig.canvas.draw()
    drawn = [line.get_ydata() for line in fig.axes[0].lines]
    assert [np.nansum(each) for each in drawn] == pytest.approx([1, 1])


def test_clustered_matrices_put_the_images_in_order():
    matrix = np.corrcoef(np.random.default_rng(0).normal(size=(6, 20)))
    order = np.array([3, 1, 0, 5, 4, 2])
    fig = plotting.clustered_matrices(
        {"a": matrix, "b": matrix}, {"a": order}, groups=["x", "", "y", "x", "y", ""]
    )
    fig.canvas.draw()
    drawn = fig.axes[0].images[0].get_array()
    np.testing.assert_allclose(drawn, matrix[np.ix_(order, order)])
    assert [text.get_text() for text in fig.legends[0].get_texts()] == ["x", "y"]


def test_matrix_with_images_shows_thumbnails_on_both_axes():
    images = data.digits(12)
    matrix = np.corrcoef(images.pixels.reshape(12, -1))
    fig = plotting.matrix_with_images(matrix, np.arange(12), images, "title", shown=4)
    fig.canvas.draw()
    assert len(fig.axes[0].artists) == 8


def test_layer_matrices_write_numbers():
    fig = plotting.layer_matrices({"a": np.eye(3)}, ["x", "y", "z"], numbers=True)
    fig.canvas.draw()
    texts = [text.get_text() for text in fig.axes[0].texts]
    assert texts == ["1.00", ".00", ".00", ".00", "1.00", ".00", ".00", ".00", "1.00"]
