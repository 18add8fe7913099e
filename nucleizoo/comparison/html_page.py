"""The page: one self-contained file, made from page.html, page.css, page.js and one JSON object."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from typing import Any

from nucleizoo.comparison.columns import COLUMNS, COSTS, LABEL_FREE, SCORES, Column
from nucleizoo.comparison.gallery import gallery
from nucleizoo.comparison.pairs import Pair
from nucleizoo.comparison.published_scores import Published
from nucleizoo.comparison.report_text import caution, chance, likeness_text, support, verdict
from nucleizoo.comparison.result import Entry, Result
from nucleizoo.comparison.significance import LEVEL, Spread, Test
from nucleizoo.comparison.tables import notes, published_columns, published_text, spread_text
from nucleizoo.comparison.training_log import Curves
from nucleizoo.core.format import plural
from nucleizoo.preprocess import Reader
from nucleizoo.runs import circumstances

POINTS = 160
"""Most points of a curve."""


def text(result: Result, pairs: Sequence[Pair], failed: dict[str, str], dataset: str, plain: Reader) -> str:
    """The page as HTML.

    Args:
        result: of the comparison.
        pairs: all pictures, for the gallery.
        failed: the reason why a pair was left out, by name.
        dataset: its name; '' if it has none.
        plain: reads pictures where the best row is no run.
    """
    content = {
        "verdict": verdict(result),
        "caution": f"{support(result)} {caution(result)}".strip(),
        "facts": _facts(result, dataset),
        "failed": list(failed.values()),
        "scores": [_column(column) for column in SCORES],
        "label_free": [
            _column(one) for one in LABEL_FREE if any(one.key in e.figures for e in result.entries)
        ],
        "likeness": likeness_text(result),
        "costs": [_column(column) for column in COSTS],
        "notes": [*notes(result)],
        "rank_by": result.rank_by,
        "tested": result.tested,
        "models": [_model(entry) for entry in result.entries],
        "published": {
            "columns": [_column(column) for column in published_columns(result)],
            "rows": [_published(one) for one in result.published],
        },
        "tests": [_test(names, test) for names, test in result.tests.items()],
        "images": result.images,
        "machine": _machine(),
    } | gallery(result, pairs, plain)
    page = _part("page.html").replace("/* page.css */", _part("page.css"))
    page = page.replace("/* page.js */", _part("page.js"))
    before, after = page.split("/* content */")
    return before + as_json(content) + after


def as_json(content: Any) -> str:
    """JSON that is safe inside <script>, whatever characters names contain."""
    said = json.dumps(content, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    for sign in "<>&\u2028\u2029":
        said = said.replace(sign, f"\\u{ord(sign):04x}")
    return said


def _part(name: str) -> str:
    return (files(__package__) / name).read_text(encoding="utf-8")


def _facts(result: Result, dataset: str) -> str:
    seeds = sum(len(entry.model.runs) for entry in result.entries if entry.model.learns)
    of = f" of {dataset}" if dataset else ""
    models = plural(len(result.entries), "row")
    return f"{models}, {plural(seeds, 'training')}, {plural(len(result.images), 'image')}{of}"


def _machine() -> str:
    now = circumstances()
    device = (
        now["gpu"] or f"{now['machine']} processor ({now['processor']}), {plural(now['threads'], 'thread')}"
    )
    return f"nucleizoo {now['nucleizoo']}, torch {now['torch']}, {device}, {now['started'][:10]}"


def _column(column: Column) -> dict[str, Any]:
    return {name: getattr(column, name) for name in ("key", "title", "meaning", "better")}


def _cells(figures: Mapping[str, Spread], columns: Iterable[Column]) -> dict[str, Any]:
    return {
        column.key: {"value": spread.mean, "text": spread_text(column, spread)}
        for column in columns
        if (spread := figures.get(column.key))
    }


def _published(one: Published) -> dict[str, Any]:
    return {"name": one.system, "cells": _cells(one.scores, SCORES), "source": one.source}


def _model(entry: Entry) -> dict[str, Any]:
    return {
        "name": entry.model.name,
        "seeds": entry.model.seeds,
        "runs": [str(run.path) for run in entry.model.runs] or [_folder(entry)],
        "cells": _cells(entry.figures, COLUMNS),
        "published": [{"text": published_text(one), "source": one.source} for one in entry.published],
        "per_image": list(entry.per_image.values()),
        "losses": _curves([history.losses for history in entry.histories]),
        "truths": _curves([history.scores for history in entry.histories]),
    }


def _folder(entry: Entry) -> str:
    """Where label files are that no run has made."""
    return str(next(iter(entry.model.labels.values())).parent)


def _curves(runs: Sequence[Curves]) -> dict[str, list[list[tuple[int, float]]]]:
    """Curves by name, one per run, each with at most `POINTS` points."""
    names = dict.fromkeys(name for curves in runs for name in curves)
    return {name: [_thinned(curves.get(name, [])) for curves in runs] for name in names}


def _thinned(curve: list[tuple[int, float]]) -> list[tuple[int, float]]:
    step = -(-len(curve) // POINTS) or 1
    return [(iteration, float(f"{value:.4g}")) for iteration, value in curve[::-step][::-1]]


def _test(names: tuple[str, str], test: Test) -> dict[str, Any]:
    return {
        "models": names,
        "values": [test.difference, test.better, test.worse, test.images, test.p, test.corrected],
        "texts": [
            f"{test.difference:.3f}",
            str(test.better),
            str(test.worse),
            str(test.images),
            "too few images" if test.p is None else chance(test.p),
            "too few images" if test.corrected is None else chance(test.corrected),
        ],
        "supported": test.corrected is not None and test.corrected < LEVEL,
    }
