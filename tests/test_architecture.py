"""Imports run one way, rooms are entered by their doors, and measures know arrays only."""

import ast
import importlib
import json
import re
import sys
from pathlib import Path

import pytest

from helpers import project

ROOT = project.ROOT
# Each room and the rooms that it may use: those before it, and no others.
MAY_USE = {
    "project": set(),
    "metrics": {"project"},
    "data": {"project"},
    "models": {"project", "data"},
    "layers": {"project", "data", "metrics"},
    "plotting": {"project", "data", "metrics"},
    "report": {"project"},
    "studies": {"project", "metrics", "data", "models", "layers", "plotting", "report"},
}
DOORS = {"data", "layers", "metrics", "models", "plotting", "project", "report"}
ARRAYS_ONLY = {"numpy", "scipy", "sklearn", "numba", "threadpoolctl", "openTSNE", "umap"}
MODULES = sorted((ROOT / "helpers").rglob("*.py"))
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def imported(code: str) -> list[str]:
    """List what code imports, as dotted names: "numpy", "helpers.data.sets.mnist"."""
    found = []
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found += [f"{node.module}.{alias.name}" for alias in node.names]
    return found


def attributes(code: str) -> set[tuple[str, str]]:
    """Return what code takes from a name: ("data", "mnist") for data.mnist."""
    nodes = (node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Attribute))
    return {(node.value.id, node.attr) for node in nodes if isinstance(node.value, ast.Name)}


def names_of(room: str) -> list[str]:
    """Return the names that a room shows."""
    return importlib.import_module(f"helpers.{room}").__all__


def code_of(notebook: Path) -> str:
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    lines = "".join("".join(c["source"]) + "\n" for c in cells if c["cell_type"] == "code")
    return re.sub(r"^(\s*)[!%].*$", r"\1pass", lines, flags=re.MULTILINE)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_room_uses_only_the_rooms_before_it_and_only_by_their_doors(path):
    parts = path.relative_to(ROOT / "helpers").with_suffix("").parts
    if parts == ("__init__",):
        return
    own = parts[0]
    for name in imported(path.read_text(encoding="utf-8")):
        if not name.startswith("helpers."):
            package = name.split(".")[0]
            assert own != "metrics" or package in ARRAYS_ONLY | sys.stdlib_module_names, name
            continue
        room, *rest = name.split(".")[1:]
        if room != own:
            assert room in MAY_USE[own], f"{own} may not use {name}"
            assert not rest or rest[0] in names_of(room), f"{name} is inside {room}"
            assert not any(part.startswith("_") for part in rest), f"{name} is inside {room}"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_uses_the_doors_and_at_most_one_study(path):
    code = code_of(path)
    names = [name.split(".")[1:] for name in imported(code) if name.startswith("helpers.")]
    rooms = {name[0] for name in names}
    assert rooms <= DOORS | {"studies"}
    assert not [name for name in names if any(part.startswith("_") for part in name)]
    assert len({name[1] for name in names if name[0] == "studies"}) <= 1
    used = {name[:2] for name in map(tuple, names) if len(name) > 1 and name[0] in DOORS}
    used |= {use for use in attributes(code) if use[0] in rooms & DOORS}
    assert not [f"{room}.{name}" for room, name in used if name not in names_of(room)]
