"""The leaderboard as CSV and Markdown."""

from __future__ import annotations

from collections.abc import Iterator

from nucleizoo.comparison.columns import AVERAGING, COLUMNS, COSTS, SCORES, Column, resolution
from nucleizoo.comparison.published_scores import Published
from nucleizoo.comparison.report_text import caution, chance, support, verdict
from nucleizoo.comparison.result import Entry, Result
from nucleizoo.comparison.significance import Spread
from nucleizoo.core.csv_text import csv_text
from nucleizoo.io import MARK

FIRST = ("model", "seeds", "images")
"""The first columns of the table, by which it is known."""

_FEW = 10
"""Images of which each is listed."""


def spread_text(column: Column, spread: Spread | None) -> str:
    """Mean and standard deviation in readable form; a dash if unknown."""
    if spread is None:
        return "\u2013"
    if spread.sd is None or (column in COSTS and not spread.sd):
        return column.shown(spread.mean)
    return f"{column.shown(spread.mean)} \u00b1 {column.shown(spread.sd)}"


def published_text(one: Published) -> str:
    """A published score with the name of its column."""
    title = next(column.title for column in SCORES if column.key == one.score)
    return f"{title} {one.value:.3f}" + ("" if one.sd is None else f" \u00b1 {one.sd:.3f}")


def models_text(result: Result) -> str:
    """CSV with a row per model: every mean and standard deviation with six digits, empty where unknown."""
    return csv_text([
        {"model": entry.model.name, "seeds": len(entry.model.runs), "images": len(result.images)}
        | {name: value for column in COLUMNS for name, value in _cells_of(entry, column.key).items()}
        | {
            "published": "; ".join(f"{published_text(one)} ({one.source})" for one in entry.published),
            "averaging": "mean over seeds; pooled over images unless named per_image, dice or count_error",
            "resolution": str(result.scoring.protocol.resolution),
            "protocol": result.scoring.protocol.name,
        }
        for entry in result.entries
    ])  # fmt: skip


def notes(result: Result) -> Iterator[str]:
    """How scores are averaged, at which resolution labels were scored, and the protocol, if there is one."""
    yield AVERAGING
    yield resolution(result.scoring.protocol)
    if result.scoring.protocol.name:
        yield f"{result.scoring}."


def _cells_of(entry: Entry, key: str) -> dict[str, str]:
    spread = entry.figures.get(key, Spread(float("nan"), None))
    return {
        name: "" if value is None or value != value else f"{value:.6g}"
        for name, value in ((key, spread.mean), (f"{key}_sd", spread.sd))
    }


def markdown_text(result: Result) -> str:
    """The leaderboard, the tests and what the columns mean."""
    said = " ".join(filter(None, (verdict(result), support(result), caution(result))))
    lines = [f"<!-- {MARK} -->", "", "# Comparison", "", _plain(said), ""]
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
    if len(result.images) <= _FEW:
        lines += ["", *_rows([f"{result.tested} of", *(entry.model.name for entry in result.entries)], 1)]
        lines += [
            _row([name, *(f"{entry.per_image[name]:.3f}" for entry in result.entries)])
            for name in result.images
        ]
    lines += ["", *(f"- {column.title}: {column.meaning}." for column in COLUMNS)]
    lines += [f"- {note}" for note in notes(result)]
    sources = dict.fromkeys(one.source for entry in result.entries for one in entry.published)
    lines += [f"- Published: {source}." for source in sources]
    return "\n".join(lines) + "\n"


def _cells(entry: Entry) -> list[str]:
    figures = [spread_text(column, entry.figures.get(column.key)) for column in COLUMNS]
    published = ", ".join(map(published_text, entry.published)) or "\u2013"
    return [entry.model.name, str(len(entry.model.runs)), *figures, published]


def _rows(titles: list[str], left: int) -> list[str]:
    """The header of a table whose columns after the first `left` hold numbers."""
    return [_row(titles), _row(["---"] * left + ["---:"] * (len(titles) - left))]


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(map(_plain, cells)) + " |"


def _plain(text: str) -> str:
    """Text with Markdown's special characters escaped."""
    return "".join(f"\\{c}" if c in "|<>*_`[]\\" else c for c in text)
