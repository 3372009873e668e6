import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import PathCollection, PolyCollection

from helpers import plotting

LAYERS = ["activation", "mixed0", "mixed1", "mixed3", "predictions"]


def table(**more):
    columns = {"layer": LAYERS, "depth": range(5), "value": [1.0, 2.0, 3.0, 2.5, 4.0]}
    return pd.DataFrame(columns | more)


def labels(fig):
    return [text.get_text() for text in fig.legends[0].get_texts()]


def ticks(axis):
    return [text.get_text() for text in axis.get_xticklabels()]


def test_a_curve_with_its_interval_in_the_order_of_depth():
    rows = table().assign(low=lambda t: t["value"] - 1, high=lambda t: t["value"] + 1)
    fig = plotting.against_depth(rows.sample(frac=1, random_state=0), "a measure")
    (axis,) = fig.axes
    np.testing.assert_array_equal(axis.lines[0].get_ydata(), table()["value"])
    (band,) = [c for c in axis.collections if isinstance(c, PolyCollection)]
    heights = band.get_paths()[0].vertices[:, 1]
    assert (heights.min(), heights.max()) == (0, 5)
    assert ticks(axis) == ["a0", "m0", "m1", "m3", "out"]
    assert axis.get_ylabel() == "a measure" and not fig.legends


@pytest.mark.parametrize("how", ["NaN", "no row"])
def test_no_line_is_drawn_across_a_missing_layer(how):
    rows = pd.concat([table(by="x"), table(by="y")], ignore_index=True)
    rows.loc[2, "value"] = np.nan
    rows = rows if how == "NaN" else rows.dropna()
    first, second = plotting.against_depth(rows, by="by").axes[0].lines
    np.testing.assert_array_equal(first.get_ydata(), [1, 2, np.nan, 2.5, 4])
    assert np.isfinite(second.get_ydata()).all()


def test_a_lone_point_keeps_its_interval():
    rows = table(low=0.0, high=9.0).assign(value=[1.0, np.nan, 3.0, np.nan, 4.0])
    axis = plotting.against_depth(rows).axes[0]
    bars = [c for c in axis.collections if not isinstance(c, PolyCollection)][0].get_segments()
    assert [tuple(bar[:, 0]) for bar in bars] == [(0, 0), (2, 2), (4, 4)]
    assert {tuple(bar[:, 1]) for bar in bars} == {(0, 9)}


def test_seeds_are_drawn_as_mean_and_range():
    rows = pd.concat([table(), table().assign(value=lambda t: t["value"] + 2)])
    axis = plotting.against_depth(rows).axes[0]
    np.testing.assert_allclose(axis.lines[0].get_ydata(), table()["value"] + 1)
    heights = axis.collections[0].get_paths()[0].vertices[:, 1]
    assert (heights.min(), heights.max()) == (1, 6)


def test_images_are_drawn_as_mean_and_bootstrap_interval():
    rng = np.random.default_rng(0)
    rows = pd.concat([table(value=table()["value"] + x) for x in rng.normal(size=40)])
    axis = plotting.against_depth(rows, spread="interval", points=True).axes[0]
    mean = rows.groupby("depth")["value"].mean()
    np.testing.assert_allclose(axis.lines[0].get_ydata(), mean)
    (band,) = [c for c in axis.collections if isinstance(c, PolyCollection)]
    at_zero = [y for x, y in band.get_paths()[0].vertices if x == 0]
    error = rows.groupby("depth")["value"].sem()[0]
    assert max(at_zero) - mean[0] == pytest.approx(1.96 * error, rel=0.25)
    (dots,) = [c for c in axis.collections if isinstance(c, PathCollection)]
    assert len(dots.get_offsets()) == 200


def test_published_values_the_null_and_what_is_not_significant():
    rows = table(
        published=[1.1, np.nan, 2.9, np.nan, np.nan], significant=[True, False, True, True, False],
        null_low=-1.0, null_high=1.0,
    )  # fmt: skip
    fig = plotting.against_depth(rows, null="95 % of permutations")
    (axis,) = fig.axes
    (diamonds,) = [c for c in axis.collections if c.get_label() == "published"]
    np.testing.assert_allclose(diamonds.get_offsets(), [[0, 1.1], [2, 2.9]])
    curve, opened = axis.lines
    assert list(opened.get_xdata()) == [1, 4] and opened.get_markerfacecolor() == "white"
    assert curve.get_markerfacecolor() != "white"
    assert [(bar.get_y(), bar.get_height()) for bar in axis.patches] == [(-1, 2)] * 5
    assert set(labels(fig)) == {"ours", "published", "95 % of permutations"}


def test_published_values_of_each_curve_have_its_colour():
    rows = pd.concat([table(by="x", published=1.0), table(by="y", published=2.0)])
    fig = plotting.against_depth(rows, by="by")
    first, second = [c for c in fig.axes[0].collections if isinstance(c, PathCollection)]
    lines = fig.axes[0].lines
    assert tuple(first.get_edgecolor()[0][:3]) == pytest.approx(lines[0].get_color())
    assert tuple(second.get_edgecolor()[0][:3]) == pytest.approx(lines[1].get_color())
    assert labels(fig) == ["x", "y", "published, x", "published, y"]


