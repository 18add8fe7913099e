"""Configurations that are trained one after the other: the second uses what the run of the first gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from yacs.config import CfgNode

from nucleizoo import ranges
from nucleizoo.build import Experiment
from nucleizoo.core import config as configuration
from nucleizoo.core.errors import ConfigError
from nucleizoo.defaults import DEFAULTS

RUNS = "runs"
"""Where configurations expect the runs of others: the run of `a.yaml` is `runs/a`."""


def load_config(path: str | Path, overrides: Sequence[str] = (), plugins: Sequence[str] = ()) -> CfgNode:
    """Load and check a configuration: the file over the defaults, the `KEY VALUE` pairs over both.

    Raises:
        ConfigError: listing everything that is wrong.
    """
    config = configuration.load(path, overrides, defaults=DEFAULTS, plugins=plugins)
    ranges.check(config, str(path))
    return config


def load_pipeline(
    paths: Sequence[str | Path], overrides: Sequence[str] = (), plugins: Sequence[str] = ()
) -> dict[str, CfgNode]:
    """Load configurations that are trained in this order, by the names of their files.

    A `KEY VALUE` pair holds for all that have the key; it is left out where only others have it.

    Raises:
        ConfigError: as `load_config`, and for two files of one name or one whose parts do not fit together.
    """
    plain = {path: load_config(path, (), plugins) for path in map(Path, paths)} if len(paths) > 1 else {}

    def meant(config: CfgNode | None) -> list[str]:
        return [
            word
            for pair in (overrides[at : at + 2] for at in range(0, len(overrides), 2))
            if config is None or _has(config, pair[0]) or not any(_has(o, pair[0]) for o in plain.values())
            for word in pair
        ]

    stages = dict[str, CfgNode]()
    for path in map(Path, paths):
        if path.stem in stages:
            raise ConfigError(f"two configurations are called {path.stem}, and would be one run; rename one")
        stages[path.stem] = load_config(path, meant(plain.get(path)), plugins)
        Experiment.check(stages[path.stem])
    return stages


def following(config: CfgNode, first: str, run: Path) -> CfgNode:
    """The configuration of a later stage, with the run of an earlier one where that is.

    Args:
        config: names that run as `runs/<first>`, in DATASET.SOURCE.RUN or SOLVER.FROM.
        first: the name of the earlier configuration.
        run: its run folder.

    Raises:
        ConfigError: when it does not name it.
    """
    named = f"{RUNS}/{first}"
    if named not in _texts(config):
        raise ConfigError(
            f"a configuration that is trained after {first} must name its run: DATASET.SOURCE.RUN {named}, "
            f"or SOLVER.FROM {named}"
        )
    whole = CfgNode(_replaced(config, named, str(run)))
    whole.freeze()
    return whole


def _has(config: Mapping[str, Any], key: str) -> bool:
    node: Any = config
    for part in key.split("."):
        if not isinstance(node, Mapping) or part not in node:
            return False
        node = node[part]
    return True


def _texts(node: Mapping[str, Any]) -> list[Any]:
    return [
        text for value in node.values() for text in (_texts(value) if isinstance(value, Mapping) else [value])
    ]


def _replaced(node: Mapping[str, Any], old: str, new: str) -> dict[str, Any]:
    return {
        key: _replaced(value, old, new) if isinstance(value, Mapping) else new if value == old else value
        for key, value in node.items()
    }
