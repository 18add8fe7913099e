"""The whole comparison: apply all runs, score them on the same images, write tables and page."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nucleizoo.comparison import evaluate_run, html_page, report_text, tables
from nucleizoo.comparison.evaluate_run import Applied
from nucleizoo.comparison.models import grouped
from nucleizoo.comparison.pairs import Pair
from nucleizoo.comparison.published_scores import published
from nucleizoo.comparison.result import Entry, Result
from nucleizoo.core.errors import UserError
from nucleizoo.core.format import plural
from nucleizoo.io import check_replaceable, write_results
from nucleizoo.metrics.protocol import PLAIN, Scoring
from nucleizoo.runs import Run

log = logging.getLogger(__name__)

KINDS = ("html", "csv", "md")
"""Of the files of a report."""


@dataclass(frozen=True)
class Comparison:
    """The result of a comparison.

    Attributes:
        verdict: which model is best, by how much, and whether the test supports it.
        page: report.html; report.csv and report.md are beside it.
        failed: the reason why a pair could not be used, by name; these are left out of all scores.
        rows: 'model', 'seed', 'images' and the figures of every run, by the keys of columns.
    """

    verdict: str
    page: Path
    failed: dict[str, str]
    rows: list[dict[str, Any]]


def compare(
    runs: Sequence[Run],
    pairs: Sequence[Pair],
    output: str | Path,
    *,
    dataset: str = "",
    scoring: Scoring = PLAIN,
    label_dataset: str = "",
    components: bool = False,
) -> Comparison:
    """Apply runs to annotated pictures and write `report.html`, `report.csv` and `report.md`, all or none.

    Args:
        runs: finished; those that differ only in their seed are one model.
        pairs: pictures with true labels; a pair that one run cannot use is left out for all.
        output: folder to write to, made if missing.
        dataset: its name, to put published scores beside ours.
        scoring: border, resolution, and the score that ranks models.
        label_dataset: of the labels in HDF5 files and Zarr groups that have several; '' takes 'label'.
        components: treat a label file with one label as a mask, whose connected parts are nuclei.

    Raises:
        UserError: when runs cannot be compared, no pair can be used, or the folder has a file of one of
            these names that nucleizoo did not write.
        OSError: when the folder cannot be written to.
    """
    models, folder, theirs = grouped(runs), Path(output), published(dataset)
    folder.mkdir(parents=True, exist_ok=True)
    for kind in KINDS:
        check_replaceable(folder / f"report.{kind}", kind, tables.FIRST)
    with tempfile.TemporaryFile(dir=folder):  # fails now rather than after an hour
        pass
    files = replace(evaluate_run.LABELS, dataset=label_dataset, components=components)
    applied: dict[Path, Applied] = {}
    for model in models:
        for run in model.runs:
            applied[run.path] = evaluate_run.apply(
                run, pairs, draw=run is model.runs[0], scoring=scoring, files=files
            )
            log.info("%s: %s", run.path, plural(len(applied[run.path].compared), "image"))
    every = list(applied.values())
    failed = {name: why for one in every for name, why in one.failed.items()}
    images = [name for name in every[0].compared if all(name in one.compared for one in every)]
    marked = [name for name in every[0].detected if all(name in one.detected for one in every)]
    if not images:
        raise UserError(f"no picture can be used by all runs; {next(iter(failed.values()))}")
    result = Result.of(
        [
            Entry.of(
                m,
                [applied[run.path].marked(marked) for run in m.runs],
                theirs,
                images,
                scoring.protocol.rank_by,
            )
            for m in models
        ],
        images,
        scoring,
        theirs,
    )
    page = folder / "report.html"
    write_results({
        folder / "report.csv": tables.models_text(result),
        folder / "report.md": tables.markdown_text(result),
        page: html_page.text(result, pairs, failed, dataset),
    })  # fmt: skip
    said = f"{report_text.verdict(result)} {report_text.support(result)}".strip()
    return Comparison(said, page, failed, tables.runs_of(result))
