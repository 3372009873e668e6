import io

import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

from helpers import plotting, project
from helpers.plotting.style import number


@pytest.fixture
def folder(tmp_path, monkeypatch):
    profile = project.Profile("quick", tmp_path / "f", tmp_path / "r")
    monkeypatch.setattr(project, "current", lambda: profile)
    return tmp_path / "f"


def test_save_writes_into_the_profiles_folder(folder):
    plotting.save(plt.figure(figsize=(2, 1)), "99_empty")
    picture = Image.open(folder / "99_empty.png")
    assert picture.size == (300, 150)
    assert "Description" not in picture.text and "Software" not in picture.text


def test_save_keeps_the_text_alternative(folder):
    text = "Gini rises from .27 to .95 – mixed7, 17×17, ρ"
    plotting.save(plt.figure(figsize=(2, 1)), "99_alt", alt=text)
    assert Image.open(folder / "99_alt.png").text["Description"] == text


def test_few_colours_make_a_saved_figure_smaller(folder):
    fig, axis = plt.subplots()
    axis.imshow(np.random.default_rng(0).normal(size=(90, 90)))
    plotting.save(fig, "99_all", alt="noise – ρ")
    plotting.save(fig, "99_few", alt="noise – ρ", colours=32)
    sizes = [(folder / f"99_{name}.png").stat().st_size for name in ("few", "all")]
    few = Image.open(folder / "99_few.png")
    assert sizes[0] < 0.7 * sizes[1]
    assert few.text["Description"] == "noise – ρ" and len(few.getcolors()) <= 32
    assert few.size == Image.open(folder / "99_all.png").size


def test_a_light_picture_is_smaller_and_its_figure_closed():
    fig, axis = plt.subplots()
    axis.imshow(np.random.default_rng(0).normal(size=(90, 90)))
    full = io.BytesIO()
    fig.savefig(full, dpi=72, bbox_inches="tight")
    picture = plotting.light_picture(fig)
    assert picture.data.startswith(b"\x89PNG") and len(picture.data) < len(full.getvalue())
    assert not plt.fignum_exists(fig.number)


@pytest.mark.parametrize(
    ("layers", "short"),
    [
        (["input", "activation", "activation_4", "max_pooling2d_1", "mixed10", "avg_pool"],
         ["input", "a0", "a4", "p1", "m10", "pool"]),
        (["conv2d0", "mixed3a", "avgpool0", "output"], ["c0", "m3a", "pool", "out"]),
        (["conv1", "fire9", "conv10"], ["c1", "f9", "c10"]),
        (["layer1", "logits", "mixed0 5x5"], ["layer1", "logits", "mixed0 5x5"]),
        (["avg_pool", "avg_pool_1", "mixed1"], ["avg_pool", "avg_pool_1", "m1"]),
    ],
)  # fmt: skip
def test_layers_are_shortened_unless_two_would_be_the_same(layers, short):
    assert plotting.short_names(layers) == short


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.5, ".50"), (-0.001, ".00"), (-0.03, "−.03"), (1.0, "1.00"), (10.5, "10.50"), (0.0, ".00")],
)
def test_numbers_are_written_briefly_and_never_minus_zero(value, text):
    assert number(value) == text
