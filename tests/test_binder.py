import re
import subprocess
import sys

import pytest
import yaml

from helpers import data, project

ROOT = project.ROOT
POST_BUILD = (ROOT / "postBuild").read_text(encoding="utf-8")
SCRIPT = re.search(r"<<'PYTHON'\n(.*?)^PYTHON$", POST_BUILD, re.DOTALL | re.MULTILINE)[1]
LOADERS = re.findall(r"data\.(\w+)(?=[,\n])", SCRIPT)


@pytest.fixture
def asked(monkeypatch):
    """Loaders that say that they were asked, and whose home does not answer."""
    names = []

    def loader(name):
        def load(*arguments):
            names.append(name)
            raise data.FetchError(f"{name}: no answer")

        return load

    for name in (*LOADERS, "fetch"):
        monkeypatch.setattr(data, name, loader(name))
    return names


def test_a_home_that_does_not_answer_stops_nothing(asked, capsys):
    exec(compile(SCRIPT, "postBuild", "exec"), {})
    assert asked == [*LOADERS, "fetch"]
    assert capsys.readouterr().out.count("not fetched now: ") == len(asked)


def test_every_set_of_images_of_the_notebooks_is_fetched():
    texts = [p.read_text(encoding="utf-8") for p in (ROOT / "notebooks").glob("*.ipynb")]
    sets = {"caltech101", "fashion_mnist", "guest_love_photos", "imagenet_samples", "mnist"}
    used = {name for name in sets | {"rupprecht_pictures"} for t in texts if f"data.{name}" in t}
    assert used >= sets and used <= set(LOADERS)


def test_the_environment_is_that_of_the_requirements():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    (python,) = (d for d in environment["dependencies"] if str(d).startswith("python="))
    assert f"--python-version {python.removeprefix('python=')} " in (ROOT / "Makefile").read_text()
    assert "--no-deps" in POST_BUILD and POST_BUILD.startswith("#!/bin/bash\n")


def test_start_limits_the_arenas_and_goes_on():
    command = [sys.executable, "-c", "import os; print(os.environ['MALLOC_ARENA_MAX'])"]
    assert subprocess.check_output([ROOT / "start", *command], text=True) == "2\n"
