import numpy as np
import pandas as pd
import pytest

from helpers import plotting


def correlations(n, seed=0):
    return np.corrcoef(np.random.default_rng(seed).normal(size=(n, 20)))


def bars(fig):
    return [axis._colorbar for axis in fig.axes if hasattr(axis, "_colorbar")]


def test_layer_matrices_write_numbers_never_minus_zero():
    fig = plotting.layer_matrices({"a": np.eye(3) - 1e-9}, ["x", "y", "z"], numbers=True)
    texts = [text.get_text() for text in fig.axes[0].texts]
    assert texts == ["1.00", ".00", ".00", ".00", "1.00", ".00", ".00", ".00", "1.00"]


@pytest.mark.parametrize(
    ("value", "limits", "extend"),
    [(0.5, (0, 1), "neither"), (-0.2, (0, 1), "min"), (2, (0, 1), "max"), (-2, (-1, 1), "min")],
)
def test_a_colour_bar_shows_that_values_lie_beyond_it(value, limits, extend):
    matrix = np.array([[1, value], [value, 1.0]])
    fig = plotting.layer_matrices({"a": matrix}, ["x", "y"], limits)
    assert bars(fig)[0].extend == extend


def test_a_signed_scale_has_white_at_zero():
    matrix = np.array([[0.5, -0.2], [-0.2, 0.5]])
    drawn = plotting.layer_matrices({"a": matrix}, ["x", "y"], limits=(-0.2, 0.5)).axes[0].images[0]
    assert drawn.get_clim() == (-0.5, 0.5)
    assert np.allclose(drawn.cmap(drawn.norm(0.0))[:3], 1, atol=0.05)


def test_panels_without_common_limits_have_scales_of_their_own():
    matrices = {"a": correlations(4), "b": correlations(4, 1) / 100}
    fig = plotting.layer_matrices(matrices, list("wxyz"), limits=None)
    clims = [axis.images[0].get_clim() for axis in fig.axes[:2]]
    assert clims[0] != clims[1] and len(bars(fig)) == 2


def test_clustered_matrices_put_the_images_in_order_and_write_the_ends_of_the_scales():
    matrix = correlations(6)
    order = np.array([3, 1, 0, 5, 4, 2])
    fig = plotting.clustered_matrices({"a": matrix, "b": matrix / 100}, {"a": order})
    np.testing.assert_allclose(fig.axes[0].images[0].get_array(), matrix[np.ix_(order, order)])
    for bar, axis in zip(bars(fig), fig.axes, strict=False):
        low, high = axis.images[0].get_clim()
        written = [float(t.get_text().replace("−", "-")) for t in bar.ax.get_xticklabels()]
        np.testing.assert_allclose(written, [low, high], rtol=0.1)


def test_ours_published_and_their_difference_stand_below_each_other():
    pairs = {f"mixed{k}": (correlations(4, k), correlations(4, k) - 0.01 * k) for k in range(3)}
    fig = plotting.compared_matrices(pairs, groups=list("aabb"), difference=0.015, wrap=2)
    grid = np.array(fig.axes[:12]).reshape(6, 2)
    assert grid[0, 1].get_title() == "m1" and grid[3, 0].get_title() == "m2"
    assert [axis.get_ylabel() for axis in grid[:3, 0]] == ["ours", "published", "ours −\npublished"]
    np.testing.assert_allclose(grid[5, 0].images[0].get_array(), 0.02)
    assert grid[5, 0].images[0].get_clim() == (-0.015, 0.015)
    assert bars(fig)[1].extend == "max"
    assert grid[0, 0].images[0].get_clim() == grid[4, 0].images[0].get_clim()
    assert list(grid[0, 0].lines[0].get_ydata()) == [1.5, 1.5]


def test_category_map_shows_deviations_around_zero():
    rng = np.random.default_rng(0)
    rows = [
        {"layer": layer, "depth": depth, "category": c, "value": rng.normal()}
        for depth, layer in enumerate(["input", "mixed0", "out"]) for c in "ab"
    ]  # fmt: skip
    table = pd.DataFrame(rows).assign(measure="gini")
    axis = plotting.category_map(table, "gini", {"mixed0": "35×35"}).axes[0]
    np.testing.assert_allclose(axis.images[0].get_array().mean(axis=0), 0, atol=1e-9)
    assert axis.images[0].norm.vmin == -axis.images[0].norm.vmax
    assert [text.get_text() for text in axis.texts] == ["35×35"]
