import nbformat
import pytest

from tools import run_notebooks, student_notebooks

PATHS = run_notebooks.find()


def student(path):
    notebook = nbformat.read(path, as_version=4)
    return student_notebooks.for_students(notebook, path.parent, student_notebooks.FOLDER)


def code(cell):
    """What decides how a cell runs."""
    return cell.cell_type, cell.cell_type == "code" and cell.source, cell.metadata.get("tags")


def solutions(notebook):
    return [cell for cell in notebook.cells if "solution" in cell.metadata.get("tags", [])]


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_solutions_and_outputs_are_gone_and_the_rest_is_there(path):
    original, notebook = nbformat.read(path, as_version=4), student(path)
    assert [cell.id for cell in notebook.cells] == [cell.id for cell in original.cells]
    assert all(cell.source == student_notebooks.TO_DO for cell in solutions(notebook))
    codes = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert not any(cell.outputs for cell in codes)
    assert all(cell.execution_count is None for cell in codes)
    pairs = zip(original.cells, notebook.cells, strict=True)
    changed = [ours for ours, theirs in pairs if ours.source != theirs.source]
    assert all("solution" in c.metadata.get("tags", []) or "](../" in c.source for c in changed)


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_with_the_solutions_put_back_the_code_is_the_notebooks_own(path):
    """So that test_notebooks, which runs these, says of all of them what is run below of one."""
    notebook = nbformat.read(path, as_version=4)
    done = student_notebooks.with_solutions(student(path), notebook)
    codes = [[c.source for c in n.cells if c.cell_type == "code"] for n in (done, notebook)]
    assert codes[0] == codes[1]


def test_notebooks_with_a_source_have_three_exercises():
    counts = {path.name[:2]: len(solutions(nbformat.read(path, as_version=4))) for path in PATHS}
    assert {n: k for n, k in counts.items() if "01" <= n <= "05"} == dict.fromkeys(
        ("01", "02", "03", "04", "05"), 3
    )


def test_links_still_lead_to_files():
    text = "\n".join(c.source for c in student(PATHS[0]).cells if c.cell_type == "markdown")
    assert "](../../figures/" in text and "](../figures/" not in text


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_once_the_exercises_are_done_it_runs_what_the_notebook_runs(path):
    """And the notebook itself is run by tests/test_notebooks.py."""
    original = nbformat.read(path, as_version=4)
    done = student_notebooks.with_solutions(student(path), original)
    assert [code(cell) for cell in done.cells] == [code(cell) for cell in original.cells]
    assert done.metadata == original.metadata
