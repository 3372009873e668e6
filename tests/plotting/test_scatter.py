import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from helpers import plotting


def overlapping(texts, fig):
    fig.draw_without_rendering()
    boxes = [text.get_window_extent() for text in texts]
    return [(i, j) for i in range(len(boxes)) for j in range(i) if boxes[i].overlaps(boxes[j])]


def test_layer_scatter_names_every_layer_on_shared_axes():
    points = pd.DataFrame({"layer": ["mixed0", "b"], "depth": [0, 1], "x": [1, 2], "y": [3, 4]})
    fig = plotting.layer_scatter({"ours": points, "published": points.assign(x=[5, 6])}, "x", "y")
    ours, published = fig.axes[:2]
    assert [text.get_text() for text in ours.texts] == ["m0", "b"]
    assert published.get_title(loc="left") == "published"
    assert ours.get_xlim() == published.get_xlim()


def test_rank_agreement_is_spearmans_over_the_layers_that_both_have():
    x = np.array([0.1, 0.5, 0.2, 0.9, np.nan])
    table = pd.DataFrame({"layer": list("abcde"), "depth": range(5), "x": x, "y": -(x**3)})
    fig = plotting.rank_agreement(table, [("x", "y"), ("x", "x")])
    titles = [axis.get_title(loc="left") for axis in fig.axes[:2]]
    assert titles == ["Spearman ρ = −1.00 over 4 layers", "Spearman ρ = 1.00 over 4 layers"]


def test_the_extremes_are_named_and_the_fit_stops_at_one():
    value = np.linspace(0, 1, 6)
    rows = {"network": "one", "layer": "l1", "category": list("abcdef"), "value": value}
    outcome = {"one": np.array([0, 0.7, 1, 1, 1, 1])}
    fig = plotting.category_scatter(pd.DataFrame(rows), outcome, {"one": ["l1"]}, names=2)
    (axis,) = fig.axes
    assert {text.get_text() for text in axis.texts} == {"a", "b", "e", "f"}
    np.testing.assert_allclose(axis.collections[0].get_offsets()[:, 1], outcome["one"])
    fit = axis.lines[0].get_ydata()
    assert fit.max() <= 1 and np.polyval(np.polyfit(value, outcome["one"], 1), 1) > 1
    low, high = axis.get_ylim()
    assert high > 1.05 and axis.get_yticks().max() == pytest.approx(1)
    assert low < axis.get_yticks().min()


def test_names_of_crowded_points_do_not_overlap():
    rng = np.random.default_rng(0)
    x, y = rng.normal(0.5, 0.08, (2, 14))
    fig, axis = plt.subplots(figsize=(6, 5))
    axis.scatter(x, y)
    axis.set(xlim=(0, 1), ylim=(0, 1))
    texts = plotting.name_points(axis, x, y, [f"name {k}" for k in range(14)])
    assert not overlapping(texts, fig)
    points = axis.transData.transform(np.column_stack([x, y]))
    covered = [text.get_window_extent().contains(*p) for text in texts for p in points]
    assert sum(covered) <= 1


def test_a_centred_name_moves_only_where_another_one_is():
    fig, axis = plt.subplots()
    axis.set(xlim=(0, 1), ylim=(0, 1))
    names = ["shirt", "coat", "bag"]
    texts = plotting.name_points(axis, [0.5, 0.5, 0.2], [0.5, 0.5, 0.2], names, centred=True)
    assert texts[0].get_position() == texts[2].get_position() == (0, 0)
    assert texts[1].get_position() != (0, 0) and not overlapping(texts, fig)


def test_no_line_to_a_name_crosses_another_name():
    rng = np.random.default_rng(1)
    x, y = rng.uniform(0.4, 0.6, (2, 9))
    fig, axis = plt.subplots(figsize=(6, 5))
    axis.set(xlim=(0, 1), ylim=(0, 1))
    texts = plotting.name_points(axis, x, y, [f"a longer name {k}" for k in range(9)])
    assert axis.lines and not overlapping(texts, fig)
    boxes = [text.get_window_extent() for text in texts]
    for line in axis.lines:
        start, end = axis.transData.transform(line.get_xydata())
        own = int(np.argmin(np.hypot(*(np.transpose([x, y]) - line.get_xydata()[0]).T)))
        for k, box in enumerate(boxes):
            along = start + np.linspace(0, 1, 50)[:, None] * (end - start)
            assert k == own or not any(box.contains(*dot) for dot in along)
