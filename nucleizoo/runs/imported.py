"""A run made of a checkpoint of another program."""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import Tensor

from nucleizoo import build, ranges
from nucleizoo.contracts import Importer
from nucleizoo.core import config as configuration
from nucleizoo.core.errors import RunError
from nucleizoo.core.files import atomic_folder
from nucleizoo.core.format import first_line, listed
from nucleizoo.core.plugins import load_plugins
from nucleizoo.defaults import DEFAULTS
from nucleizoo.kinds import IMPORTERS
from nucleizoo.runs import saved_state
from nucleizoo.runs.run import Run


def import_checkpoint(
    name: str,
    file: str | Path,
    out: str | Path,
    *,
    plugins: Sequence[str] = (),
    overrides: Sequence[str] = (),
) -> Run:
    """Make a finished run of a checkpoint.

    Args:
        name: of the importer.
        file: the checkpoint. Only tensors and plain values are read from it: it runs no code.
        out: the run folder, made if missing.
        plugins: files with further entries.
        overrides: KEY VALUE pairs over the importer's configuration.

    Raises:
        ConfigError: for an unknown importer, or overrides that are wrong.
        RunError: when the checkpoint is not one of the program.
        UserError: when there is something in the folder.
        OSError: when a file cannot be read or written.
    """
    load_plugins(plugins)
    file, importer = Path(file), IMPORTERS.recipe(name)()
    weights = _of_modules(importer, name, file)
    text = yaml.safe_dump(importer.settings(weights), sort_keys=False)
    config = configuration.loads(
        text, defaults=DEFAULTS, name=f"the importer '{name}'", plugins=plugins, overrides=overrides
    )
    ranges.check(config, f"the importer '{name}'")
    method = build.Experiment.check(config).method
    ours = {_renamed(path, importer.modules): weight for path, weight in weights.items()}
    _check_fits(saved_state.weights_of(method), ours, file)
    origin = {"program": importer.program, "importer": name, "file": file.name, "sha256": _sha256(file)}
    with atomic_folder(out) as part:
        Run(part, config).create(imported=origin)
        saved_state.save_weights(part, ours)
    return Run(Path(out), config)


def _of_modules(importer: Importer, name: str, file: Path) -> dict[str, Tensor]:
    """The tensors of a checkpoint by path, without those that are ignored.

    Raises:
        RunError: when there are other modules than the importer's.
    """
    found = {
        path: tensor
        for path, tensor in _flat(_loaded(file), "")
        if not any(fnmatchcase(path, pattern) for pattern in importer.ignored)
    }
    there = {path.rpartition(".")[0] for path in found}
    problems = {
        "missing": [module for module in importer.modules if module not in there],
        "left over": [path for path in found if path.rpartition(".")[0] not in importer.modules],
    }
    if any(problems.values()):
        told = "; ".join(
            f"{what}: {len(which)} ({listed(which)})" for what, which in problems.items() if which
        )
        raise RunError(
            f"{file} is not a checkpoint that the importer '{name}' knows ({importer.program}): {told}; "
            "choose the importer of the program that wrote it: nucleizoo list IMPORTERS"
        )
    return found


def _loaded(file: Path) -> Any:
    """What torch.save wrote.

    Raises:
        RunError: when it is something else, or holds more than tensors and plain values.
        OSError: when it cannot be read.
    """
    try:
        return torch.load(file, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, EOFError, RuntimeError, LookupError, ValueError) as error:
        raise RunError(
            f"{file} cannot be read as tensors and plain values ({first_line(error)}); if it is one, save "
            "its state dictionaries alone with the program that wrote it, and import that"
        ) from error


def _flat(node: Any, path: str) -> Iterator[tuple[str, Tensor]]:
    if isinstance(node, Tensor):
        yield path, node
    elif isinstance(node, Mapping):
        for key, value in node.items():
            yield from _flat(value, f"{path}.{key}".lstrip("."))


def _renamed(path: str, modules: Mapping[str, str]) -> str:
    module, _, kind = path.rpartition(".")
    return f"{modules[module]}.{kind}"


def _check_fits(own: Mapping[str, Tensor], given: Mapping[str, Tensor], file: Path) -> None:
    """Refuse weights of other names or shapes than a method's own.

    Raises:
        RunError: naming those that do not fit.
    """
    needed = {key: tuple(value.shape) for key, value in own.items()}
    shapes = {key: tuple(value.shape) for key, value in given.items()}
    wrong = [
        f"{key} {shapes.get(key, 'is missing')}, not {needed.get(key, 'known')}"
        for key in dict.fromkeys([*needed, *shapes])
        if shapes.get(key) != needed.get(key)
    ]
    if wrong:
        raise RunError(
            f"{file}: {len(wrong)} tensors are not those of the configuration: {'; '.join(wrong[:3])}; give "
            "the widths that it was trained with, as KEY VALUE"
        )


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
