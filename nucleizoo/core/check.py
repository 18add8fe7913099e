"""Defaults and files walked together: every key known, every value of the type it must have."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nucleizoo.core import renamed
from nucleizoo.core.errors import ConfigError
from nucleizoo.core.registry import Recipe, Setting, nearest
from nucleizoo.core.text import Unread, brief
from nucleizoo.core.values import MisfitError, fit

Tree = Mapping[str, Any]


@dataclass(frozen=True)
class _Field:
    """A key's rule: `model` gives the type, `default` the value when no file says another."""

    model: Any
    default: Any
    annotation: str = ""


def merge(defaults: Tree, layers: Sequence[Tree]) -> tuple[dict[str, Any], list[str]]:
    """Lay trees over the defaults, the last one uppermost.

    Args:
        defaults: values, `Recipe`s for slots, and mappings of these for sections.
        layers: plain trees as files hold them. One that changes a slot's NAME hides what
            the layers below it say about that slot.

    Returns:
        The whole tree, and what is wrong with it, a line a problem, in the order of the tree.
    """
    walk = _Walk()
    tree = walk.section({key: _Field(value, value) for key, value in defaults.items()}, layers, "")
    return tree, walk.problems


class _Walk:
    """Goes down the tree and writes down what it meets, so that all problems are told at once."""

    def __init__(self) -> None:
        self.problems: list[str] = []

    def section(
        self, fields: Mapping[str, _Field], layers: Sequence[Any], path: str, entry: str = ""
    ) -> dict[str, Any]:
        layers = self._mappings(layers, path)
        self._refuse_strangers([*fields, *(["NAME"] if entry else [])], layers, path, entry)
        return {
            key: self._value(field, [layer[key] for layer in layers if key in layer], _join(path, key))
            for key, field in fields.items()
        }

    def _value(self, field: _Field, given: Sequence[Any], path: str) -> Any:
        if isinstance(field.model, Recipe):
            return self._slot(field.default, given, path)
        if isinstance(field.model, Mapping):
            return self.section(
                {key: _Field(value, value) for key, value in field.model.items()}, given, path
            )
        return self._leaf(field, given, path)

    def _slot(self, recipe: Recipe, layers: Sequence[Any], path: str) -> dict[str, Any]:
        name: Any = recipe.name
        kept: list[Any] = []
        for layer in self._mappings(layers, path, hint=f"; name its entry with {path}.NAME"):
            if (named := layer.get("NAME", name)) != name:
                name, kept = named, []
            kept.append(layer)
        if not isinstance(name, str):
            self.problems.append(f"{path}.NAME wants str, got {brief(name)}")
        elif not name:
            known = ", ".join(recipe.registry.names()) or "none"
            self.problems.append(f"{path}.NAME is missing; choose a {recipe.registry.kind}: {known}")
        elif name not in recipe.registry:
            self.problems.append(f"{path}.NAME: {recipe.registry.unknown(str(name))}")
        else:
            name = str(name)
            return {"NAME": name, **self.section(_fields(recipe, name), kept, path, entry=name)}
        return {}

    def _leaf(self, field: _Field, given: Sequence[Any], path: str) -> Any:
        value = given[-1] if given else field.default
        if isinstance(value, str) and (path, value) in renamed.VALUES:
            self.problems.append(f"{path} {value} is called {renamed.VALUES[path, value]} now")
            return field.default
        try:
            return fit(field.model, value, field.annotation)
        except MisfitError:
            wanted = "plain values" if field.model is None else type(field.model).__name__
            default = f" (default {brief(field.default)})"
            self.problems.append(f"{path} wants {wanted}{default}, got {brief(value)}")
        except ConfigError as error:
            self.problems.append(f"{path}: {error}")
        return field.default

    def _mappings(self, layers: Sequence[Any], path: str, hint: str = "") -> list[Tree]:
        layers = [layer.read() if isinstance(layer, Unread) else layer for layer in layers]
        for layer in layers:
            if layer is None:
                self.problems.append(f"{path} is empty; give it keys, or take it out")
            elif not isinstance(layer, Mapping):
                self.problems.append(f"{path} wants keys of its own, got {brief(layer)}{hint}")
        return [layer for layer in layers if isinstance(layer, Mapping)]

    def _refuse_strangers(self, known: Sequence[str], layers: Iterable[Tree], path: str, entry: str) -> None:
        strangers = dict.fromkeys(key for layer in layers for key in layer if key not in known)
        for key in strangers:
            of = f" of '{entry}'" if entry else ""
            place = _join(path, key)
            if place in renamed.KEYS:
                self.problems.append(f"{place} is called {renamed.KEYS[place]} now")
                continue
            near = nearest(str(key).upper(), known)
            mend = (
                f"did you mean {_join(path, near)}?" if near else f"known here: {', '.join(known) or 'none'}"
            )
            self.problems.append(f"{place} is not a key{of}; {mend}")


def _fields(recipe: Recipe, name: str) -> dict[str, _Field]:
    """The rules of a slot that holds the entry `name`; what the slot overrides holds for any entry."""
    settings = recipe.registry.schema(name)
    if name == recipe.name and (strangers := sorted(set(recipe.settings) - set(settings))):
        raise TypeError(f"'{name}' has no setting {', '.join(strangers)}")
    return {setting.name.upper(): _field(recipe, name, setting) for setting in settings.values()}


def _field(recipe: Recipe, name: str, setting: Setting) -> _Field:
    model = default = setting.default
    if setting.name in recipe.settings:
        override = recipe.settings[setting.name]
        if isinstance(model, Recipe):
            fits = isinstance(override, Recipe) and override.registry is model.registry
            default = override if fits else model
        else:
            try:
                default, fits = fit(model, override, setting.annotation), True
            except MisfitError:
                fits = False
        if not fits and name == recipe.name:
            raise TypeError(
                f"'{name}' cannot be set to {setting.name}={override!r}; its default is {model!r}"
            )
    return _Field(model, default, setting.annotation)


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else str(key)
