"""How much the results of methods depend on one number of their configurations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial, reduce
from pathlib import Path
from typing import Any

from yacs.config import CfgNode

from nucleizoo import api
from nucleizoo.core.errors import ConfigError, UserError
from nucleizoo.core.text import brief
from nucleizoo.experiments import trials
from nucleizoo.figures import drawing
from nucleizoo.figures.names import distinct_names
from nucleizoo.figures.tables import RUNS, averaged, write_runs
from nucleizoo.metrics.files import write_rows

SCORES = {"Dice": "pixels.dice", "object F1": "objects.f1"}
WIDE = 30
"""Ratio of the largest to the smallest value above which the axis is logarithmic."""
_USING = ("SYSTEM.", "INFERENCE.", "MONITOR.")


def sensitivity(
    cfgs: Sequence[str | Path],
    key: str,
    values: Sequence[str],
    data: str | Path,
    out: str | Path,
    *,
    seeds: int = 1,
    overrides: Sequence[str] = (),
    plugins: Sequence[str] = (),
) -> Path:
    """Train configurations with every value of a key, and plot their scores against the value.

    Repeating the call resumes where it stopped; finished runs are reused.

    Args:
        cfgs: configuration files, a line each.
        key: of a number, 'METHOD.CYCLE.WEIGHT', or of numbers, 'DATASET.SOURCE.COUNT'.
        values: as on the command line: '5', or '[5, 40]'; ranges that end differently are placed by their
            ends.
        data: annotated data, a folder with `images` and `labels`, paired by name.
        out: folder for `sensitivity.png`, `sensitivity.csv` (a row per configuration and value), `runs.csv`
            (a row per training), `runs` and `scores`.
        seeds: trainings per value.
        overrides: KEY VALUE pairs applied to the configurations.
        plugins: plugin files that the configurations need.

    Returns:
        The PNG.

    Raises:
        UserError: for a key, value, configuration or data that cannot be used; before any training.
    """
    if key.startswith(_USING):
        raise UserError(f"{key} does not affect training; use a key of DATASET, TARGET, METHOD or SOLVER")

    def load(cfg: Path, pairs: Sequence[str]) -> CfgNode:
        return api.load_config(cfg, [*overrides, *pairs], plugins)

    files = {name.removesuffix(".yaml"): path for name, path in distinct_names(cfgs).items()}
    named = {name: _named(partial(load, file), key, values) for name, file in files.items()}
    variants = {
        (name, value): load(file, (key, word))
        for name, file in files.items()
        for value, (word, _) in named[name].items()
    }
    planned = trials.plan({f"{name}/{key}={value}": c for (name, value), c in variants.items()}, seeds)
    folder = drawing.prepare(
        out, "sensitivity", {"sensitivity": ("configuration", key), "runs": RUNS}
    )  # fmt: skip
    results = list(trials.perform(planned, Path(data), folder))
    write_runs(folder / "runs.csv", results, SCORES)
    rows = averaged(results, SCORES)
    table = [
        {"configuration": name, key: value} | row
        for (name, value), row in zip(variants, rows.values(), strict=True)
    ]
    write_rows(folder / "sensitivity.csv", table)
    first = next(iter(named.values()))
    return _drawn(key, {name: value for name, (_, value) in first.items()}, table, folder / "sensitivity.png")


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
    """A panel per score, a line per configuration."""
    places, kind = _places(list(values.values()))
    xs = dict(zip(values, places, strict=True))
    lines = {
        row["configuration"]: [r for r in table if r["configuration"] == row["configuration"]]
        for row in table
    }
    figure = drawing.sheet(5 * len(SCORES), 4.2)
    for score, place in zip(SCORES, figure.subplots(1, len(SCORES)), strict=True):
        for index, (name, rows) in enumerate(lines.items()):
            rows = sorted(rows, key=lambda row: xs[row[key]])
            spreads = [row[f"{score} sd"] for row in rows]
            place.errorbar(
                [xs[row[key]] for row in rows], [row[score] for row in rows],
                yerr=None if spreads[0] == "" else spreads, capsize=3, label=name,
                color=drawing.COLOURS[index % len(drawing.COLOURS)],
                marker=drawing.MARKERS[index % len(drawing.MARKERS)],
            )  # fmt: skip
        if min(places) > 0 and max(places) > WIDE * min(places):
            place.set_xscale("log")
        place.set_xticks(places, list(values))
        place.set_xticks([], minor=True)
        place.set_xlabel(f"{key} ({kind})")
        place.set_ylabel(f"{score} in [0, 1]")
        place.set_ylim(-0.02, 1.02)  # a marker at either end is whole
        place.grid(alpha=0.3)
    runs = table[0]["runs"]
    figure.suptitle(f"mean and sd of {runs} seeds" if runs > 1 else "one seed", fontsize=10)
    handles, labels = place.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    return drawing.write(figure, path)


def _places(values: Sequence[Any]) -> tuple[list[float], str]:
    """Where values are on the axis, and what they are; ranges that end alike are in the order given."""
    if not any(isinstance(value, tuple | list) for value in values):
        return [float(value) for value in values], "value"
    ends = [float(max(value)) if isinstance(value, tuple | list) else float(value) for value in values]
    return ends if len({*ends}) == len(ends) else [float(i) for i in range(len(ends))], "from-to"
