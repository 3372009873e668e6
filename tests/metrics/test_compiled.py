import importlib.util
import os
import shutil
import subprocess
import sys

import numba
import pytest

from helpers import project
from helpers.metrics._compiled import compiled, keep_compiled


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


OTHER = """
import numba

@numba.njit
def twice(x):
    return 2 * x
"""


def test_what_another_package_compiles_is_found_by_the_next_process(tmp_path, monkeypatch):
    def load():
        spec = importlib.util.spec_from_file_location("other", tmp_path / "other.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    (tmp_path / "other.py").write_text(OTHER)
    for found in (0, 1):
        other = load()
        keep_compiled(other)
        assert other.twice(2.5) == 5
        assert other.twice.stats.cache_hits.total() == found
    nowhere = load()

    def no_locator():
        raise RuntimeError("cannot cache function: no locator available")

    monkeypatch.setattr(nowhere.twice, "enable_caching", no_locator)
    keep_compiled(nowhere)
    assert nowhere.twice(2.5) == 5
    assert not nowhere.twice.stats.cache_hits


READ_ONLY = """
import os, pathlib, helpers
from helpers.metrics import sparsity

for folder in (pathlib.Path(helpers.__file__).parent, pathlib.Path.home()):
    try:
        (folder / "new").touch()
    except PermissionError:
        continue
    raise SystemExit(f"{folder} can be written")
assert sparsity.hoyer([0, 1.0]) == 1
print(helpers.__file__)
"""


def test_measures_in_a_read_only_checkout(tmp_path):
    command = [sys.executable, "-c", READ_ONLY]
    if os.geteuid() == 0:  # root may write everywhere, unless it gives up that power
        command = ["setpriv", "--bounding-set=-dac_override", *command]
        if shutil.which("setpriv") is None or subprocess.run([*command[:2], "true"]).returncode:
            pytest.skip("root may write everywhere")
    left_out = shutil.ignore_patterns("__pycache__")
    shutil.copytree(project.ROOT / "helpers", tmp_path / "helpers", ignore=left_out)
    (tmp_path / "home").mkdir()
    for folder, _, _ in os.walk(tmp_path):
        os.chmod(folder, 0o555)
    environment = {name: x for name, x in os.environ.items() if name[:5] not in ("NUMBA", "XDG_C")}
    environment |= {"HOME": str(tmp_path / "home"), "PYTHONPATH": str(tmp_path)}
    try:
        done = subprocess.run(command, env=environment, cwd="/", capture_output=True, text=True)
    finally:
        for folder, _, _ in os.walk(tmp_path):
            os.chmod(folder, 0o755)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(tmp_path))
