"""What a reader relies on: notebooks that ran, figures that exist, texts that agree."""

import re
import statistics
import tomllib

import nbformat
import pandas as pd
import pytest
import yaml

from helpers import data, project, report
from tools import run_notebooks

ROOT = project.ROOT
PATHS = run_notebooks.find()
RESULTS = project.COMMITTED_RESULTS
CLAIMS = pd.read_csv(report.CLAIMS, dtype=str)
SOURCES = set(pd.read_csv(ROOT / "data" / "published.csv")["source"])
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
    text = re.sub(r'"image/(png|gif)": "[^"]*"', "", path.read_text(encoding="utf-8"))
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
    assert nbformat.read(path, as_version=4).cells[1].source == run_notebooks.colab_cell()


@notebooks
def test_verdicts_are_folded_away_and_rest_on_the_rules(path):
    number = path.name[:2]
    cells = [cell for cell in code_cells(path) if f'report.judge("{number}"' in cell.source]
    assert len(cells) == (number in set(CLAIMS["notebook"]))
    for cell in cells:
        assert cell.metadata["jupyter"] == {"source_hidden": True}
        assert "hide-input" in cell.metadata["tags"]


def names_in(path, cells):
    return set(re.findall(rf'"({path.name[:2]}_\w+)"', "".join(cell.source for cell in cells)))


def figures_of(path):
    return names_in(path, (cell for cell in code_cells(path) if "plotting.save(" in cell.source))


@notebooks
def test_every_figure_it_saves_is_committed(path):
    named = figures_of(path)
    assert named, "no figure"
    missing = {name for name in named if not (ROOT / "figures" / f"{name}.png").exists()}
    assert {name for name in missing if "digits" not in name} == set()  # the quick profile's own


def test_every_committed_figure_comes_from_a_notebook():
    named = set().union(*(names_in(path, code_cells(path)) for path in PATHS))
    committed = {figure.stem for figure in (ROOT / "figures").iterdir()}
    assert committed and committed <= named, committed - named


@pytest.mark.parametrize("number", sorted(set(CLAIMS["notebook"])))
def test_no_rule_is_younger_than_its_verdict(number):
    """Committed verdicts repeat the texts by which they were judged: if one was changed since, run
    the notebook again."""
    claims = report.claims(number).set_index("id")
    judged = report.load(f"{number}_claims", committed=True)
    assert set(judged["id"]) == set(claims.index)
    for row in judged.itertuples():
        claim = claims.loc[row.id]
        assert (row.source, row.published, row.rule) == tuple(
            claim[["source", "published", "rule"]]
        ), row.id
        assert row.claim == claim["claim"] or row.claim.endswith(f": {claim['claim']}"), row.id
        assert row.verdict in report.VERDICTS


@pytest.mark.parametrize("source", sorted(set(CLAIMS["source"])))
def test_published_numbers_of_claims_are_those_of_the_list(source):
    listed = set(data.published(source)["value"]) if source in SOURCES else set()
    claimed = CLAIMS.loc[CLAIMS["source"] == source, "published"]
    numbers = {float(text) for text in claimed if re.fullmatch(r"-?[\d.]+", text)}
    assert numbers <= listed


def test_exact_versions_cover_the_dependencies():
    pinned = {
        re.split(r"[=;\[ ]", line, maxsplit=1)[0].lower()
        for line in (ROOT / "requirements.txt").read_text().splitlines()
        if not line.lstrip().startswith("#")
    }
    listed = PROJECT["dependencies"] + PROJECT["optional-dependencies"]["dev"]
    names = {re.split(r"[<>=\[ ]", name, maxsplit=1)[0].lower() for name in listed}
    assert names - {PROJECT["name"]} <= pinned


def test_conda_installs_the_same_versions():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    assert {"pip": ["-r requirements.txt"]} in environment["dependencies"]
