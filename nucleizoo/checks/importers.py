"""What importers promise: a place for every module of another program."""

from __future__ import annotations

from nucleizoo.checks.check import expect
from nucleizoo.contracts import Importer
from nucleizoo.core.registry import Recipe


def gives_every_module_a_place(recipe: Recipe) -> None:
    """It names its program, and gives every module a place of its own."""
    importer: Importer = recipe()
    expect(importer.program, "'program' is empty; say where the program is, and which version was read")
    expect(importer.modules, "'modules' is empty")
    taken = list(importer.modules.values())
    twice = sorted({name for name in taken if taken.count(name) > 1})
    expect(not twice, f"several modules become {', '.join(twice)}")
