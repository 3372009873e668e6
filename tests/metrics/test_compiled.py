import os
import shutil
import subprocess
import sys

import numba
import pytest

from helpers import project
from helpers.metrics._compiled import compiled


def test_without_a_place_to_cache_a_function_is_compiled_all_the_same(monkeypatch):
    asked = []

    def njit(cache=False, **options):
        asked.append(cache)
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return lambda function: function

    monkeypatch.setattr(numba, "njit", njit)
    assert compiled()(abs) is abs
    assert asked == [True, False]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_measures_in_a_read_only_checkout(tmp_path):
    shutil.copytree(project.ROOT / "helpers", tmp_path / "helpers")
    for folder, _, _ in os.walk(tmp_path):
        os.chmod(folder, 0o555)
    environment = {**os.environ, "HOME": "/nonexistent", "PYTHONPATH": str(tmp_path)}
    code = "from helpers.metrics import sparsity; assert sparsity.hoyer([0, 1.0]) == 1"
    try:
        subprocess.run([sys.executable, "-c", code], check=True, env=environment, cwd="/")
    finally:
        for folder, _, _ in os.walk(tmp_path):
            os.chmod(folder, 0o755)
