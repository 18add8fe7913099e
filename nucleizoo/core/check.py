"""Merge configuration files over the defaults, and check every key and type."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nucleizoo.core import renamed
from nucleizoo.core.errors import ConfigError
from nucleizoo.core.format import either, with_article
from nucleizoo.core.registry import Recipe, Recipes, Registry, Setting, nearest
from nucleizoo.core.text import Unread, brief
from nucleizoo.core.values import MisfitError, fit, in_list

Tree = Mapping[str, Any]


@dataclass(frozen=True)
class _Field:
    """The rule for one key: `model` gives the type, `default` the value when no file sets it.

    `role` is the role that an entry must serve in, where the key is a slot.
    """

    model: Any
    default: Any
    annotation: str = ""
    role: str = ""


def merge(defaults: Tree, layers: Sequence[Tree]) -> tuple[dict[str, Any], list[str]]:
    """Merge trees over the defaults; later trees override earlier ones.

    Args:
        defaults: values, `Recipe`s for slots, `Recipes` for any number of entries, and mappings of these
            for sections.
        layers: plain trees, as read from files. One that changes a slot's NAME discards what
            earlier layers set in that slot.

    Returns:
        The whole tree, and its problems, one line each, in the order of the tree.
    """
    walk = _Walk(defaults)
    tree = walk.section({key: _Field(value, value) for key, value in defaults.items()}, layers, "")
    return tree, walk.problems


def keys_called(name: str, defaults: Tree) -> list[str]:
    """The whole keys that end in a name, such as DATASET.IMAGE.CHANNEL; of several, those with fewest dots.

    Args:
        name: without a dot, such as CHANNEL.
        defaults: as for `merge`.
    """
    found = [key for key in dict.fromkeys(_keys(defaults, "", 2)) if key.rpartition(".")[2] == name]
    fewest = min((key.count(".") for key in found), default=0)
    return [key for key in found if key.count(".") == fewest]


def _keys(tree: Tree, path: str, slots: int) -> Iterator[str]:
    """The keys below a path, of all entries that slots can hold; slots in slots are entered `slots` deep."""
    for name, default in tree.items():
        key = _join(path, name)
        if isinstance(default, Mapping):
            yield from _keys(default, key, slots)
            continue
        if path:
            yield key
        if isinstance(default, Recipe) and slots:
            for entry in default.registry.names():
                settings = default.registry.schema(entry).values()
                yield from _keys({one.name.upper(): one.default for one in settings}, key, slots - 1)


class _Walk:
    """Walks down the tree and collects problems, so that all are reported at once."""

    def __init__(self, defaults: Tree) -> None:
        self.defaults, self.problems = defaults, list[str]()

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
            return self._slot(field.default, given, path, field.role)
        if isinstance(field.model, Recipes):
            return self._entries(field.model.registry, given, path)
        if isinstance(field.model, Mapping):
            return self.section(
                {key: _Field(value, value) for key, value in field.model.items()}, given, path
            )
        return self._leaf(field, given, path)

    def _slot(self, recipe: Recipe, layers: Sequence[Any], path: str, role: str) -> dict[str, Any]:
        name: Any = recipe.name
        kept: list[Any] = []
        for layer in self._mappings(layers, path, hint=self._hint(recipe, layers, path)):
            if (named := layer.get("NAME", name)) != name:
                name, kept = named, []
            kept.append(layer)
        if not isinstance(name, str):
            self.problems.append(f"{path}.NAME must be str, got {brief(name)}")
        elif not name:
            known = ", ".join(recipe.registry.names()) or "none"
            self.problems.append(
                f"{path}.NAME is missing; choose {with_article(recipe.registry.kind)}: {known}"
            )
        elif name not in recipe.registry:
            self.problems.append(f"{path}.NAME: {recipe.registry.unknown(str(name))}")
        elif role not in (able := recipe.registry.serves(name)):
            fitting = " or ".join(map(repr, recipe.registry.fitting(role))) or "one that is"
            self.problems.append(
                f"{path}.NAME: '{name}' is {' and '.join(map(with_article, able))}, but "
                f"{with_article(role)} is needed; use {fitting}"
            )
        else:
            name = str(name)
            return {"NAME": name, **self.section(_fields(recipe, name), kept, path, entry=name)}
        return {}

    def _entries(self, registry: Registry, layers: Sequence[Any], path: str) -> dict[str, Any]:
        layers, tree = self._mappings(layers, path), dict[str, Any]()
        for key in dict.fromkeys(key for layer in layers for key in layer):
            place, name = _join(path, key), str(key).lower()
            if key != name.upper() or name not in registry:
                self.problems.append(f"{place}: {registry.unknown(name)}")
                continue
            given = [layer[key] for layer in layers if key in layer]
            tree[key] = self.section(_fields(registry.recipe(name), name), given, place)
        return tree

    @staticmethod
    def _hint(recipe: Recipe, layers: Sequence[Any], path: str) -> str:
        """What to do when a slot is given a word instead of keys."""
        words = [str(layer) for layer in layers if isinstance(layer, (str, Unread))]
        word = words[-1] if path in renamed.SLOTS and words else ""
        name = renamed.ENTRIES.get((recipe.registry.kind, word), word)
        return f"; choose its entry with {path}.NAME{f' {name}' if name else ''}"

    def _leaf(self, field: _Field, given: Sequence[Any], path: str) -> Any:
        value = given[-1] if given else field.default
        try:
            return fit(field.model, in_list(field.model, value), field.annotation)
        except MisfitError:
            wanted = _kind(field.model)
            default = f" (default {brief(field.default)})"
            self.problems.append(f"{path} must be {wanted}{default}, got {brief(value)}")
        except ConfigError as error:
            self.problems.append(f"{path}: {error}")
        return field.default

    def _mappings(self, layers: Sequence[Any], path: str, hint: str = "") -> list[Tree]:
        layers = [layer.read() if isinstance(layer, Unread) else layer for layer in layers]
        for layer in layers:
            if layer is None:
                self.problems.append(f"{path} is empty; give it keys, or remove it")
            elif not isinstance(layer, Mapping):
                self.problems.append(f"{path} must be a section with keys, got {brief(layer)}{hint}")
        return [layer for layer in layers if isinstance(layer, Mapping)]

    def _refuse_strangers(self, known: Sequence[str], layers: Iterable[Tree], path: str, entry: str) -> None:
        strangers = dict.fromkeys(key for layer in layers for key in layer if key not in known)
        for key in strangers:
            of = f" of '{entry}'" if entry else ""
            place = _join(path, key)
            new = renamed.KEYS.get(place, "")
            if new and new.removeprefix(f"{path}.").split(".")[0] in known:
                self.problems.append(f"{place} was renamed to {new}")
                continue
            near = nearest(str(key).upper(), known)
            meant = [_join(path, near)] if near else [] if path else keys_called(str(key), self.defaults)
            mend = f"did you mean {either(meant)}?" if meant else f"known keys: {', '.join(known) or 'none'}"
            self.problems.append(f"{place} is not a key{of}; {mend}")


def _fields(recipe: Recipe, name: str) -> dict[str, _Field]:
    """The rules of a slot that holds the entry `name`; the slot's overrides apply to any entry."""
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
    role = ""
    if isinstance(model, Recipe):
        role = recipe.registry.roles(name).get(setting.name, model.registry.role)
    return _Field(model, default, setting.annotation, role)


def _kind(model: Any) -> str:
    """What a value must be, in the words of YAML."""
    if model is None:
        return "plain values"
    return "a list such as [1, 2]" if type(model) in (list, tuple) else type(model).__name__


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else str(key)
