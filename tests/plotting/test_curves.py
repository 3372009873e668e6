import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import PathCollection
from PIL import Image

from helpers import plotting, project
from helpers.data import ImageSet

LAYERS = ["input", "mixed0", "predictions"]


@pytest.fixture(autouse=True)
def style():
    with plt.rc_context():
        plotting.use_style()
        yield
    plt.close("all")


@pytest.fixture
def table():
    rng = np.random.default_rng(0)
    rows = [
        {"layer": layer, "depth": depth, "image": i, "category": "ab"[i % 2], "value": depth + x}
        for depth, layer in enumerate(LAYERS)
        for i, x in enumerate(rng.normal(0, 0.1, 8))
    ]
    return pd.DataFrame(rows).assign(measure="gini")


def test_layers_stand_in_depth_order_under_their_names(table):
    shuffled = table.sample(frac=1, random_state=0)
    axis = plotting.layer_curve(shuffled, "gini", names={"input": "pixels"}).axes[0]
    assert [label.get_text() for label in axis.get_xticklabels()] == ["pixels", *LAYERS[1:]]
    (line,) = axis.get_lines()
    means = table.groupby("depth")["value"].mean()
    np.testing.assert_allclose(line.get_ydata(), means)


def test_one_curve_for_each_group(table):
    axis = plotting.layer_curve(table, "gini", by="category", points=False).axes[0]
    assert [line.get_label() for line in axis.get_lines()] == ["a", "b"]


def test_published_numbers_stand_at_their_layer_and_unknown_layers_nowhere(table):
    published = pd.DataFrame({"layer": ["mixed0", "fc7"], "value": [0.947, 0.1]})
    axis = plotting.layer_curve(table, "gini", published=published, points=False).axes[0]
    (drawn,) = (c for c in axis.collections if isinstance(c, PathCollection))
    np.testing.assert_allclose(drawn.get_offsets(), [[1, 0.947]])
    assert [text.get_text() for text in axis.texts] == ["0.947"]


def test_category_map_shows_deviations_around_zero(table):
    drawn = plotting.category_map(table, "gini").axes[0].images[0]
    np.testing.assert_allclose(drawn.get_array().mean(axis=0), 0, atol=1e-9)
    assert drawn.norm.vmin == -drawn.norm.vmax


def test_lorenz_curves_run_from_nothing_to_everything():
    axis = plotting.lorenz({"one active": np.eye(5)[0], "equal": np.ones(5)}).axes[0]
    one, equal = axis.get_lines()[1:]
    np.testing.assert_allclose(one.get_ydata(), [0, 0, 0, 0, 0, 1])
    np.testing.assert_allclose(equal.get_ydata(), np.linspace(0, 1, 6))


def test_rank_agreement_is_spearmans():
    x = np.array([0.1, 0.5, 0.2, 0.9])
    table = pd.DataFrame({"layer": list("abcd"), "depth": range(4), "x": x, "y": -(x**3)})
    title = plotting.rank_agreement(table, [("x", "y")]).axes[0].get_title(loc="left")
    assert title == "Spearman ρ = -1.00 over 4 layers"


def test_image_grid_labels_images_by_category():
    pixels = np.zeros((3, 4, 4, 1), np.uint8)
    names, category = np.array(["0", "1", "2"]), np.array(["cat", "dog", "emu"])
    images = ImageSet("toy", "Toy", "none", names, category, pixels=pixels)
    axes = plotting.image_grid(images, [2, 0], columns=2).axes
    assert [axis.get_title(loc="center") for axis in axes] == ["emu", "cat"]


def test_save_writes_into_the_profiles_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(
        project, "current", lambda: project.Profile("quick", tmp_path / "f", tmp_path / "r")
    )
    plotting.save(plt.figure(figsize=(2, 1)), "99_empty")
    assert Image.open(tmp_path / "f" / "99_empty.png").size == (300, 150)
