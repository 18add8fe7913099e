"""Words and names: the glossary has every public noun, and the machinery names no entry of the shelf."""

import ast
import re
from pathlib import Path

import pytest

import nucleizoo
from nucleizoo.kinds import KINDS

ROOT = Path(__file__).parents[1]
MACHINERY = [
    file for file in sorted((ROOT / "nucleizoo").rglob("*.py"))
    if file.relative_to(ROOT / "nucleizoo").as_posix() not in ("core/renamed.py", "defaults.py")
]  # fmt: skip
"""All of it but the table of old spellings, and the defaults of the slots."""
PLAIN = {
    "images", "labelled", "simple", "linear", "gaussian", "constant", "mask", "domain", "histogram",
    "matched", "components", "synthetic", "peaks", "dtype", "planes", "middle", "step", "translated",
    "labels",
}  # fmt: skip
"""Names of entries that are words of English too, or of a file format."""


def glossary():
    text = (ROOT / "CONTRIBUTING.md").read_text().split("## Glossary")[1].split("\nOne training step")[0]
    return set(re.findall(r"[a-z]+", text.lower()))


def words(name):
    """The words of a CamelCase name, in lower case."""
    return [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)]


NOUNS = [name for name in nucleizoo.__all__ if name not in KINDS] + ["Picture", "Scan"]


@pytest.mark.parametrize("name", NOUNS)
def test_every_public_noun_is_in_the_glossary(name):
    known = glossary()
    assert name.lower() in known or all(word in known for word in words(name)), (
        f"add {name} to CONTRIBUTING.md"
    )


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_is_in_the_glossary(name):
    singular = KINDS[name].kind.split()[-1]
    assert singular in glossary()


def strings(file):
    """Texts in the code of a file, without docstrings and the defaults of slots."""
    tree = ast.parse(file.read_text())
    statements = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    recipes = [
        n for n in ast.walk(tree) if isinstance(n, ast.Call) and getattr(n.func, "attr", "") == "recipe"
    ]
    statements |= {id(argument) for node in recipes for argument in node.args}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in statements:
            yield node.value


@pytest.mark.parametrize("file", MACHINERY, ids=lambda file: str(file.relative_to(ROOT)))
def test_the_machinery_names_no_entry(file):
    if file.parent.name == "cli":
        return  # examples of the help
    names = {name for registry in KINDS.values() for name in registry.names()} - PLAIN
    said = {
        name for text in strings(file) for name in names if re.search(rf"(?<![\w./-]){name}(?![\w./-])", text)
    }
    assert not said, f"{file} names {said}: let the entry say it"
