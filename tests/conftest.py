"""Two ways to test properties, the same examples every time or many new ones (`make fuzz`), and
the order of tests."""

import gc
import os

from hypothesis import settings

settings.register_profile("default", derandomize=True, deadline=None, max_examples=25)
settings.register_profile("fuzz", deadline=None, max_examples=500)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


def pytest_collection_modifyitems(items):
    """Put the notebooks first: they take as long as a process has, and the rest fills the other."""
    items.sort(key=lambda item: item.path.name != "test_notebooks.py")


def pytest_collection_finish():
    """Leave what is imported by now out of every search for garbage: models ask for many."""
    gc.collect()
    gc.freeze()
