import re

import keras
import nbformat
import numpy as np
import pandas as pd
import pytest
from keras import layers as kl
from PIL import Image

from helpers import data
from helpers.layers import _shards
from tools import report


def test_formulas_become_plain_text():
    assert (
        report.plain_formulas(r"so $G = (1 - a) + a\,g$, and $x$")
        == "so *G = (1 - a) + a g*, and *x*"
    )


def test_a_report_leaves_out_what_only_the_notebook_needs():
    short = report.shortened(nbformat.read(report.NOTEBOOK, as_version=4))
    tags = [set(cell.metadata.get("tags", [])) for cell in short.cells]
    assert {"parameters"} in tags and not any(report.LEFT_OUT & each for each in tags)
    text = "\n".join(cell.source for cell in short.cells)
    for absent in ("google.colab", "**Measured:**", "# Solution", "(SqueezeNet)", "## Exercises"):
        assert absent not in text


@pytest.fixture
def own(tmp_path):
    """A saved model and 80 photos of four categories for it."""
    image = keras.Input((12, 12, 3), name="image")
    x = kl.Rescaling(1 / 255)(image)
    x = kl.Conv2D(4, 3, activation="swish", name="conv")(x)
    x = kl.Conv2D(6, 3, activation="relu", name="late")(x)
    x = kl.Dense(4, activation="softmax", name="end")(kl.GlobalAveragePooling2D(name="mean")(x))
    keras.Model(image, x, name="own").save(tmp_path / "own.keras")
    rng = np.random.default_rng(0)
    for i in range(80):
        folder = tmp_path / "photos" / "abcd"[i % 4]
        folder.mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 60 * (i % 4) + 70, (14, 14, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{i:02d}.png")
    return [str(tmp_path / "own.keras"), str(tmp_path / "photos")]


def test_a_report_is_one_page_made_of_what_an_interrupted_one_left(
    own, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(report, "FOLDER", tmp_path / "report")
    monkeypatch.setenv("LAYERS_OUTPUT", "")
    monkeypatch.setenv("LAYERS_PROFILE", "quick")
    save = _shards._Kept.save

    def once(self, i, result):
        if i:
            raise KeyboardInterrupt
        save(self, i, result)

    with monkeypatch.context() as patch:
        patch.setattr(_shards._Kept, "save", once)
        assert report.main(own) == 1
    assert "the same command goes on" in capsys.readouterr().err
    unfinished = tmp_path / "report" / "own_photos.unfinished"
    left = list((unfinished / "shards").iterdir())
    assert len(left) == 1 and not list((tmp_path / "report").glob("*.html"))
    written = left[0].stat().st_mtime_ns
    monkeypatch.setattr(report.shutil, "rmtree", lambda *args, **kwargs: None)
    assert report.main(own) == 0
    assert left[0].stat().st_mtime_ns == written
    page = (tmp_path / "report" / "own_photos.html").read_text(encoding="utf-8")
    assert "data:image/png;base64" in page and data.sha256(own[0]) in page
    assert not re.findall(
        r"<(?:script|link|img|iframe)[^>]*(?:src|href)=[\"']?(?:https?:)?//", page
    )
    assert "SqueezeNet)" not in page and "tensorflow" in page
    tables = tmp_path / "report" / "own_photos"
    names = {path.stem for path in tables.iterdir()}
    assert {
        "sparseness_by_image",
        "sparseness",
        "psi",
        "r",
        "decorrelation",
        "layers",
        "versions",
    } <= (names)
    assert set(pd.read_csv(tables / "sparseness.csv")["network"]) == {"own"}


def test_what_is_wrong_is_said_in_a_line(own, capsys):
    assert report.main([own[0], own[1] + "/nowhere"]) == 1
    assert "no report: no folder" in capsys.readouterr().err
    assert report.main(["MobileNetV9", own[1]]) == 1
    assert "did you mean" in capsys.readouterr().err
