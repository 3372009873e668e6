import re

import nbformat
import pytest

from helpers import project
from tools import run_notebooks

FOLDER = project.ROOT / "docs" / "teaching"
NOTEBOOKS = {path.name[:2]: path for path in run_notebooks.find()}
PLANS = sorted(path for path in FOLDER.glob("[0-9]*.md"))
ENOUGH = 30  # characters of an answer or a mistake

plans = pytest.mark.parametrize("path", PLANS, ids=lambda path: path.stem)


def test_every_notebook_has_a_plan():
    assert set(NOTEBOOKS) <= {path.stem for path in PLANS}


@plans
def test_the_times_add_up(path):
    text = path.read_text(encoding="utf-8")
    hour, more = (
        text.split(heading)[1].split("\n## ")[0] for heading in ("## 60 minutes", "## 90")
    )
    assert sum(map(int, re.findall(r"^\| (\d+) min \|", hour, re.MULTILINE))) == 60
    assert sum(map(int, re.findall(r"^\| (\d+) min \|", more, re.MULTILINE))) == 30


@plans
def test_three_questions_with_answer_and_mistake(path):
    text = path.read_text(encoding="utf-8")
    assert re.findall(r"^\*\*(\d)\. .+\?\*\*$", text, re.MULTILINE) == ["1", "2", "3"]
    for kind in ("Expected", "Common mistake"):
        answers = re.findall(rf"^{kind}: (.+)$", text, re.MULTILINE)
        assert len(answers) == 3 and min(map(len, answers)) >= ENOUGH


@plans
def test_predictions_before_figures_and_something_to_assign(path):
    text = path.read_text(encoding="utf-8")
    predictions = text.split("## Predict first")[1].split("\n## ")[0]
    assert len(re.findall(r"^\* Before .+: .+$", predictions, re.MULTILINE)) >= 3
    assert len(text.split("## Assign")[1].split()) >= 3


@plans
def test_the_sections_that_it_names_are_there(path):
    if path.stem not in NOTEBOOKS:
        pytest.skip("its notebook is still to come")
    cells = nbformat.read(NOTEBOOKS[path.stem], as_version=4).cells
    headings = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    there = set(re.findall(r"^## (\d+)\. ", headings, re.MULTILINE))
    named = re.findall(r"[Ss]ections? (\d+)(?:(?:,| and| to) (\d+))*", path.read_text("utf-8"))
    assert {number for pair in named for number in pair if number} <= there
