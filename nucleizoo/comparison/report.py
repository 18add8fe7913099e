"""The whole comparison: apply all runs, score them and other labels on the same images, write the report."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from nucleizoo.comparison import evaluate_run, html_page, label_rows, report_text, tables
from nucleizoo.comparison.annotations import LABELS
from nucleizoo.comparison.applied import Applied
from nucleizoo.comparison.floor import about
from nucleizoo.comparison.floor import floor as floor_of
from nucleizoo.comparison.label_rows import GreyReader
from nucleizoo.comparison.models import Model, grouped
from nucleizoo.comparison.pairs import Pair
from nucleizoo.comparison.published_scores import published
from nucleizoo.comparison.result import Entry, Result
from nucleizoo.core.errors import UserError
from nucleizoo.core.format import plural
from nucleizoo.io import check_replaceable, write_results
from nucleizoo.metrics.protocol import PLAIN, Scoring
from nucleizoo.preprocess import LabelFiles
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
        rows: 'model', 'seed', 'images' and the figures of every run, by the keys of columns; of labels
            without a run, 'seed' is ''.
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
    labels: Mapping[str, str | Path] = MappingProxyType({}),
    floor: bool = True,
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
        labels: folders of labels that other programs made of the pictures, by the names of their rows.
        floor: also show the methods that learn nothing and take seconds, set by the size of the nuclei; left
            out, with a warning, where they cannot use a picture that all others can.
        dataset: its name, to put published scores beside ours.
        scoring: border, resolution, and the score that ranks models.
        label_dataset: of the labels in HDF5 files and Zarr groups that have several; '' takes 'label'.
        components: treat a label file with one label as a mask, whose connected parts are nuclei.

    Raises:
        UserError: when runs cannot be compared, no pair can be used, two rows have one name, or the folder
            has a file of one of these names that nucleizoo did not write.
        OSError: when the folder cannot be written to.
    """
    models, folder, theirs = _models(runs, labels, pairs), Path(output), published(dataset)
    folder.mkdir(parents=True, exist_ok=True)
    for kind in KINDS:
        check_replaceable(folder / f"report.{kind}", kind, tables.FIRST)
    with tempfile.TemporaryFile(dir=folder):  # fails now rather than after an hour
        pass
    files = replace(LABELS, dataset=label_dataset, components=components)
    reader = _reader(runs, pairs)
    applied = [_applied(model, pairs, scoring, files, reader) for model in models]
    note = ""
    if floor:
        lowest, below, note = _floor(runs, pairs, scoring, files, reader, models, applied)
        models, applied = [*models, *lowest], [*applied, *below]
    every = [one for ones in applied for one in ones]
    failed = {name: why for one in every for name, why in one.failed.items()}
    images = [name for name in every[0].compared if all(name in one.compared for one in every)]
    marked = [name for name in every[0].detected if all(name in one.detected for one in every)]
    if not images:
        raise UserError(f"no picture can be used by all rows; {next(iter(failed.values()))}")
    entries = [
        Entry.of(m, [one.marked(marked) for one in ones], theirs, images, scoring.protocol.rank_by)
        for m, ones in zip(models, applied, strict=True)
    ]
    result = Result.of(entries, images, scoring, theirs, note)
    page = folder / "report.html"
    write_results({
        folder / "report.csv": tables.models_text(result),
        folder / "report.md": tables.markdown_text(result),
        page: html_page.text(result, pairs, failed, dataset, reader),
    })  # fmt: skip
    said = f"{report_text.verdict(result)} {report_text.support(result)}".strip()
    return Comparison(said, page, failed, tables.runs_of(result))


def _models(runs: Sequence[Run], labels: Mapping[str, str | Path], pairs: Sequence[Pair]) -> list[Model]:
    """A row per configuration, then one per folder of labels."""
    if not runs and not labels:
        raise UserError(
            "no run to compare; give run folders, configurations with --cfg, or labels with --labels"
        )
    models = grouped(runs)
    for name, folder in labels.items():
        if any(name == model.name for model in models):
            raise UserError(f"two rows would be called '{name}'; give the labels in {folder} another name")
        models.append(Model(name, [], label_rows.label_files(name, folder, pairs)))
    return models


def _reader(runs: Sequence[Run], pairs: Sequence[Pair]) -> GreyReader:
    """What reads pictures that no network sees, as the first run finds them in their files."""
    if not runs:
        return GreyReader.like(label_rows.dims_of(pairs), {})
    data = runs[0].config.DATASET
    return GreyReader.like(len(data.SIZE), data.IMAGE)


def _applied(
    model: Model, pairs: Sequence[Pair], scoring: Scoring, files: LabelFiles, reader: GreyReader
) -> list[Applied]:
    """The scores of every run of a model, or of its labels."""
    if not model.runs:
        return [
            label_rows.apply(model.name, model.labels, pairs, reader, draw=True, scoring=scoring, files=files)
        ]
    made = list[Applied]()
    for run in model.runs:
        made.append(evaluate_run.apply(run, pairs, draw=not made, scoring=scoring, files=files))
        log.info("%s: %s", run.path, plural(len(made[-1].compared), "image"))
    return made


def _floor(
    runs: Sequence[Run],
    pairs: Sequence[Pair],
    scoring: Scoring,
    files: LabelFiles,
    reader: GreyReader,
    models: Sequence[Model],
    applied: Sequence[Sequence[Applied]],
) -> tuple[list[Model], list[list[Applied]], str]:
    """The rows of the floor on the pictures that all others can use, and what is to be said of them."""
    failed = {name for ones in applied for one in ones for name in one.failed}
    usable = [pair for pair in pairs if pair.name not in failed]
    names = {model.name for model in models}
    try:
        lowest = [run for run in floor_of(runs, usable, reader) if str(run.path) not in names]
        below = [evaluate_run.apply(run, usable, draw=True, scoring=scoring, files=files) for run in lowest]
        if why := [why for one in below for why in one.failed.values()]:
            raise UserError(why[0])
    except UserError as error:
        log.warning("no floor is shown: %s", error)
        return [], [], f"No floor is shown: {error}."
    return [Model(run.path.name, [run]) for run in lowest], [[one] for one in below], about(lowest)
