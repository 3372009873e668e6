import base64
import io
import json
import re
import subprocess
import sys
from pathlib import Path

import altair
import jupyterlab
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from helpers import plotting

VEGA_LITE = "application/vnd.vegalite.v5+json"


@pytest.fixture
def explorer():
    rng = np.random.default_rng(0)
    panels = {layer: rng.normal(size=(30, 2)) for layer in ("input", "layer1", "layer2")}
    panels["layer2"][:, 0] *= 50
    images = np.zeros((30, 28, 28), np.uint8)
    images[:, 4:8, :14] = 255
    return plotting.embedding_explorer(panels, images, np.arange(30) % 3, ["a", "b", "c"], "toy")


def table(explorer):
    spec = explorer.chart.to_dict()
    text = next(iter(spec["datasets"].values())) if "datasets" in spec else spec["data"]["values"]
    return pd.read_csv(io.StringIO(text))


def test_positions_of_all_layers_are_whole_numbers_within_one_square(explorer):
    points = table(explorer)
    assert list(points["c"]) == ["a", "b", "c"] * 10
    for k in range(3):
        at = points[[f"x{k}", f"y{k}"]].to_numpy()
        assert at.dtype.kind == "i" and at.min() >= 0 and at.max() <= 1000
        assert np.ptp(at, axis=0).max() == 1000
    assert np.ptp(points["y2"]) < 200


def test_images_are_black_on_white(explorer):
    picture = Image.open(io.BytesIO(base64.b64decode(table(explorer)["i"][0]))).convert("L")
    grey = np.asarray(picture).astype(int)
    assert grey.shape == (28, 28)
    assert grey[5:7, 2:12].mean() < 60 and grey[20:].mean() > 200


def test_jupyterlab_draws_the_description_and_a_page_shows_the_picture(explorer):
    bundle = explorer._repr_mimebundle_()
    assert set(bundle) == {VEGA_LITE, "image/png", "text/plain"} and "toy" in bundle["text/plain"]
    assert "http" not in json.dumps(bundle).replace(bundle[VEGA_LITE]["$schema"], "")
    picture = Image.open(io.BytesIO(base64.b64decode(bundle["image/png"])))
    assert picture.size[0] >= 520 and picture.getpalette()[:3] != [0, 0, 0]
    assert len(json.dumps(bundle)) < 80_000
    assert explorer._repr_mimebundle_() == bundle


def test_colab_gets_html(explorer, monkeypatch):
    monkeypatch.setitem(sys.modules, "google.colab", sys)
    bundle = explorer._repr_mimebundle_()
    assert set(bundle) == {"text/html", "text/plain"} and "vegaEmbed" in bundle["text/html"]


def test_jupyterlab_draws_the_major_version_of_vega_lite_that_altair_describes():
    installed = Path(jupyterlab.__file__).parent / "staging" / "package.json"
    extensions = json.loads(installed.read_text(encoding="utf-8"))["dependencies"]
    assert altair.VEGALITE_VERSION.strip("v").startswith("5.")
    assert "@jupyterlab/vega5-extension" in extensions


def test_the_slider_moves_points_linearly_from_layer_to_layer(explorer):
    spec = explorer.chart.to_dict()
    move = next(t["calculate"] for t in spec["transform"] if t["as"] == "x")
    row = {"x0": 0, "x1": 100, "x2": 300}
    for depth, expected in ((0, 0), (0.5, 50), (1, 100), (1.25, 150), (2, 300)):
        found = eval(
            move.replace("datum.x", "x").replace("toNumber", "float"),
            {"depth": depth, "clamp": lambda v, low, high: min(max(v, low), high)} | row,
        )
        assert found == pytest.approx(expected)
    (slider,) = [param for param in spec["params"] if param["name"] == "depth"]
    assert slider["bind"]["max"] == 2


def test_altair_is_loaded_by_the_explorer_only():
    code = "import sys; from helpers import plotting; sys.exit('altair' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def curves():
    layers = [("A", "conv1", 0), ("A", "fire2", 1), ("B", "mixed0", 0)]
    rows = [(n, m, layer, d, 0.1 * d, None, 0.2) for m in ("gini", "psi") for n, layer, d in layers]
    columns = ["network", "measure", "layer", "depth", "value", "low", "high"]
    return pd.DataFrame(rows, columns=columns)


def test_all_pairs_of_measure_and_network_can_be_chosen():
    spec = plotting.layer_explorer(curves(), "layers").chart.to_dict()
    selects = [p for p in spec["params"] if "bind" in p and "options" in p["bind"]]
    pairs = ["gini — A", "gini — B", "psi — A", "psi — B"]
    assert [p["bind"]["options"] for p in selects] == [pairs, pairs]
    assert [p["value"] for p in selects] == pairs[:2]
    points = pd.read_csv(
        io.StringIO(
            next(iter(spec["datasets"].values())) if "datasets" in spec else spec["data"]["values"]
        )
    )
    assert list(points["short"]) == ["c1", "f2", "m0"] * 2
    assert points["low"].isna().all() and set(points["high"]) == {0.2}


def test_two_values_for_one_point_are_refused():
    with pytest.raises(ValueError, match="more than one value.*gini — A"):
        plotting.layer_explorer(pd.concat([curves(), curves()]))


def test_layers_stand_in_order_of_depth():
    import vl_convert

    rows = [("A", "gini", f"mixed{d}", d, 0.1, 0.0, 0.2) for d in range(12)]
    table = pd.concat([curves(), pd.DataFrame(rows, columns=curves().columns).assign(network="C")])
    spec = plotting.layer_explorer(table[table["network"] != "B"]).chart.to_dict()
    next(p for p in spec["params"] if p["name"] == "upper")["value"] = "gini — C"
    svg = vl_convert.vegalite_to_svg(spec, vl_version="5.20")
    assert re.findall(r">(m\d+)<", svg) == [f"m{d}" for d in range(12)]
