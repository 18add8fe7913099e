"""The leaderboard as CSV and Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import zip_longest
from typing import Any

from nucleizoo.comparison.columns import AVERAGING, COLUMNS, COSTS, SCORES, Column, resolution
from nucleizoo.comparison.published_scores import Published
from nucleizoo.comparison.report_text import caution, chance, likeness_text, support, verdict
from nucleizoo.comparison.result import Entry, Result
from nucleizoo.comparison.significance import Spread
from nucleizoo.core.csv_text import csv_text
from nucleizoo.io import FULL_MARK
from nucleizoo.runs import origin

FIRST = ("model", "seeds", "images")
"""The first columns of the table, by which it is known."""

_UNKNOWN = "\u2013"
_FEW = 10
"""Images of which each is listed."""


def spread_text(column: Column, spread: Spread | None) -> str:
    """Mean and standard deviation in readable form; a dash if unknown."""
    if spread is None:
        return _UNKNOWN
    if spread.sd is None or (column in COSTS and not spread.sd):
        return column.shown(spread.mean)
    return f"{column.shown(spread.mean)} \u00b1 {column.shown(spread.sd)}"


def published_text(one: Published) -> str:
    """Published scores with the names of their columns."""
    return "; ".join(f"{c.title} {spread_text(c, one.scores[c.key])}" for c in SCORES if c.key in one.scores)


def published_columns(result: Result) -> list[Column]:
    """Those in which a paper has a score."""
    return [column for column in SCORES if any(column.key in one.scores for one in result.published)]


def models_text(result: Result) -> str:
    """CSV with a row per model: every mean and standard deviation with six digits, empty where unknown.

    Rows of papers follow, without seeds and images.
    """
    return csv_text([
        {"model": entry.model.name, "seeds": len(entry.model.runs) or "", "images": len(result.images)}
        | _cells_of(entry.figures, [column.key for column in COLUMNS])
        | {
            "published": _beside(entry),
            "averaging": "mean over seeds; over images too for per_image, precision, recall, dice and "
            "count_error, all else pooled over images",
            "resolution": str(result.scoring.protocol.resolution),
            "protocol": result.scoring.protocol.name,
        }
        for entry in result.entries
    ] + [
        {"model": f"{one.system} (published)", "published": one.source} | _cells_of(one.scores, one.scores)
        for one in result.published
    ])  # fmt: skip


def runs_of(result: Result) -> list[dict[str, Any]]:
    """A row per run: model, seed, number of images, figures with six digits, and where it was trained.

    Rows of labels have an empty seed.
    """
    return [
        {
            "model": entry.model.name,
            "seed": run.config.SYSTEM.SEED if run else "",
            "images": len(result.images),
        }
        | {key: float(f"{value:.6g}") for key, value in row.items()}
        | (origin(run.begun) if run else {})
        for entry in result.entries
        for run, row in zip_longest(entry.model.runs, entry.rows)
    ]


def notes(result: Result) -> Iterator[str]:
    """How scores are averaged, at which resolution labels were scored, and the protocol, if there is one."""
    yield AVERAGING
    yield resolution(result.scoring.protocol)
    if result.scoring.protocol.name:
        yield f"{result.scoring}."
    if result.note:
        yield result.note


def _cells_of(figures: Mapping[str, Spread], keys: Iterable[str]) -> dict[str, str]:
    cells = {}
    for key in keys:
        spread = figures.get(key, Spread(float("nan"), None))
        for name, value in ((key, spread.mean), (f"{key}_sd", spread.sd)):
            cells[name] = "" if value is None or value != value else f"{value:.6g}"
    return cells


def _beside(entry: Entry) -> str:
    """What papers say of a model's system, and where."""
    return "; ".join(f"{published_text(one)} ({one.source})" for one in entry.published)


def markdown_text(result: Result) -> str:
    """The leaderboard, the tests and what the columns mean."""
    said = " ".join(filter(None, (verdict(result), support(result), caution(result))))
    lines = [f"<!-- {FULL_MARK} -->", "", "# Comparison", "", _plain(said), ""]
    lines += _rows(["model", "seeds", *(column.title for column in COLUMNS), "published"], 1)
    lines += [_row(_cells(entry)) for entry in result.entries]
    if result.tests:
        lines += [
            "",
            *_rows(
                [
                    f"paired test on {result.tested} per image",
                    "difference",
                    "better on",
                    "worse on",
                    "p, Holm",
                ],
                1,
            ),
        ]
    for (a, b), test in result.tests.items():
        p = "too few images" if test.corrected is None else chance(test.corrected)
        figures = [f"{test.difference:.3f}", f"{test.better} of {test.images}", str(test.worse), p]
        lines.append(_row([f"{a} against {b}", *figures]))
    if columns := published_columns(result):
        lines += ["", *_rows(["published", *(column.title for column in columns), "in"], 1)]
        lines += [
            _row([one.system, *(spread_text(c, one.scores.get(c.key)) for c in columns), one.source])
            for one in result.published
        ]
    if len(result.images) <= _FEW:
        lines += ["", *_rows([f"{result.tested} of", *(entry.model.name for entry in result.entries)], 1)]
        lines += [
            _row([name, *(f"{entry.per_image[name]:.3f}" for entry in result.entries)])
            for name in result.images
        ]
    lines += ["", *(f"- {column.title}: {column.meaning}." for column in COLUMNS)]
    lines += [f"- {note}" for note in (*notes(result), *filter(None, [likeness_text(result)]))]
    sources = dict.fromkeys(one.source for entry in result.entries for one in entry.published)
    lines += [f"- Published: {source}." for source in sources]
    return "\n".join(lines) + "\n"


def _cells(entry: Entry) -> list[str]:
    figures = [spread_text(column, entry.figures.get(column.key)) for column in COLUMNS]
    seeds = str(len(entry.model.runs) or _UNKNOWN)
    return [entry.model.name, seeds, *figures, _beside(entry) or _UNKNOWN]


def _rows(titles: list[str], left: int) -> list[str]:
    """The header of a table whose columns after the first `left` hold numbers."""
    return [_row(titles), _row(["---"] * left + ["---:"] * (len(titles) - left))]


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(map(_plain, cells)) + " |"


def _plain(text: str) -> str:
    """Text with Markdown's special characters escaped."""
    return "".join(f"\\{c}" if c in "|<>*_`[]\\" else c for c in text)
