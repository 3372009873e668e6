import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from helpers import plotting, project

STEPS = [0, 1, 10, 300]


def table(layers=("input", "mixed0", "logits"), seeds=(0, 1)):
    rows = [
        (seed, step, layer, depth, depth + step + 0.1 * seed)
        for seed in seeds
        for step in STEPS
        for depth, layer in enumerate(layers)
    ]
    return pd.DataFrame(rows, columns=["seed", "step", "layer", "depth", "value"])


def test_a_curve_per_layer_in_order_of_depth_from_dark_to_light():
    fig = plotting.over_steps(table().sample(frac=1, random_state=0), "value")
    (axis,) = fig.axes
    lines = axis.get_lines()
    assert [line.get_label() for line in lines] == ["input", "m0", "logits"]
    np.testing.assert_allclose(lines[1].get_ydata(), 1.05 + np.array(STEPS))
    brightness = [np.dot(line.get_color()[:3], (0.3, 0.59, 0.11)) for line in lines]
    assert brightness == sorted(brightness)
    assert axis.get_ylabel() == "value"


def test_the_axis_begins_with_step_0_and_ends_with_the_last():
    axis = plotting.over_steps(table()).axes[0]
    assert axis.get_xlim() == (0, 300)
    assert [t.get_text() for t in axis.get_xticklabels()] == ["0", "1", "10", "100", "300"]
    short = table()[table()["step"] < 10]
    texts = plotting.over_steps(short).axes[0].get_xticklabels()
    assert [t.get_text() for t in texts] == ["0", "1"]


def test_panels_by_rows_and_columns_each_column_with_its_layers():
    both = pd.concat(
        [
            table().assign(measure=measure, network=network)
            for measure in ("Gini", "PSI")
            for network in ("one", "two")
        ]
    )
    fig = plotting.over_steps(both, rows="measure", columns="network", guides=[0.5])
    assert len(fig.axes) == 4
    assert [axis.get_ylabel() for axis in fig.axes[::2]] == ["Gini", "PSI"]
    assert [axis.get_title(loc="left") for axis in fig.axes[:2]] == ["one", "two"]
    assert [axis.get_legend() is not None for axis in fig.axes] == [False, False, True, True]


def test_a_layer_has_one_colour_also_where_a_measure_knows_fewer_layers():
    fewer = table(["input", "mixed0"]).assign(measure="Gini")
    fig = plotting.over_steps(pd.concat([fewer, table().assign(measure="PSI")]), rows="measure")
    upper, lower = (
        {line.get_label(): line.get_color() for line in axis.get_lines()} for axis in fig.axes
    )
    assert list(upper) == ["input", "m0"]
    assert all(tuple(lower[name]) == tuple(colour) for name, colour in upper.items())


def test_the_legend_reads_from_left_to_right():
    fig = plotting.over_steps(table([f"mixed{k}" for k in range(8)]))
    fig.canvas.draw()
    places = {}
    for text in fig.axes[0].get_legend().get_texts():
        x, y = text.get_window_extent().p0
        places[text.get_text()] = -round(y), x
    assert sorted(places, key=places.get) == [f"m{k}" for k in range(8)]


def test_tables_that_cannot_be_drawn_are_refused():
    with pytest.raises(ValueError, match="no column network"):
        plotting.over_steps(table(), columns="network")
    with pytest.raises(ValueError, match="no rows"):
        plotting.over_steps(table().iloc[:0])


def test_an_animation_has_a_frame_per_figure_and_stays_on_the_last(tmp_path, monkeypatch):
    profile = project.Profile("quick", tmp_path, tmp_path)
    monkeypatch.setattr(project, "current", lambda: profile)
    matrices = [np.zeros((3, 3)), np.eye(3) / 2 + 0.5, np.ones((3, 3))]
    figures = [plotting.layer_matrices({"a": m}, ["x", "y", "z"]) for m in matrices]
    shown = plotting.save_animation(figures, "00_matrix", seconds=0.2)
    with Image.open(tmp_path / "00_matrix.gif") as gif:
        assert gif.n_frames == 3
        first = np.asarray(gif.convert("RGB"))[gif.height // 2, gif.width // 3]
        durations = []
        for k in range(3):
            gif.seek(k)
            durations.append(gif.info["duration"])
    assert durations == [200, 200, 800]
    lowest = 255 * np.array(plt.get_cmap("cividis")(0.0)[:3])  # a colour that the last frame lacks
    np.testing.assert_allclose(first, lowest, atol=8)
    assert shown.data == (tmp_path / "00_matrix.gif").read_bytes()
