import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from helpers import plotting


@pytest.fixture(autouse=True)
def closed_figures():
    with plt.rc_context():
        plotting.use_style()
        yield
    plt.close("all")


def table(networks=("one", "two"), layers=3, categories=6):
    rng = np.random.default_rng(0)
    rows = [
        {"network": n, "layer": f"l{d}", "depth": d, "dead": d, "category": f"c{c}",
         "value": rng.uniform()}
        for n in networks for d in range(layers) for c in range(categories)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_a_box_for_every_layer_with_its_median_and_references():
    psi = table()
    published = pd.Series({"a": 0.1, "b": 0.3})
    fig = plotting.psi_distributions(psi, psi, published, {"macaque": 0.36})
    assert [axis.get_title(loc="left") for axis in fig.axes] == ["one", "two"]
    first = psi[(psi["network"] == "two") & (psi["depth"] == 0)]["value"]
    lines = fig.axes[1].lines
    assert any(np.allclose(line.get_ydata(), first.median()) for line in lines)
    assert any(np.allclose(line.get_ydata(), 0.36) for line in lines)
    (crosses,) = [line for line in lines if list(line.get_ydata()) == [0.1, 0.3]]
    assert list(crosses.get_xdata()) == [0, 2]
    assert [t.get_text() for t in fig.axes[0].texts] == ["1 dead", "2 dead"]


def test_curves_are_means_over_seeds_with_their_range():
    rows = pd.concat([table(categories=1).assign(seed=s, kind="k") for s in range(2)])
    rows["value"] += rows["seed"]
    fig = plotting.layer_panels(rows, "value", "label", by="kind")
    drawn = rows[rows["network"] == "one"].groupby("depth")["value"]
    np.testing.assert_allclose(fig.axes[0].lines[0].get_ydata(), drawn.mean())
    band = fig.axes[0].collections[0].get_paths()[0].vertices[:, 1]
    assert band.max() == pytest.approx(drawn.max().max())
    assert fig.axes[0].get_ylabel() == "label"


def test_the_null_and_the_interval_are_drawn():
    rows = table(("one",), categories=1).assign(low=-0.5, high=1.5, null=0.2)
    fig = plotting.layer_panels(rows, "value", "r", null=True)
    extents = [c.get_paths()[0].vertices[:, 1] for c in fig.axes[0].collections]
    assert [(e.min(), e.max()) for e in extents] == [(-0.2, 0.2), (-0.5, 1.5)]


def test_the_extremes_are_named():
    psi = table(("one",))
    accuracy = {"one": np.linspace(0, 1, 6)}
    fig = plotting.accuracy_scatter(psi, accuracy, {"one": ["l1"]}, names=2)
    values = psi[psi["layer"] == "l1"].sort_values("value")["category"]
    named = {t.get_text() for t in fig.axes[0].texts}
    assert named == {*values[:2], *values[-2:]}
    np.testing.assert_allclose(fig.axes[0].collections[0].get_offsets()[:, 1], accuracy["one"])
