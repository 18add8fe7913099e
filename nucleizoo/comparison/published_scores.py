"""Published scores of a method on a dataset, shown beside ours.

They are in a file beside the method, `cysgan.yaml` beside `cysgan.py`, in the registry as in a plugin.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from yacs.config import CfgNode

from nucleizoo.core import text
from nucleizoo.kinds import METHODS


@dataclass(frozen=True)
class Published:
    """A score from a paper.

    Attributes:
        score: the key of the column that it is compared with.
        value: in [0, 1].
        sd: over runs; None where the paper gives none.
        source: the paper, and where in it.
    """

    score: str
    value: float
    sd: float | None
    source: str


def datasets() -> list[str]:
    """Names of the datasets with published scores."""
    return sorted({row["dataset"] for name in METHODS.names() for row in _rows_of(name)})


def published(config: CfgNode, dataset: str) -> list[Published]:
    """The published scores of a configuration's method on a dataset, often none.

    Args:
        config: of a run.
        dataset: its name in any case; '' for an unnamed one.
    """
    return [
        Published(score, float(value), row.get("sd", {}).get(score), row["source"])
        for row in _rows_of(config.METHOD.NAME)
        if row["dataset"].lower() == dataset.lower()
        and all(_value(config, key) == value for key, value in row["when"].items())
        for score, value in row["scores"].items()
    ]


def _value(config: CfgNode, key: str) -> Any:
    node: Any = config
    for part in key.split("."):
        node = node.get(part) if isinstance(node, dict) else None
    return node


@cache
def _rows_of(method: str) -> list[dict[str, Any]]:
    """The rows of the YAML file beside the method's module and named like it; none if there is no file."""
    file = Path(inspect.getfile(METHODS.get(method))).with_suffix(".yaml")
    rows: list[dict[str, Any]] = text.read(file)["rows"] if file.is_file() else []
    return rows
