"""Every notebook, run as a reader would run it, in the quick profile."""

import pytest

from tools import run_notebooks

BINDER_LIMIT = 2 * 2**30


@pytest.mark.parametrize("path", run_notebooks.find(), ids=lambda path: path.stem)
def test_a_notebook_runs_offline_within_binders_memory(path):
    run = run_notebooks.run(path, "quick", cores=1)
    assert not run.error, run.error
    assert run.peak_bytes < BINDER_LIMIT
