"""Two ways to test properties, the same examples every time or many new ones (`make fuzz`), and
which tests share a process (`make test` has two)."""

import gc
import os

import pytest
from hypothesis import settings

settings.register_profile("default", derandomize=True, deadline=None, max_examples=25)
settings.register_profile("fuzz", deadline=None, max_examples=500)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(config, items):
    """Keep a file's tests together, for they share networks, but let each notebook go alone.

    Notebooks come first: begun last, one of them would be waited for.
    """

    def of_notebooks(item):
        return item.path.name == "test_notebooks.py"

    items.sort(key=of_notebooks, reverse=True)
    if config.pluginmanager.hasplugin("xdist"):
        for item in items:
            group = item.name if of_notebooks(item) else item.nodeid.split("::")[0]
            item.add_marker(pytest.mark.xdist_group(group))


def pytest_collection_finish():
    """Leave what is imported by now out of every search for garbage: models ask for many."""
    gc.collect()
    gc.freeze()
