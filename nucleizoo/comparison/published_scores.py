"""Scores that papers state, of all systems that they compare, shown beside ours.

They are in a file beside the method that the paper introduces, `cysgan.yaml` beside `cysgan.py`, in the
registry as in a plugin:

    paper: Yao et al., AD-GAN, 2021
    systems:  # of those that can be trained here, the settings of their configurations
      AD-GAN: {METHOD.NAME: adgan, TARGET.NAME: mask}
    tables:
      table 1:
        HaCaT:  # a data set
          AD-GAN: {dice: [0.893, 0.002]}  # a column of nucleizoo compare: in [0, 1], or that and its sd
          UFDN: {dice: 0.778}
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from yacs.config import CfgNode

from nucleizoo.comparison.columns import SCORES
from nucleizoo.comparison.significance import Spread
from nucleizoo.core import text
from nucleizoo.core.errors import ConfigError
from nucleizoo.core.plugins import load_plugins
from nucleizoo.kinds import METHODS


@dataclass(frozen=True)
class Published:
    """A row of a table of a paper.

    Attributes:
        dataset: what was scored.
        system: its name in the paper.
        scores: by the keys of columns, in [0, 1]; the standard deviation is over the paper's runs, None where
            it gives none.
        source: the paper, and where in it.
        settings: by key, those of a configuration that describes this system; empty where none does.
    """

    dataset: str
    system: str
    scores: Mapping[str, Spread]
    source: str
    settings: Mapping[str, Any]

    def describes(self, config: CfgNode) -> bool:
        """Whether this is the system that a run's configuration trains."""
        return bool(self.settings) and all(_value(config, k) == value for k, value in self.settings.items())


def datasets() -> list[str]:
    """Names of the datasets with published scores."""
    return sorted({row.dataset for row in _all()})


def published(dataset: str) -> list[Published]:
    """The published scores on a dataset, in the order of the tables, often none.

    Args:
        dataset: its name in any case; '' for an unnamed one.

    Raises:
        ConfigError: for a plugin's file of scores that cannot be read.
    """
    return [row for row in _all() if row.dataset.lower() == dataset.lower()]


def of_table(source: str) -> list[Published]:
    """The rows of one table, of all datasets, by the paper and the table's name."""
    return [row for row in _all() if row.source == source]


def _all() -> Iterator[Published]:
    """The rows of the YAML files beside the modules of all methods, named like them, where there are any."""
    load_plugins()
    files = (Path(inspect.getfile(METHODS.get(name))).with_suffix(".yaml") for name in METHODS.names())
    for file in dict.fromkeys(files):
        yield from _rows_of(file) if file.is_file() else ()


@cache
def _rows_of(file: Path) -> list[Published]:
    tree = text.read(file)
    systems = tree.get("systems", {})
    rows = [
        Published(
            dataset,
            system,
            {
                key: Spread(*said) if isinstance(said, list) else Spread(said, None)
                for key, said in scores.items()
            },
            f"{tree['paper']}, {table}",
            systems.get(system, {}),
        )
        for table, parts in tree.get("tables", {}).items()
        for dataset, rows in parts.items()
        for system, scores in rows.items()
    ]
    known = [column.key for column in SCORES]
    for key in (key for row in rows for key in row.scores if key not in known):
        raise ConfigError(f"{file}: '{key}' is no score; use one of {', '.join(known)}")
    return rows


def _value(config: CfgNode, key: str) -> Any:
    node: Any = config
    for part in key.split("."):
        node = node.get(part) if isinstance(node, dict) else None
    return node
