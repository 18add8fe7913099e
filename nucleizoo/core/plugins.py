"""Plugins: modules that register entries when they are imported."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import logging
import os
import re
import sys
import traceback
from collections.abc import Sequence
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from nucleizoo.core import renamed
from nucleizoo.core.errors import ConfigError
from nucleizoo.core.registry import BROKEN_PLUGINS

GROUP = "nucleizoo.plugins"

_logger = logging.getLogger(__name__)
_installed: list[str] = []


def load_plugins(named: Sequence[str] = ()) -> list[str]:
    """Load the installed plugins, then those that are named; each is imported once per process.

    A broken installed plugin gives a warning, which the registries repeat when a name is unknown;
    errors in nucleizoo's own entries are raised.

    Args:
        named: a module, a `.py` file, or a folder with an `__init__.py`.

    Returns:
        Names of the installed plugins that work, then the named ones, files as absolute paths.

    Raises:
        ConfigError: when a named plugin cannot be imported.
    """
    for point in sorted(entry_points(group=GROUP), key=lambda point: not _is_ours(point)):
        if point.name not in _installed and point.name not in BROKEN_PLUGINS:
            _load_installed(point)
    return [*_installed, *(_load_named(name) for name in named)]


def installed_modules() -> set[str]:
    """The modules of the installed plugins, which are imported anyway."""
    return {point.module for point in entry_points(group=GROUP)}


def located(name: str, folder: Path | str = ".") -> str:
    """A plugin's file or folder as an absolute path, relative to `folder`; a module's name unchanged."""
    path = Path(folder, Path(name).expanduser())
    if not is_path(name):
        is_folder = name.isidentifier() and (path / "__init__.py").is_file()
        if not is_folder or importlib.util.find_spec(name) is not None:
            return name
    path = path.resolve()
    return str(path.parent if path.name == "__init__.py" else path)


def is_path(name: str) -> bool:
    """Whether a plugin is named by a path, not as a module."""
    return name.endswith(".py") or "/" in name or os.sep in name


def _is_ours(point: EntryPoint) -> bool:
    return point.module.split(".")[0] == __name__.split(".")[0]


def _load_installed(point: EntryPoint) -> None:
    try:
        point.load()
    except Exception as error:
        if _is_ours(point):
            raise
        BROKEN_PLUGINS[point.name] = _reason(error)
        _logger.warning("the installed plugin '%s' is skipped: %s", point.name, _reason(error))
    else:
        _installed.append(point.name)


def _load_named(name: str) -> str:
    name = located(name)
    try:
        if is_path(name):
            _import_path(Path(name))
        else:
            importlib.import_module(name)
    except Exception as error:
        raise ConfigError(f"the plugin '{name}' cannot be loaded: {_reason(error)}") from error
    return name


def _import_path(path: Path) -> None:
    source = path / "__init__.py" if path.is_dir() else path
    if not source.is_file():
        raise FileNotFoundError(f"there is no file {source}")
    # The name depends only on the path, so that worker processes find the same module under it.
    private = f"_nucleizoo_plugin_{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"
    if private in sys.modules:
        return
    inner = [str(path)] if path.is_dir() else None
    spec = importlib.util.spec_from_file_location(private, source, submodule_search_locations=inner)
    if spec is None or spec.loader is None:
        raise ImportError(f"{source} is not a Python file")
    sys.modules[private] = module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[private]
        raise


def _reason(error: Exception) -> str:
    """One line: the error, and the last line of code in its traceback."""
    reason = f"{type(error).__name__}: {error}"
    frames = [f for f in traceback.extract_tb(error.__traceback__) if not f.filename.startswith("<frozen")]
    missing = re.match(r"cannot import name '(\w+)' from '(nucleizoo\b[\w.]*)'", str(error))
    if missing and (new := renamed.NAMES.get(missing[1])):
        reason += f"; it was renamed to {new}"
    elif isinstance(error, ImportError):
        lacking = f"{missing[2]}.{missing[1]}" if missing else error.name or ""
        old = _old_module(lacking, (frames[-1].line or "") if frames else "")
        reason += f"; {old} was renamed to {renamed.MODULES[old]}" if old else ""
    if isinstance(error, SyntaxError) or not frames or frames[-1].filename == __file__:
        return reason
    return f"{reason} ({frames[-1].filename}:{frames[-1].lineno})"


def _old_module(lacking: str, line: str) -> str:
    """The renamed module that a line of code imports, '' if it is none.

    Python's error tells what is `lacking`: of `import a.b`, only a.
    """
    words = re.findall(r"[\w.]+", line.replace(" import ", "."))  # from a import b: a.b
    for name in [*(word for word in words if word.startswith(f"{lacking}.")), lacking]:
        while name not in renamed.MODULES and len(name) > len(lacking):
            name = name.rpartition(".")[0]
        if name in renamed.MODULES:
            return str(name)
    return ""
