"""Every notebook, run as a reader would run it, in the quick profile."""

import pytest

from tools import run_notebooks

PATHS = run_notebooks.find()
BINDER_LIMIT = 2 * 2**30


@pytest.fixture(scope="session")
def runs():
    return {run.path: run for run in run_notebooks.run_all(PATHS, "quick", workers=2)}


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_a_notebook_runs_offline_within_binders_memory(path, runs):
    assert not runs[path].error, runs[path].error
    assert runs[path].peak_bytes < BINDER_LIMIT
