import re

import numpy as np
import pytest
from PIL import Image

from helpers import project
from tools import update_readme

TEXT = update_readme.README.read_text(encoding="utf-8")


def test_generated_sections_are_up_to_date():
    assert update_readme.updated(TEXT) == TEXT, "run `python -m tools.update_readme`"


def test_no_room_is_left_out():
    helpers = project.ROOT / "helpers"
    found = {path.stem for path in helpers.iterdir() if path.suffix == ".py" or path.is_dir()}
    assert found - {"__init__", "__pycache__"} == set(update_readme.ROOMS)


def test_the_map_says_what_rests_on_what(tmp_path, monkeypatch):
    files = {
        "data/__init__.py": '"""Images.\n\nMore."""\nfrom helpers import project\n__all__ = ["b"]',
        "data/_inside.py": "def f():\n    from helpers.metrics.sparsity import gini",
        "metrics/__init__.py": '"""Measures: many."""',
        "metrics/sparsity.py": "import numpy",
        "metrics/_gini.py": "from helpers.metrics import sparsity",
        "project.py": '"""Folders."""\n__all__ = []',
    }
    for name, code in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(code)
    monkeypatch.setattr(update_readme, "HELPERS", tmp_path)
    monkeypatch.setattr(update_readme, "ROOMS", ("project", "metrics", "data"))
    assert update_readme.rooms().splitlines()[1:] == [
        "- **`helpers.metrics`** Measures: many.<br>`sparsity`<br>*Uses* no other room.",
        "- **`helpers.data`** Images.<br>`b`<br>*Uses* `project`, `metrics`.",
    ]


def test_what_the_map_points_to_is_there():
    rows = re.findall(r"^\| .+? \| \[.+?\]\((.+?)\)(?: \(([^)]+)\))?", TEXT, re.MULTILINE)
    named = [(path, name) for path, names in rows for name in re.findall(r"`(\w+)`", names)]
    assert len(named) >= 3
    for path, name in named:
        assert re.search(rf"\b{name}\b", (project.ROOT / path).read_text()), (path, name)


def test_the_first_picture_is_the_first_that_is_there(monkeypatch):
    monkeypatch.setattr(update_readme, "FIRST", ("06_never_drawn", "04_psi_by_layer"))
    assert "](figures/04_psi_by_layer.png)" in update_readme.picture()
    assert "[notebook 04](notebooks/04_" in update_readme.picture()


def test_missing_marks_are_named():
    with pytest.raises(ValueError, match="comments around the picture are missing"):
        update_readme.updated("# A README without marks")


def test_links_lead_to_files():
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", TEXT)
    assert links
    assert not [link for link in links if not (project.ROOT / link).exists()]


def test_the_example_runs(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    for category in ("cats", "dogs"):
        (tmp_path / "my_photos" / category).mkdir(parents=True)
        for i in range(2):
            pixels = rng.integers(0, 256, (60, 80, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "my_photos" / category / f"{i}.jpg")
    (example,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(example, names)
    assert set(names["table"]["category"]) == {"cats", "dogs"}
    assert len(names["table"]) % 8 == 0
    assert (tmp_path / "gini.png").stat().st_size > 1000
