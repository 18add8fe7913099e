"""Imports go down the floors of the design, never up."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FLOORS = [
    {"core"},
    {"contracts", "kinds", "ops"},
    {"io", "preprocess", "defaults", "ranges", "build"},
    {"published", "metrics", "runs"},
    {"models"},
    {"inference"},
    {"training"},
    {"comparison", "blockwise"},
    {"experiments"},
    {"api", "catalogue", "figures"},
    {"cli"},
    {"__main__"},
]
SHELF = {"core", "contracts", "kinds", "ops", "io", "preprocess", "runs"}
"""What entries of the registry may import of nucleizoo."""


def floor(module):
    """The floor of nucleizoo.<module>, None for the package itself."""
    return next((i for i, names in enumerate(FLOORS) if module in names), None)


def imported(file):
    """Second parts of all `nucleizoo.x` names that a file imports, wherever in the file."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            if node.level == 1 and file in ENTRIES:
                continue  # an entry may build on its neighbours of the same kind
            assert node.level == 0, f"{file}: relative import"
            base = node.module or ""
            names = [f"nucleizoo.{a.name}" for a in node.names] if base == "nucleizoo" else [base]
        found |= {n.split(".")[1] for n in names if n.startswith("nucleizoo.")}
    return {name for name in found if floor(name) is not None or name == "registry"}


PACKAGE = sorted((ROOT / "nucleizoo").rglob("*.py"))
ENTRIES = sorted((ROOT / "registry").rglob("*.py"))


def test_every_module_has_a_floor():
    names = {f.relative_to(ROOT / "nucleizoo").parts[0].removesuffix(".py") for f in PACKAGE}
    assert names - {"__init__"} == set().union(*FLOORS)


@pytest.mark.parametrize("file", PACKAGE, ids=lambda f: str(f.relative_to(ROOT)))
def test_the_machinery_imports_downwards_and_never_the_shelf(file):
    here = file.relative_to(ROOT / "nucleizoo").parts[0].removesuffix(".py")
    for name in imported(file):
        assert name != "registry"
        if here != "__init__":
            assert floor(name) <= floor(here), f"{here} imports {name}"


@pytest.mark.parametrize("file", ENTRIES, ids=lambda f: str(f.relative_to(ROOT)))
def test_the_shelf_imports_what_it_may(file):
    assert imported(file) <= SHELF


@pytest.mark.parametrize("file", sorted((ROOT / "tools").glob("*.py")), ids=lambda f: f.name)
def test_tools_only_hand_over_to_the_command_line(file):
    assert imported(file) == {"cli"}
    assert len(file.read_text().splitlines()) <= 40
