"""Imports go down the floors of the design, never up, and inside a package one way."""

import ast
from graphlib import CycleError, TopologicalSorter
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
    {"api", "catalogue", "checks", "figures"},
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


def modules_imported(file):
    """Dotted names of the modules and packages of nucleizoo that a file imports, wherever in the file."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in MODULES)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                yield name if name in MODULES else node.module


def dotted(file):
    return ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {dotted(file) for file in PACKAGE}
FOLDERS = sorted(file.parent for file in PACKAGE if file.name == "__init__.py")


def wiring(folder):
    """What is in a folder (its modules, and its packages as wholes), and which of the others each imports."""
    package = dotted(folder)
    needs = {}
    for file in (one for one in PACKAGE if one.is_relative_to(folder)):
        here = file.relative_to(folder).parts[0].removesuffix(".py")
        inside = [n for n in modules_imported(file) if n == package or n.startswith(f"{package}.")]
        there = {n.removeprefix(package).split(".")[1] if n != package else "__init__" for n in inside}
        needs.setdefault(here, set()).update(there - {here})
    return needs


@pytest.mark.parametrize("folder", FOLDERS, ids=dotted)
def test_what_is_in_a_package_imports_in_one_direction(folder):
    try:
        TopologicalSorter(wiring(folder)).prepare()
    except CycleError as error:
        pytest.fail(f"{dotted(folder)}: " + " <- ".join(error.args[1]))


def test_the_wiring_of_a_package_is_seen():
    assert {"labels", "image"} <= wiring(ROOT / "nucleizoo/ops")["synthesis"]
    assert {"state", "plan", "step"} <= wiring(ROOT / "nucleizoo/blockwise")["decode"]
    assert {"distributed", "workers"} <= wiring(ROOT / "nucleizoo/training")["trainer"]


@pytest.mark.parametrize("file", ENTRIES, ids=lambda f: str(f.relative_to(ROOT)))
def test_the_shelf_imports_what_it_may(file):
    assert imported(file) <= SHELF


@pytest.mark.parametrize("file", sorted((ROOT / "tools").glob("*.py")), ids=lambda f: f.name)
def test_tools_only_hand_over_to_the_command_line(file):
    assert imported(file) == {"cli"}
    assert len(file.read_text().splitlines()) <= 40
