"""A grid as its file describes it: configurations, seeds, and the annotated sets that score them.

    CONFIGS:                       # trained in this order with the first seed, then with the next
      - ../adgan_hela_cpu.yaml     # from the folder of this file
      - [../cyclegan_hela_cpu.yaml, ../cgunet_hela_cpu.yaml]   # two stages, of which the last is scored
      - nuclei_2d                  # a model that ships with nucleizoo, not trained
    SEEDS: [10, 11, 12]
    ROOT: hela_n2dl/train          # DATASET.ROOT of all trainings
    SETTINGS: {DATASET.IMAGE.PATH: images}   # of all trainings, as KEY VALUE pairs of a command
    SETS:                          # what is scored, by name; DATASET, BORDER and PROTOCOL as in `compare`
      hela_n2dl:
        IMAGES: hela_n2dl/train/images
        LABELS: hela_n2dl/train/labels
        DATASET: Fluo-N2DL-HeLa
        BORDER: 25
        ROWS: {My tool: its_labels}   # rows of other programs: their label files of these images
    OUT: runs/hela_cpu             # runs, and a report per set
    RESULTS: docs/results          # a CSV per set, with a row per training

ROOT, IMAGES, LABELS and ROWS are in the folder that the variable NUCLEIZOO_DATA of the environment names;
without it they start, as OUT and RESULTS do, from the folder that the command runs in.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nucleizoo import io
from nucleizoo.comparison import Pair, find_pairs, scoring
from nucleizoo.core import text
from nucleizoo.core.errors import ConfigError, UserError
from nucleizoo.core.registry import nearest
from nucleizoo.metrics.protocol import Scoring

DATA = "NUCLEIZOO_DATA"
"""The variable of the environment with the folder of all data."""

_NEEDED = ("CONFIGS", "SETS", "OUT")
_KEYS = (*_NEEDED, "SEEDS", "ROOT", "SETTINGS", "RESULTS")
_OF_A_SET = ("IMAGES", "LABELS", "DATASET", "BORDER", "PROTOCOL", "ROWS")


@dataclass(frozen=True)
class Annotated:
    """A set of annotated pictures.

    Attributes:
        name: of its report and CSV.
        images, labels: folders, whose files are paired by name.
        dataset: its name among published scores; '' if there are none.
        border: pixels within which SEG and DET ignore nuclei; None for that of the protocol.
        protocol: how it is scored; '' for none.
        rows: folders of labels that other programs made, by the names of their rows.
    """

    name: str
    images: Path
    labels: Path
    dataset: str
    border: int | None
    protocol: str
    rows: Mapping[str, Path]

    def scored(self) -> tuple[Scoring, list[Pair]]:
        """How it is scored, and its pictures with their labels.

        Raises:
            UserError: when they cannot be paired, or a label file has no picture.
        """
        how = scoring(self.protocol, self.labels, dataset=self.dataset, border=self.border)
        pairs, missing = find_pairs(self.images, self.labels, how.markers)
        if lacking := [name for name in missing if how.holds(name)]:
            raise UserError(f"{self.images} has no picture for the labels of {io.first_few(lacking)}")
        return how, how.chosen(pairs)


@dataclass(frozen=True)
class GridFile:
    """What a file says.

    Attributes:
        path: of the file.
        systems: configurations, in the order of training; of a pipeline several.
        models: names of models that ship.
        seeds: of every system.
        overrides: KEY VALUE pairs of all trainings.
        sets: what is scored.
        out: folder for runs and reports.
        results: folder for a CSV per set.
    """

    path: Path
    systems: Sequence[Sequence[Path]]
    models: Sequence[str]
    seeds: Sequence[int]
    overrides: Sequence[str]
    sets: Sequence[Annotated]
    out: Path
    results: Path

    @classmethod
    def read(cls, path: str | Path) -> GridFile:
        """Read a file.

        Raises:
            ConfigError: naming the key that is wrong or missing.
        """
        path = Path(path)
        tree = text.read(path)
        _check_keys(tree, _KEYS, _NEEDED, str(path))
        rows = [_row(one, path) for one in _listed(tree["CONFIGS"], "CONFIGS", path)]
        seeds = _listed(tree.get("SEEDS", [10]), "SEEDS", path)
        if len({*map(str, seeds)}) < len(seeds) or not all(type(s) is int and s >= 0 for s in seeds):
            raise ConfigError(
                f"{path}: SEEDS must be different whole numbers, such as [10, 11, 12]; got {seeds}"
            )
        pairs = _mapping(tree.get("SETTINGS", {}), "SETTINGS", path)
        if "ROOT" in tree:
            pairs = {"DATASET.ROOT": str(_data(tree["ROOT"])), **pairs}
        return cls(
            path,
            [row for row in rows if isinstance(row, list)],
            [row for row in rows if isinstance(row, str)],
            seeds,
            [word for key, value in pairs.items() for word in (key, str(value))],
            [_set(name, told, path) for name, told in _mapping(tree["SETS"], "SETS", path).items()],
            Path(tree["OUT"]),
            Path(tree.get("RESULTS", tree["OUT"])),
        )


def _row(told: Any, path: Path) -> list[Path] | str:
    """The files of a system, or the name of a model."""
    if isinstance(told, str) and Path(told).suffix not in text.SUFFIXES:
        return told
    files = [told] if isinstance(told, str) else told
    if not isinstance(files, list) or not files or not all(isinstance(file, str) for file in files):
        raise ConfigError(
            f"{path}: CONFIGS must list files, [FIRST, SECOND] for two stages, and names of models; got "
            f"{text.brief(told)}"
        )
    return [Path(os.path.relpath(path.parent / file)) for file in files]


def _set(name: str, told: Any, path: Path) -> Annotated:
    where = f"{path}: SETS.{name}"
    told = _mapping(told, f"SETS.{name}", path)
    _check_keys(told, _OF_A_SET, ("IMAGES", "LABELS"), where)
    border = told.get("BORDER")
    if border is not None and (type(border) is not int or border < 0):
        raise ConfigError(f"{where}: BORDER must be a number of pixels, 0 or more; got {text.brief(border)}")
    rows = _mapping(told.get("ROWS", {}), f"SETS.{name}.ROWS", path)
    return Annotated(
        name, _data(told["IMAGES"]), _data(told["LABELS"]), str(told.get("DATASET", "")), border,
        str(told.get("PROTOCOL", "")), {str(row): _data(folder) for row, folder in rows.items()},
    )  # fmt: skip


def _data(folder: Any) -> Path:
    return Path(os.environ.get(DATA, "")) / str(folder)


def _listed(value: Any, key: str, path: Path) -> list[Any]:
    if not isinstance(value, list) or not value:
        raise ConfigError(f"{path}: {key} must be a list of at least one, got {text.brief(value)}")
    return value


def _mapping(value: Any, key: str, path: Path) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ConfigError(f"{path}: {key} must hold KEY: VALUE pairs, got {text.brief(value)}")
    return value


def _check_keys(tree: Mapping[str, Any], known: Sequence[str], needed: Sequence[str], shown: str) -> None:
    for key in tree:
        if key not in known:
            near = nearest(key, known)
            hint = f"did you mean {near}? " if near else ""
            raise ConfigError(f"{shown}: there is no key {key}; {hint}Keys: {', '.join(known)}")
    if missing := [key for key in needed if key not in tree]:
        raise ConfigError(f"{shown}: {missing[0]} is missing")
