"""Describe what a configuration can name: kinds, entries, and the keys of one entry."""

from __future__ import annotations

import inspect
import re
from collections.abc import Sequence

from nucleizoo.core.errors import ConfigError
from nucleizoo.core.format import with_article
from nucleizoo.core.plugins import load_plugins
from nucleizoo.core.registry import Recipe, Registry, Setting, nearest
from nucleizoo.kinds import KINDS


def describe(what: str = "", plugins: Sequence[str] = ()) -> str:
    """All kinds and entries for '', the entries of a KIND, or everything about KIND.NAME.

    Raises:
        ConfigError: for a kind or an entry that does not exist; the nearest is named.
    """
    load_plugins(plugins)
    if not what:
        return "\n\n".join(_kind(name, registry) for name, registry in KINDS.items())
    kind, _, entry = what.partition(".")
    registry = KINDS.get(kind.upper())
    if registry is None:
        near = nearest(kind.upper(), KINDS)
        hint = f"; did you mean {near}?" if near else "."
        raise ConfigError(f"there is no kind '{kind}'{hint} Kinds: {', '.join(KINDS)}")
    return _entry(registry, entry) if entry else _kind(kind.upper(), registry)


def table(plugins: Sequence[str] = ()) -> str:
    """All entries as a Markdown table, as docs/engineers.md shows them."""
    load_plugins(plugins)
    rows = ["| kind | name | what it is |", "| --- | --- | --- |"]
    for kind, registry in KINDS.items():
        for name in registry.names():
            rows.append(f"| {kind} | `{name}` | {summary(registry.get(name))} |")
    return "\n".join(rows)


def summary(entry: object) -> str:
    """The first line of an entry's docstring."""
    return (inspect.getdoc(entry) or "").split("\n", 1)[0]


def _kind(name: str, registry: Registry) -> str:
    lines = [f"{name}: {registry.promise}"]
    lines += [f"  {one:<20} {summary(registry.get(one))}" for one in registry.names()]
    return "\n".join(lines)


def _entry(registry: Registry, name: str) -> str:
    entry = registry.get(name)
    about = re.sub(r"\nArgs:\n(?:(?: .*)?\n)*", "\n", f"{inspect.getdoc(entry) or ''}\n").strip()
    lines = [f"{name} ({registry.kind}, {entry.__module__})", "", about, "", "Keys:"]
    for setting in registry.schema(name).values():
        lines.append(f"  {setting.name.upper():<20} {_value(setting.default)}")
        lines += [f"      {line}" for line in _described(setting)]
    module = inspect.getdoc(inspect.getmodule(entry))
    return "\n".join([*lines, "", module or ""]).rstrip()


def _described(setting: Setting) -> list[str]:
    """The lines on a setting in the docstring of the class that declares it."""
    text = inspect.cleandoc(setting.owner.__doc__ or "")
    found = re.search(rf"^    {setting.name}: (.*(?:\n {{8}}.*)*)", text, re.MULTILINE)
    return [line.strip() for line in found.group(1).splitlines()] if found else []


def _value(default: object) -> str:
    if not isinstance(default, Recipe):
        return repr(default)
    settings = [f"NAME: {default.name}"] + [f"{k.upper()}: {_value(v)}" for k, v in default.settings.items()]
    return "{" + ", ".join(settings) + f"}}  ({with_article(default.registry.kind)})"
