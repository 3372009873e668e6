"""Imports run one way, and measures know arrays only."""

import ast
from graphlib import TopologicalSorter

from helpers import profile

HELPERS = profile.ROOT / "helpers"
ENTRIES = {"sparsity", "similarity", "embeddings", "statistics", "basis", "grouping"}
HEAVY = {"keras", "tensorflow"}


def imports():
    """Return module → what it imports, by the name of the module or package."""
    found = {}
    for path in HELPERS.rglob("*.py"):
        name = ".".join(path.relative_to(HELPERS).with_suffix("").parts).removesuffix(".__init__")
        found[name] = set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found[name] |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module == "helpers":
                found[name] |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                found[name].add(node.module.removeprefix("helpers."))
    return found


def test_no_module_needs_itself():
    assert list(TopologicalSorter(imports()).static_order())


def test_measures_know_neither_networks_nor_images():
    found, reached, pending = imports(), set(), set(ENTRIES)
    while pending:
        name = pending.pop()
        reached.add(name)
        pending |= (found.get(name, set()) & set(found)) - reached
    assert reached >= {"gini", "distances", "patterns"}
    assert not reached & {"data", "models", "layers", "plotting", "profile"}
    assert not {name for name in reached if found[name] & HEAVY}
