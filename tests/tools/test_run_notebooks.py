import nbformat
import pytest

from helpers import project
from tools import run_notebooks


@pytest.fixture
def write(tmp_path, monkeypatch):
    monkeypatch.setattr(run_notebooks, "NOTEBOOKS", tmp_path)

    def write(name, *sources):
        cells = [nbformat.v4.new_markdown_cell("# A title\n\n**Measured:** not yet.")]
        cells += [nbformat.v4.new_code_cell(source) for source in sources]
        nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / name)
        return tmp_path / name

    return write


def test_names_choose_notebooks_in_order(write):
    write("02_b.ipynb")
    write("01_a.ipynb")
    write("scratch.ipynb")
    assert [p.name for p in run_notebooks.find()] == ["01_a.ipynb", "02_b.ipynb"]
    assert [p.name for p in run_notebooks.find(["02"])] == ["02_b.ipynb"]
    with pytest.raises(ValueError, match="no notebook starts with '07'; there are: 01_a, 02_b"):
        run_notebooks.find(["07"])


def test_a_full_run_is_saved_with_outputs_time_and_memory(write):
    path = write("01_a.ipynb", "import os; print(os.environ['LAYERS_PROFILE'])", "1 + 1")
    run = run_notebooks.run(path, "full")
    saved = nbformat.read(path, as_version=4)
    assert not run.error
    assert run.peak_bytes > 2**20
    assert saved.cells[1].source == run_notebooks.colab_cell()
    assert saved.cells[2].outputs[0].text == "full\n"
    assert [cell.execution_count for cell in saved.cells[1:]] == [1, 2, 3]
    assert "GB peak memory (full profile" in saved.cells[0].source


def test_imports_are_left_out_of_the_search_for_garbage(write):
    path = write("01_a.ipynb", "import gc; print(gc.get_freeze_count())", "gc.get_freeze_count()")
    run_notebooks.run(path, "full")
    before, after = nbformat.read(path, as_version=4).cells[2:]
    assert before.outputs[0].text == "0\n"
    assert int(after.outputs[0]["data"]["text/plain"]) > 10_000


def test_an_older_colab_cell_is_replaced(write):
    path = write("01_a.ipynb", "# On Colab, an older way.\nimport sys", "1 + 1")
    run_notebooks.run(path, "full")
    sources = [cell.source for cell in nbformat.read(path, as_version=4).cells[1:]]
    assert sources == [run_notebooks.colab_cell(), "1 + 1"]


def test_colab_installs_what_it_lacks_in_the_versions_of_the_project():
    line = run_notebooks.colab_cell().splitlines()[-1]
    packages = line.split()[3:]
    assert any(package.startswith("opentsne==") for package in packages)
    pinned = (project.ROOT / "requirements.txt").read_text().lower().splitlines()
    assert [p for p in packages if not any(line.startswith(p.lower()) for line in pinned)] == []
    assert not run_notebooks.ON_COLAB & {package.split("==")[0] for package in packages}


def test_an_error_is_reported_and_nothing_is_saved(write):
    path = write("01_a.ipynb", "1 / 0")
    before = path.read_bytes()
    assert "ZeroDivisionError" in run_notebooks.run(path, "full").error
    assert path.read_bytes() == before
    assert run_notebooks.main(["01", "--profile", "full"]) == 1


def test_a_killed_kernel_is_reported(write):
    path = write("01_a.ipynb", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    assert "Kernel died" in run_notebooks.run(path, "full").error


def test_a_kernel_that_does_not_start_says_why(write, monkeypatch):
    monkeypatch.setenv("PYTHONHOME", "/nowhere")
    assert "encodings" in run_notebooks.run(write("01_a.ipynb", "1"), "full").error


def test_start_up_messages_and_widgets_without_a_kernel_are_not_saved(write):
    path = write(
        "01_a.ipynb",
        "import sys\nprint('I0000 00:00 port.cc] oneDNN', file=sys.stderr)",
        "import sys\nprint('WARNING: a constant pattern', file=sys.stderr)",
        "from tqdm.notebook import tqdm\nfor i in tqdm(range(3)):\n    pass",
    )
    run_notebooks.run(path, "full")
    outputs = [cell.outputs for cell in nbformat.read(path, as_version=4).cells[2:]]
    assert [len(o) for o in outputs] == [0, 1, 0]
    assert outputs[1][0].text == "WARNING: a constant pattern\n"


INTERACT = """\
from ipywidgets import interact
interact(lambda x: print(10 // x), x=[{first}, 2]);"""


def test_what_a_widget_captures_is_saved(write):
    path = write("01_a.ipynb", INTERACT.format(first=5))
    run = run_notebooks.run(path, "full", timeout=30)
    outputs = nbformat.read(path, as_version=4).cells[2].outputs
    assert not run.error
    assert [o.text for o in outputs] == ["2\n"]


def test_an_error_that_a_widget_shows_fails_the_run(write):
    path = write("01_a.ipynb", INTERACT.format(first=0))
    assert "ZeroDivisionError" in run_notebooks.run(path, "full").error
