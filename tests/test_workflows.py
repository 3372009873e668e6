import re
import tomllib

import pytest
import yaml

from helpers import project

ROOT = project.ROOT
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
TARGETS = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def steps(path):
    workflow = yaml.safe_load(path.read_text(encoding="utf-8"))
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_workflows_name_targets_and_folders_that_are_there(path):
    commands = "\n".join(step["run"] for step in steps(path) if "run" in step)
    named = set(re.findall(r"\bmake ([a-z]+)", commands))
    assert named and named <= TARGETS
    assert not [name for name in re.findall(r"\btests/\w+", commands) if not (ROOT / name).exists()]
    assert all(("run" in step) != ("uses" in step) for step in steps(path))
    assert all("@v" in step["uses"] for step in steps(path) if "uses" in step)


def test_the_oldest_admitted_python_is_tested():
    matrix = yaml.safe_load((ROOT / ".github" / "workflows" / "tests.yml").read_text())
    pythons = matrix["jobs"]["test"]["strategy"]["matrix"]["python"]
    about = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert about["requires-python"] == f">={pythons[0]}"


def test_targets_say_what_they_need_in_one_list():
    phony = re.search(r"^\.PHONY: (.*?)(?<!\\)$", (ROOT / "Makefile").read_text(), re.M | re.S)[1]
    assert TARGETS - {"export"} <= set(phony.replace("\\", " ").split())
