"""Scores that papers give for a method on a dataset, to stand beside ours."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from yacs.config import CfgNode

from nucleizoo.core import text

FILE = "published.yaml"


@dataclass(frozen=True)
class Published:
    """What a paper says.

    Attributes:
        score: the key of the column that it stands beside.
        value: in [0, 1].
        sd: over runs; None where the paper gives none.
        source: paper and place.
    """

    score: str
    value: float
    sd: float | None
    source: str


def datasets() -> list[str]:
    """Names of the datasets of which scores are known."""
    return sorted({row["dataset"] for row in _rows()})


def published(config: CfgNode, dataset: str) -> list[Published]:
    """What is known of a configuration's method on a dataset; nothing, more often than not.

    Args:
        config: of a run.
        dataset: its name in any case; '' for an unnamed one.
    """
    return [
        Published(score, float(value), row.get("sd", {}).get(score), row["source"])
        for row in _rows()
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
def _rows() -> list[dict[str, Any]]:
    content = text.parse_mapping((files(__package__) / FILE).read_text(encoding="utf-8"), FILE)
    rows: list[dict[str, Any]] = content["rows"]
    return rows
