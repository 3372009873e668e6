import numpy as np
import pandas as pd
import pytest

from helpers import plotting


def psi(networks=("one", "two"), layers=3, categories=6):
    rng = np.random.default_rng(0)
    rows = [
        {"network": n, "layer": f"l{d}", "depth": d, "category": f"c{c}", "value": rng.uniform()}
        for n in networks for d in range(layers) for c in range(categories)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_histograms_draw_every_layer_its_text_and_its_zeros():
    edges = np.linspace(0, 1, 5)
    ours = {f"mixed{i}": (edges, np.array([0.4, 0.3, 0.2, 0.1]) / 2) for i in range(5)}
    texts = {layer: f"text {layer}" for layer in ours}
    fig = plotting.histograms(
        ours, texts, zeros=dict.fromkeys(ours, 0.5), published={"mixed1": ours["mixed1"]},
        published_zeros={"mixed1": 0.6}, wrap=3,
    )  # fmt: skip
    used = [axis for axis in fig.axes if axis.axison]
    assert [axis.get_title(loc="left") for axis in used] == ["m0", "m1", "m2", "m3", "m4"]
    for axis, layer in zip(used, ours, strict=True):
        (zero,) = [p for p in axis.patches if p.get_label() != "ours" and hasattr(p, "get_height")]
        assert zero.get_height() == 0.5 and zero.get_x() + zero.get_width() < 0
        assert texts[layer] in [text.get_text() for text in axis.texts]
    assert [text.get_text() for text in fig.legends[0].get_texts()] == [
        "ours", "exactly zero", "published", "zeros, published"
    ]  # fmt: skip
    assert [axis.get_xlabel() for axis in used] == [""] * 2 + ["activation"] * 3


def test_without_a_published_histogram_none_is_called_ours():
    edges = np.linspace(0, 1, 3)
    fig = plotting.histograms({"a": (edges, np.array([0.3, 0.2]))}, zeros={"a": 0.5})
    assert [text.get_text() for text in fig.legends[0].get_texts()] == ["not zero", "exactly zero"]


def test_samples_are_compared_as_shares_and_what_is_outside_is_told():
    samples = {"mixed0": {"ours": np.array([0.1, 0.2, np.nan, 5.0]), "published": np.zeros((2, 2))}}
    fig = plotting.compared_histograms(samples, "r", limits=(-1, 1), bins=4)
    assert all(axis.get_xlim() == (-1, 1) for axis in fig.axes)
    (axis,) = fig.axes
    drawn = [patch.get_data().values for patch in axis.patches]
    np.testing.assert_allclose(drawn, [[0, 0, 2 / 3, 0], [0, 0, 1, 0]])
    assert [text.get_text() for text in axis.texts] == ["outside\nours: 33 %"]
    assert axis.get_title(loc="left") == "m0" and axis.get_xlabel() == "r"


def test_a_box_for_every_layer_with_its_median_and_references():
    table = psi()
    alexnet = plotting.stretched({"a": 0.1, "b": 0.3}, table, "AlexNet")
    notes = {("one", "l1"): "1 dead"}
    fig = plotting.boxes_by_layer(
        table, "PSI", "network", table, "noise", alexnet, {"macaque": 0.36}, notes
    )
    assert [axis.get_title(loc="left") for axis in fig.axes] == ["one", "two"]
    first = table[(table["network"] == "two") & (table["depth"] == 0)]["value"]
    lines = fig.axes[1].lines
    assert any(np.allclose(line.get_ydata(), first.median()) for line in lines)
    named = {line.get_label(): line for line in lines}
    assert list(named["macaque"].get_ydata()) == [0.36, 0.36]
    assert list(named["AlexNet"].get_xdata()) == [0, 2]
    medians = table[table["network"] == "two"].groupby("depth")["value"].median()
    np.testing.assert_allclose(named["noise"].get_ydata(), medians)
    assert [[t.get_text() for t in axis.texts] for axis in fig.axes] == [["1 dead"], []]


def test_lorenz_curves_run_from_nothing_to_everything():
    patterns = {"one active": np.eye(5)[0], "equal": np.ones(5)}
    fig = plotting.lorenz(patterns, gini={"one active": 0.8, "equal": 0})
    one, equal = fig.axes[0].get_lines()[1:]
    np.testing.assert_allclose(one.get_ydata(), [0, 0, 0, 0, 0, 1])
    np.testing.assert_allclose(equal.get_ydata(), np.linspace(0, 1, 6))
    assert one.get_label() == "one active, Gini .80"


@pytest.mark.parametrize("values", [[0, 0], [-1, 2], [np.nan, 1]])
def test_a_pattern_without_a_lorenz_curve_is_named(values):
    with pytest.raises(ValueError, match="'odd'"):
        plotting.lorenz({"odd": values})
