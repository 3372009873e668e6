"""What a reader relies on: notebooks that ran, figures that exist, texts that agree."""

import re
import statistics
import tomllib

import nbformat
import pytest
import yaml

from helpers import project
from tools import run_notebooks

ROOT = project.ROOT
PATHS = run_notebooks.find()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
REPOSITORY = PROJECT["urls"]["Repository"].removeprefix("https://github.com/")
MACHINE_PATH = re.compile(
    r"(?<![\w.:/])/(?:home|root|work|tmp|Users|usr|opt|mnt|var)/\w|[A-Z]:\\\\Users"
)

notebooks = pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)


def code_cells(path):
    cells = nbformat.read(path, as_version=4).cells
    return [cell for cell in cells if cell.cell_type == "code"]


def length(cell):
    return sum(bool(line.strip()) for line in cell.source.splitlines())


@notebooks
def test_a_notebook_was_run_top_to_bottom_without_error(path):
    cells = [cell for cell in code_cells(path) if cell.source.strip()]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert not [o for cell in cells for o in cell.outputs if o.output_type == "error"]


@notebooks
def test_a_notebook_is_small_and_names_no_machine(path):
    assert path.stat().st_size < 1.5e6
    # Base64 images are no text; random letters between slashes would look like paths.
    text = re.sub(r'"image/png": "[^"]*"', "", path.read_text(encoding="utf-8"))
    assert not MACHINE_PATH.findall(text)


@notebooks
def test_code_cells_are_short(path):
    lengths = [length(cell) for cell in code_cells(path)]
    assert statistics.median(lengths) <= 5
    assert max(lengths) <= 20


@notebooks
def test_the_first_cell_says_where_to_run_it_and_what_it_takes(path):
    first = nbformat.read(path, as_version=4).cells[0].source
    assert first.startswith("# ")
    assert f"mybinder.org/v2/gh/{REPOSITORY}/HEAD?labpath=notebooks/{path.name}" in first
    assert f"colab.research.google.com/github/{REPOSITORY}/blob/HEAD/notebooks/{path.name}" in first
    assert re.search(r"^\*\*Measured:\*\* \d+ (s|min), \d\.\d GB peak memory", first, re.MULTILINE)


@notebooks
def test_colab_is_set_up_in_the_same_way_everywhere(path):
    assert nbformat.read(path, as_version=4).cells[1].source == run_notebooks.COLAB
    assert PROJECT["urls"]["Repository"] in run_notebooks.COLAB


@notebooks
def test_every_figure_it_saves_is_committed(path):
    saved = [
        name
        for cell in code_cells(path)
        for name in re.findall(r'plotting\.save\(.*?"(\d\d_\w+)"\)', cell.source, re.DOTALL)
    ]
    assert all((ROOT / "figures" / f"{name}.png").exists() for name in saved), saved


def test_every_committed_figure_comes_from_a_notebook():
    sources = "".join(cell.source for path in PATHS for cell in code_cells(path))
    for figure in (ROOT / "figures").glob("*.png"):
        assert f'"{figure.stem}"' in sources, figure.name


def test_exact_versions_cover_the_dependencies():
    pinned = {
        re.split(r"[=;\[ ]", line, maxsplit=1)[0].lower()
        for line in (ROOT / "requirements.txt").read_text().splitlines()
        if not line.lstrip().startswith("#")
    }
    listed = PROJECT["dependencies"] + PROJECT["optional-dependencies"]["dev"]
    names = {re.split(r"[<>=\[ ]", name, maxsplit=1)[0].lower() for name in listed}
    assert names <= pinned


def test_conda_installs_the_same_versions():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    assert {"pip": ["-r requirements.txt"]} in environment["dependencies"]
