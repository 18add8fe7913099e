"""How much a result depends on one number of the configuration."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from pathlib import Path
from typing import Any

from yacs.config import CfgNode

from nucleizoo import api
from nucleizoo.core.errors import ConfigError, UserError
from nucleizoo.core.text import brief
from nucleizoo.experiments import trials
from nucleizoo.figures import drawing
from nucleizoo.figures.tables import RUNS, averaged, write_runs
from nucleizoo.metrics.files import write_rows

SCORES = {"Dice": "pixels.dice", "object F1": "objects.f1"}
WIDE = 30
"""Ratio of the largest to the smallest value above which the axis is logarithmic."""
_USING = ("SYSTEM.", "INFERENCE.", "MONITOR.")


def sensitivity(
    cfg: str | Path,
    key: str,
    values: Sequence[str],
    data: str | Path,
    out: str | Path,
    *,
    seeds: int = 1,
    overrides: Sequence[str] = (),
    plugins: Sequence[str] = (),
) -> Path:
    """Train a configuration with every value of a key, and plot its scores against the value.

    Repeating the call resumes where it stopped; finished runs are reused.

    Args:
        cfg: configuration file.
        key: of a number, 'METHOD.CYCLE.WEIGHT', or of numbers, 'DATASET.SOURCE.COUNT'.
        values: as on the command line: '5', or '[5, 40]'.
        data: annotated data, a folder with `images` and `labels`, paired by name.
        out: folder for `sensitivity.png`, `sensitivity.csv` (a row per value), `runs.csv` (a row per
            training), `runs` and `scores`.
        seeds: trainings per value.
        overrides: KEY VALUE pairs applied to the configuration.
        plugins: plugin files that the configuration needs.

    Returns:
        The PNG.

    Raises:
        UserError: for a key, value, configuration or data that cannot be used; before any training.
    """
    if key.startswith(_USING):
        raise UserError(f"{key} does not affect training; use a key of DATASET, TARGET, METHOD or SOLVER")

    def load(pairs: Sequence[str]) -> CfgNode:
        return api.load_config(cfg, [*overrides, *pairs], plugins)

    named = _named(load, key, values)
    planned = trials.plan({f"{key}={name}": load((key, word)) for name, (word, _) in named.items()}, seeds)
    folder = drawing.prepare(out, "sensitivity", {"sensitivity": (key, "runs"), "runs": RUNS})
    results = list(trials.perform(planned, Path(data), folder))
    write_runs(folder / "runs.csv", results, SCORES)
    rows = averaged(results, SCORES)
    table = [{key: name} | row for name, row in zip(named, rows.values(), strict=True)]
    write_rows(folder / "sensitivity.csv", table)
    return _drawn(key, {name: value for name, (_, value) in named.items()}, table, folder / "sensitivity.png")


def _named(
    load: Callable[[Sequence[str]], CfgNode], key: str, values: Sequence[str]
) -> dict[str, tuple[str, Any]]:
    """Words of the command line and the values that they become, by a name for folders and axes.

    Raises:
        UserError: for a value that the configuration refuses, is not a number, or comes twice.
    """
    named: dict[str, tuple[str, Any]] = {}
    for word in values:
        value = _value(load((key, word)), key)
        numbers = value if isinstance(value, tuple | list) else (value,)
        if not numbers or not all(type(number) in (int, float) for number in numbers):
            raise ConfigError(f"values of {key} must be numbers or ranges of numbers, got {brief(value)}")
        name = "-".join(repr(number).removesuffix(".0") for number in numbers)
        if name in named:
            raise UserError(f"{key}: the value {name} is given twice; name each once")
        named[name] = word, value
    if not named:
        raise UserError(f"{key} needs at least one value")
    return named


def _value(config: CfgNode, key: str) -> Any:
    return reduce(lambda node, name: node[name], key.split("."), config)


def _drawn(key: str, values: dict[str, Any], table: Sequence[dict[str, Any]], path: Path) -> Path:
    figure = drawing.sheet(6, 4)
    place = figure.subplots()
    is_number = not any(isinstance(value, tuple | list) for value in values.values())
    xs = [float(value) for value in values.values()] if is_number else list(range(len(values)))
    order = sorted(range(len(xs)), key=xs.__getitem__)
    for index, name in enumerate(SCORES):
        spreads = [table[i][f"{name} sd"] for i in order]
        place.errorbar(
            [xs[i] for i in order], [table[i][name] for i in order],
            yerr=None if spreads[0] == "" else spreads, capsize=3, label=name,
            color=drawing.COLOURS[index], marker=drawing.MARKERS[index],
        )  # fmt: skip
    if min(xs) > 0 and max(xs) > WIDE * min(xs):
        place.set_xscale("log")
    place.set_xticks(xs, list(values))
    place.set_xticks([], minor=True)
    place.set_xlabel(f"{key} ({'value' if is_number else 'from-to'})")
    runs = table[0]["runs"]
    place.set_ylabel("score in [0, 1]" + (f", mean and sd of {runs} seeds" if runs > 1 else ", one seed"))
    place.set_ylim(-0.02, 1.02)  # a marker at either end is whole
    place.grid(alpha=0.3)
    place.legend()
    return drawing.write(figure, path)