def test_rows_are_chosen_ordered_and_labelled():
    measures = pd.concat([table(measure=m) for m in ("a", "b", "c")])
    fig = plotting.against_depth(
        measures, {"c": "see", "a": "ay"}, rows="measure", guides={"a": 0.5}
    )
    assert [axis.get_ylabel() for axis in fig.axes] == ["see", "ay"]
    assert ticks(fig.axes[0]) == [""] * 5 and ticks(fig.axes[1])[0] == "a0"
    assert [len(axis.lines) for axis in fig.axes] == [1, 2]
    assert list(fig.axes[1].lines[1].get_ydata()) == [0.5, 0.5]


def test_networks_side_by_side_have_their_own_layers_and_one_legend():
    other = pd.DataFrame({"layer": ["conv1", "fire2"], "depth": [0, 1], "value": [5.0, 6.0]})
    both = pd.concat([table(network="one"), other.assign(network="two")])
    references = plotting.stretched({"p": 1.0, "q": 2.0, "r": 3.0}, both, "AlexNet")
    fig = plotting.against_depth(
        both, columns="network", references=references, guides={"V1": 0.36}
    )
    one, two = fig.axes
    assert ticks(one)[-1] == "out" and ticks(two) == ["c1", "f2"]
    assert [axis.get_title(loc="left") for axis in fig.axes] == ["one", "two"]
    assert list(two.lines[1].get_xdata()) == [0, 0.5, 1] and list(one.lines[1].get_xdata()) == [
        0,
        2,
        4,
    ]
    assert labels(fig) == ["ours", "AlexNet", "V1"]
    assert one.get_ylim() == two.get_ylim()


def test_wrapped_panels_have_axes_of_their_own():
    measures = pd.concat([table(measure=m).assign(value=k) for k, m in enumerate("abcde")])
    fig = plotting.against_depth(measures, columns="measure", wrap=3, share_y=False)
    used = [axis for axis in fig.axes if axis.axison]
    assert [axis.get_title(loc="left") for axis in used] == list("abcde")
    assert [ticks(axis)[0] for axis in used] == ["", "", "a0", "a0", "a0"]
    assert len({axis.get_ylim() for axis in used}) == 5


def test_stages_are_shaded_in_turn_and_named():
    stages = {"activation": "stem", "mixed0": "35×35", "mixed1": "35×35", "mixed3": "17×17"}
    axis = plotting.against_depth(table(), stages=stages).axes[0]
    assert [text.get_text() for text in axis.texts] == ["stem", "35×35", "17×17"]
    edges = [tuple(patch.get_extents().transformed(axis.transData.inverted()).intervalx)
             for patch in axis.patches]  # fmt: skip
    np.testing.assert_allclose(edges, [(-0.5, 0.5), (2.5, 3.5)])


def test_an_axis_of_shares_starts_at_zero():
    assert plotting.against_depth(table(), zero=True).axes[0].get_ylim()[0] == 0
    assert plotting.against_depth(table()).axes[0].get_ylim()[0] > 0
    low, high = table().assign(panel="low"), table().assign(panel="high")
    high["value"] *= 10
    both = plotting.against_depth(pd.concat([low, high]), columns="panel", zero=True)
    assert both.axes[0].get_ylim()[1] >= high["value"].max()


def test_names_are_turned_only_where_they_would_run_into_each_other():
    assert plotting.against_depth(table()).axes[0].get_xticklabels()[0].get_rotation() == 0
    many = pd.DataFrame({"layer": [f"a_long_name_{i}" for i in range(20)], "depth": range(20)})
    axis = plotting.against_depth(many.assign(value=1.0)).axes[0]
    assert axis.get_xticklabels()[0].get_rotation() == 45


def test_another_network_is_aligned_by_the_layers_named():
    rows = table(network="one")
    ends = {"one": ("activation", "mixed3")}
    placed = plotting.stretched({"p": 1.0, "q": 2.0, "r": 3.0}, rows, "AlexNet", ends=ends)
    assert list(placed["depth"]) == [0, 1.5, 3] and set(placed["name"]) == {"AlexNet"}
    series = pd.Series({"p": 1.0, "q": 2.0, "r": 3.0})
    pd.testing.assert_frame_equal(plotting.stretched(series, rows, "AlexNet", ends=ends), placed)


@pytest.mark.parametrize(
    ("rows", "message"), [(table().drop(columns="depth"), "depth"), (table()[:0], "no rows")]
)
def test_a_table_that_cannot_be_drawn_is_named(rows, message):
    with pytest.raises(ValueError, match=message):
        plotting.against_depth(rows)


def test_parts_are_stacked_to_their_sum():
    rows = table(silent=[0.1, 0.2, 0.3, 0.4, 0.5], rest=[0.5, 0.4, 0.3, 0.2, 0.1])
    fig = plotting.stacked(rows, {"silent": "silent units", "rest": "the others"}, "share")
    (axis,) = fig.axes
    tops = [bar.get_y() + bar.get_height() for bar in axis.patches if bar.get_width() < 1]
    np.testing.assert_allclose(tops, [0.1, 0.2, 0.3, 0.4, 0.5] + [0.6] * 5)
    assert labels(fig) == ["silent units", "the others"] and axis.get_ylim()[0] == 0
    assert ticks(axis) == ["a0", "m0", "m1", "m3", "out"]
