"""Models, a row each: runs that differ only in their seed are one, and so is a folder of labels."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from yacs.config import CfgNode

from nucleizoo.build import Experiment
from nucleizoo.core import config as configuration
from nucleizoo.core.errors import ConfigError, RunError, UserError
from nucleizoo.runs import Run

_ALIKE = ("SYSTEM.SEED", "SYSTEM.DEVICE", "SYSTEM.WORKERS", "SYSTEM.PLUGINS", "MONITOR.")
"""Keys in which runs of one model may differ: the seed, and those that do not affect the result."""


_SEED = re.compile(r"_seed\d+$")
"""How the name of a run ends."""


@dataclass(frozen=True, eq=False)
class Model:
    """One configuration, trained once or with several seeds; or labels of which nothing else is known.

    Attributes:
        name: unique in the comparison.
        runs: in the order of their seeds; none of labels.
        labels: label files by the names of their pictures, where there is no run.
    """

    name: str
    runs: list[Run]
    labels: Mapping[str, Path] = field(default_factory=dict)

    @property
    def learns(self) -> bool:
        """Whether it was trained, so that its scores depend on a seed."""
        return any(run.config.SOLVER.TOTAL for run in self.runs)

    @property
    def seeds(self) -> list[int]:
        """The seeds, in ascending order."""
        return [run.config.SYSTEM.SEED for run in self.runs]


def open_run(path: str | Path, plugins: Sequence[str] = (), overrides: Sequence[str] = ()) -> Run:
    """Open a run that can be compared.

    Raises:
        RunError: when it is not a run, is not finished, or only translates.
    """
    run = Run.open_finished(Path(path), plugins, overrides)
    try:
        Experiment.check(run.config).check_segments()
    except ConfigError as error:
        raise RunError(f"{path} cannot be compared: {error}") from error
    return run


def grouped(runs: Sequence[Run]) -> list[Model]:
    """Group runs that differ only in their seed, in the order in which they were given.

    Raises:
        UserError: for a training given twice, or runs for both images and volumes.
    """
    dims = {len(run.config.DATASET.SIZE): run for run in runs}
    if len(dims) > 1:
        raise UserError(
            f"{dims[2].path} was trained on 2D images and {dims[3].path} on volumes; compare them separately"
        )
    groups: list[list[Run]] = []
    for run in runs:
        home = next((group for group in groups if _alike(group[0], run)), None)
        if home is None:
            groups.append([run])
            continue
        for other in home:
            if other.config.SYSTEM.SEED == run.config.SYSTEM.SEED:
                raise UserError(
                    f"{other.path} and {run.path} are the same training (the same configuration and seed), "
                    "and would be counted as two; give only one of them"
                )
        home.append(run)
    for group in groups:
        group.sort(key=lambda run: int(run.config.SYSTEM.SEED))
    return [Model(name, group) for name, group in zip(_names(groups), groups, strict=True)]


def _alike(one: Run, other: Run) -> bool:
    lines = configuration.differences(_unseeded(one.config), _unseeded(other.config))
    return all(line.startswith(_ALIKE) or ".CACHE_GB:" in line for line in lines)


def _unseeded(node: Mapping[str, Any]) -> CfgNode:
    """A configuration with the name that the run of its earlier stage has for every seed."""
    return CfgNode({
        key: _unseeded(value) if isinstance(value, Mapping)
        else _SEED.sub("", value) if key in ("RUN", "FROM")
        else value
        for key, value in node.items()
    })  # fmt: skip


def _names(groups: Sequence[Sequence[Run]]) -> list[str]:
    """Folder names without their seeds; full paths where two names would be the same."""
    short = [_SEED.sub("", group[0].path.resolve().name) for group in groups]
    return [
        name if short.count(name) == 1 else str(group[0].path)
        for name, group in zip(short, groups, strict=True)
    ]
