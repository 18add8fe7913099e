"""Every entry explains itself: its docstring is the manual."""

from __future__ import annotations

from nucleizoo.catalogue import describe, summary
from nucleizoo.checks.check import expect
from nucleizoo.checks.entry import Entry
from nucleizoo.core.registry import schema


def is_described(entry: Entry) -> None:
    """Its docstring says what it is, and describes every key."""
    made = entry.registry.get(entry.name)
    expect(summary(made).strip(), "it has no docstring; begin one with a line that says what it is")
    shown = describe(f"{entry.kind}.{entry.name}")
    for setting in schema(made).values():
        owner = setting.owner
        expect(
            f"{setting.name}:" in (owner.__doc__ or "") and setting.name.upper() in shown,
            f"the docstring of {owner.__name__} does not describe '{setting.name}'; add a line "
            f"'{setting.name}: ...' under 'Args:', with its unit and the paper's value: it is the manual of "
            f"the key {setting.name.upper()}",
        )
