import re
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from helpers import project
from tools import update_readme

TEXT = update_readme.README.read_text(encoding="utf-8")


def test_scorecard_and_gallery_are_up_to_date():
    assert update_readme.updated(TEXT) == TEXT, "run `python -m helpers.readme`"


def test_missing_marks_are_named():
    with pytest.raises(ValueError, match="comments around the scorecard are missing"):
        update_readme.updated("# A README without marks")


def test_links_lead_to_files():
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", TEXT)
    assert links
    assert not [link for link in links if not (project.ROOT / link).exists()]


def test_the_example_runs(tmp_path):
    rng = np.random.default_rng(0)
    for category in ("cats", "dogs"):
        (tmp_path / "my_photos" / category).mkdir(parents=True)
        for i in range(2):
            pixels = rng.integers(0, 256, (60, 80, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "my_photos" / category / f"{i}.jpg")
    (example,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    script = example + "\nassert set(table['category']) == {'cats', 'dogs'}\nprint(len(table))\n"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split()[-1]) % 8 == 0
    assert (tmp_path / "gini.png").stat().st_size > 1000
