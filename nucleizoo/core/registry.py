"""Entries by name; the signature of an entry is the schema of its configuration.

The rule: positional arguments are wired by code, keyword-only arguments are configured by YAML.
"""

from __future__ import annotations

import difflib
import inspect
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import FrameType, MappingProxyType
from typing import Any, TypeVar

from nucleizoo.core import renamed
from nucleizoo.core.errors import ConfigError
from nucleizoo.core.format import with_article
from nucleizoo.core.schema import Setting, schema

__all__ = ["BROKEN_PLUGINS", "Recipe", "Recipes", "Registry", "Setting", "nearest", "schema"]

Entry = TypeVar("Entry", bound=Callable[..., Any])

BROKEN_PLUGINS: dict[str, str] = {}
"""Installed plugins that could not be loaded -> why; repeated when a name is unknown."""

_SNAKE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_SCALARS = (bool, int, float, str)


@dataclass(frozen=True)
class Recipe:
    """A recipe: an entry's name and some of its settings, to be built when the wiring is known.

    As a default it declares a slot of the configuration. Calling it with the wired arguments makes
    the component; two calls make two. An empty name is a slot that the configuration must fill.
    """

    registry: Registry = field(repr=False)
    name: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    """The settings given explicitly, without the entry's defaults."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "settings", MappingProxyType(dict(self.settings)))

    def __call__(self, *wired: Any) -> Any:
        """Build the component from what the code wires in.

        Raises:
            ConfigError: when the registry has no entry of this name.
            TypeError: when a setting is not one of the entry's.
        """
        entry = self.registry.get(self.name)
        if strangers := sorted(set(self.settings) - set(schema(entry))):
            known = ", ".join(sorted(schema(entry))) or "none"
            raise TypeError(f"'{self.name}' has no setting {', '.join(strangers)}; it has: {known}")
        return entry(*wired, **self.settings)


@dataclass(frozen=True)
class Recipes:
    """As a default: a section with a key per entry, its name in capitals; empty unless a file names one."""

    registry: Registry = field(repr=False)


class Registry:
    """The entries of one kind.

    Args:
        kind: what an entry is, in the singular; used in messages.
        promise: the call that every entry of this kind supports.
        role: the role of an entry that has no attribute `serves`, and the role that a slot of this kind
            needs unless the attribute `roles` of the entry that has the slot names another.

    Example:
        >>> LOSSES = Registry("loss", "Entry(**settings) -> Loss")
        >>> @LOSSES.register("huber")
        ... class Huber:
        ...     def __init__(self, *, delta: float = 1.0): self.delta = delta
        >>> LOSSES.recipe("huber", delta=0.5)().delta
        0.5
    """

    def __init__(self, kind: str, promise: str, role: str = "") -> None:
        self.kind, self.promise, self.role = kind, promise, role
        self._entries: dict[str, Any] = {}
        self._places: dict[str, str] = {}

    def register(self, name: str) -> Callable[[Entry], Entry]:
        """Decorate a class or function to make it the entry called `name`; it is returned unchanged.

        Raises:
            ValueError: for a name that is taken or not lower_snake.
            TypeError: for a keyword-only argument that a configuration cannot hold, or an old attribute.
        """
        place = _place(sys._getframe(1))

        def add(entry: Entry) -> Entry:
            if not _SNAKE.fullmatch(name):
                raise ValueError(
                    f"{place}: the name of {with_article(self.kind)} must be lower_snake, not '{name}'"
                )
            if name in self._entries:
                raise ValueError(f"two {self.kind}s are called '{name}': {self._places[name]} and {place}")
            for old, new in renamed.ATTRIBUTES.items():
                if old in vars(entry):
                    raise TypeError(f"{place}: {self.kind} '{name}': attribute {old} was renamed to {new}")
            for setting in schema(entry).values():
                if problem := _problem(setting):
                    raise TypeError(f"{place}: {self.kind} '{name}', argument '{setting.name}': {problem}")
            self._entries[name], self._places[name] = entry, place
            return entry

        return add

    def get(self, name: str) -> Any:
        """The entry itself.

        Raises:
            ConfigError: when there is none; lists the known names.
        """
        if name not in self._entries:
            raise ConfigError(self.unknown(name))
        return self._entries[name]

    def unknown(self, name: str) -> str:
        """The message for an unknown `name`, with the nearest name and all known ones."""
        if new := renamed.ENTRIES.get((self.kind, name)):
            return f"the {self.kind} '{name}' was renamed to '{new}'"
        message = (
            f"no {self.kind} is called '{name}'."
            if name
            else f"the name of {with_article(self.kind)} is missing."
        )
        if near := nearest(name, self._entries):
            message += f" Did you mean '{near}'?"
        message += f" Known: {', '.join(self.names()) or 'none'}"
        for plugin, reason in BROKEN_PLUGINS.items():
            message += f". The installed plugin '{plugin}' could not be loaded ({reason})"
        return message

    def recipe(self, name: str, **overrides: Any) -> Recipe:
        """A recipe for the entry `name`, which may be registered later.

        Raises:
            TypeError: for an override that a configuration cannot hold.
        """
        for key, value in overrides.items():
            if not _holdable(value):
                raise TypeError(f"a configuration cannot hold {key}={value!r} of {self.kind} '{name}'")
        return Recipe(self, name, overrides)

    def recipes(self) -> Recipes:
        """A section with a key per entry, empty by default."""
        return Recipes(self)

    def names(self) -> tuple[str, ...]:
        """All names, sorted."""
        return tuple(sorted(self._entries))

    def schema(self, name: str) -> dict[str, Setting]:
        """What a configuration can set of the entry `name`; see the function `schema`."""
        return schema(self.get(name))

    def serves(self, name: str) -> tuple[str, ...]:
        """The roles in which the entry `name` can serve."""
        return tuple(getattr(self.get(name), "serves", (self.role,)))

    def roles(self, name: str) -> dict[str, str]:
        """The roles that slots of the entry `name` ask for, by setting; a subclass adds to its parents'."""
        entry, asked = self.get(name), dict[str, str]()
        for one in reversed(entry.__mro__ if inspect.isclass(entry) else (entry,)):
            asked |= vars(one).get("roles", {})
        return asked

    def fitting(self, role: str) -> tuple[str, ...]:
        """Names of the entries that can serve in a role, sorted."""
        return tuple(name for name in self.names() if role in self.serves(name))

    def __getattr__(self, name: str) -> Any:
        """Refuse an unknown attribute; if it was renamed, give the new name.

        Raises:
            AttributeError: always.
        """
        hint = f"; it was renamed to '{renamed.NAMES[name]}'" if name in renamed.NAMES else ""
        raise AttributeError(f"a registry has no attribute '{name}'{hint}")

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __repr__(self) -> str:
        return f"Registry({self.kind!r}, {self.promise!r})"


def nearest(word: str, known: Iterable[str], *, least: float = 0.6) -> str | None:
    """The known word most similar to this one, if its similarity, in [0, 1], is enough for a typo."""
    matches = difflib.get_close_matches(str(word), list(known), n=1, cutoff=least)
    return matches[0] if matches else None


def _problem(setting: Setting) -> str:
    if setting.default is inspect.Parameter.empty:
        return "a keyword-only argument is set by the configuration and needs a default"
    if not _holdable(setting.default):
        return f"a configuration cannot hold its default {setting.default!r}"
    if setting.name == "name" or not _SNAKE.fullmatch(setting.name):
        return "a setting must be lower_snake, and not 'name', which picks the entry"
    return ""


def _holdable(value: Any) -> bool:
    if type(value) in (list, tuple):
        return all(item is not None and not isinstance(item, Recipe) and _holdable(item) for item in value)
    return value is None or type(value) in _SCALARS or isinstance(value, Recipe)


def _place(frame: FrameType) -> str:
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"
