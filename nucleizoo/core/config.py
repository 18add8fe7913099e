"""A configuration: YAML files and a command line, merged over the defaults and checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from yacs.config import CfgNode

from nucleizoo.core import text
from nucleizoo.core.check import merge
from nucleizoo.core.errors import ConfigError
from nucleizoo.core.plugins import installed_modules, is_path, load_plugins, located
from nucleizoo.core.registry import Recipe, Registry
from nucleizoo.core.values import in_list

BASE = "_BASE_"
MAX_FILES = 50

Layers = list[Mapping[str, Any]]


def load(
    path: str | Path,
    overrides: Sequence[str] = (),
    *,
    defaults: Mapping[str, Any],
    plugins: Sequence[str] = (),
) -> CfgNode:
    """Read a configuration file, merge it over its bases and the defaults, and check it.

    Args:
        path: a YAML file; its `_BASE_` is a file or a list of files, relative to its own folder.
        overrides: keys and values in turn, as on a command line: ["SOLVER.LR", "1e-4"].
        defaults: values, `Recipe`s for slots, and mappings of these for sections.
        plugins: added to the SYSTEM.PLUGINS of the file, and loaded like them.

    Returns:
        The whole tree, frozen: tuples where defaults are tuples, a slot's NAME beside its keys.

    Raises:
        ConfigError: when a file cannot be used; or listing all wrong keys and values, one line each.
    """
    layers = _read(Path(path), (), set())
    shown = str(path)
    if overrides:
        layers.append(_pairs(overrides))
        shown += " and the command line"
    _load_plugins([*_plugins(layers, shown), *map(located, plugins)], layers)
    return _checked(defaults, layers, shown)


def loads(
    saved: str,
    *,
    defaults: Mapping[str, Any],
    name: str = "config.yaml",
    plugins: Sequence[str] = (),
    overrides: Sequence[str] = (),
) -> CfgNode:
    """Read a configuration that `dump` has written.

    Installed plugins are loaded. Any other file or module may have been exchanged since, or be named by a
    stranger: it is loaded only when `plugins` names it again, a file or folder by its name alone.

    Args:
        saved: the text.
        defaults: as for `load`.
        name: what messages call the text.
        plugins: added to SYSTEM.PLUGINS; a file replaces the file of the same name.
        overrides: keys and values in turn, applied over the text.

    Raises:
        ConfigError: as `load`, and when a plugin that is not installed as one is not named again.
    """
    layers: Layers = [text.parse_mapping(saved, name)]
    if overrides:
        layers.append(_pairs(overrides))
    given = [located(plugin) for plugin in plugins]
    again = {Path(plugin).name if is_path(plugin) else plugin: plugin for plugin in given}
    again |= {plugin: plugin for plugin in installed_modules()}
    wanted = _plugins(layers, name)
    called = [Path(plugin).name if is_path(plugin) else plugin for plugin in wanted]
    unasked = [plugin for plugin, short in zip(wanted, called, strict=True) if short not in again]
    unasked += [plugin for plugin in map(located, entries_plugins(layers[0])) if plugin not in again.values()]
    for plugin in unasked:
        kind = "file" if is_path(plugin) else "module"
        raise ConfigError(
            f"{name}: it needs the plugin {kind} {plugin}, which is not loaded automatically; "
            f"read the {kind}, then load it with --plugin {plugin}"
        )
    _load_plugins([*(again[short] for short in called), *given], layers)
    return _checked(defaults, layers, name)


def entries_plugins(tree: Mapping[str, Any]) -> list[str]:
    """The plugins in keys PLUGINS outside SYSTEM, with which entries open another run."""
    found = list[str]()
    for key, value in tree.items():
        if isinstance(value, Mapping) and key != "SYSTEM":
            found += entries_plugins(value)
        elif key == "PLUGINS":
            found += [str(name) for name in in_list([], value)]
    return found


def dump(config: CfgNode) -> str:
    """The whole tree as YAML that `load` and `loads` turn into an equal tree."""
    return text.write(config)


def recipe_of(node: Mapping[str, Any], registry: Registry) -> Recipe:
    """The recipe that a slot of a checked configuration describes, slots inside it included.

    Raises:
        ConfigError: when the registry has no entry of that name.
    """
    schema = registry.schema(node["NAME"])
    settings = {key.lower(): value for key, value in node.items() if key != "NAME"}
    for name, value in settings.items():
        if isinstance(value, CfgNode):
            settings[name] = recipe_of(value, schema[name].default.registry)
    return Recipe(registry, node["NAME"], settings)


def recipes_of(node: CfgNode, registry: Registry) -> list[Recipe]:
    """The recipes of a section that has a key per entry, in its order.

    Raises:
        ConfigError: when the registry has no entry of a name.
    """
    return [recipe_of({"NAME": key.lower(), **settings}, registry) for key, settings in node.items()]


def differences(here: CfgNode, there: CfgNode) -> list[str]:
    """The keys whose values differ: "SOLVER.LR: 0.1 here, 0.2 there"."""
    a, b = _flat(here, ""), _flat(there, "")
    return [
        f"{key}: {text.brief(a[key]) if key in a else 'absent'} here, "
        f"{text.brief(b[key]) if key in b else 'absent'} there"
        for key in dict.fromkeys([*a, *b])
        if key not in a or key not in b or a[key] != b[key]
    ]


def _read(path: Path, readers: tuple[Path, ...], done: set[Path]) -> Layers:
    """The trees of a file and its bases, bases first, each file once; `readers` led to this file."""
    chain = " -> ".join(str(reader) for reader in (*readers, path))
    if path.resolve() in [reader.resolve() for reader in readers]:
        raise ConfigError(f"{readers[0]}: {BASE} is circular: {chain}")
    if path.resolve() in done:
        return []
    done.add(path.resolve())
    if len(done) > MAX_FILES:
        raise ConfigError(f"{path}: {BASE} includes more than {MAX_FILES} files; use fewer")
    tree = text.read(path, chain)
    bases = tree.pop(BASE, [])
    bases = [bases] if isinstance(bases, str) else bases
    if not isinstance(bases, list) or not all(isinstance(base, str) for base in bases):
        raise ConfigError(f"{path}: {BASE} must be a file or a list of files, got {text.brief(bases)}")
    system = tree.get("SYSTEM")
    if isinstance(system, dict) and "PLUGINS" in system:
        system["PLUGINS"] = [
            located(name, path.parent) if isinstance(name, str) else name
            for name in in_list([], system["PLUGINS"])
        ]
    below = [_read(path.parent / base, (*readers, path), done) for base in bases]
    return [*(layer for layers in below for layer in layers), tree]


def _pairs(overrides: Sequence[str]) -> dict[str, Any]:
    """The tree given by the keys and values of a command line."""
    if len(overrides) % 2:
        raise ConfigError(f"the command line takes KEY VALUE pairs, but {overrides[-1]} has no value")
    tree: dict[str, Any] = {}
    for key, value in zip(overrides[::2], overrides[1::2], strict=True):
        *sections, last = key.split(".")
        node = tree
        for section in sections:
            node = node.setdefault(section, {})
            if not isinstance(node, dict):
                raise ConfigError(
                    f"the command line sets {section} and also {key}, a key inside it; remove one of them"
                )
        if isinstance(node.get(last), dict):
            raise ConfigError(f"the command line sets {key} and also keys inside it; remove one of them")
        node[last] = text.Unread(value)
    return tree


def _plugins(layers: Layers, shown: str) -> list[str]:
    """SYSTEM.PLUGINS, needed before anything can be checked."""
    sections = [layer.get("SYSTEM") for layer in layers]
    found = [
        section["PLUGINS"] for section in sections if isinstance(section, Mapping) and "PLUGINS" in section
    ]
    names = in_list([], found[-1] if found else [])
    if not all(isinstance(name, str) for name in names):
        raise ConfigError(
            f"{shown}:\n  SYSTEM.PLUGINS must be a list of modules, files or folders, got {text.brief(names)}"
        )
    return [located(name) for name in names]


def _load_plugins(wanted: Sequence[str], layers: Layers) -> None:
    """Load plugins, and record exactly these in the configuration."""
    load_plugins(wanted)
    if wanted:
        layers.append({"SYSTEM": {"PLUGINS": list(dict.fromkeys(wanted))}})


def _checked(defaults: Mapping[str, Any], layers: Layers, shown: str) -> CfgNode:
    tree, problems = merge(defaults, layers)
    if problems:
        raise ConfigError("\n  ".join([f"{shown}:", *problems]))
    config = CfgNode(tree)
    config.freeze()
    return config


def _flat(node: Mapping[str, Any], path: str) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in node.items():
        flat |= _flat(value, f"{path}{key}.") if isinstance(value, Mapping) else {f"{path}{key}": value}
    return flat
