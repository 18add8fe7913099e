"""The front door of prediction by blocks."""

from __future__ import annotations

import json
import logging
import time
from pathlib import Path
from typing import Any

from nucleizoo.blockwise.dask.cluster import Cluster
from nucleizoo.blockwise.job import Job, Options
from nucleizoo.blockwise.state.fingerprint import changes, check_skipped, identity, made_of
from nucleizoo.blockwise.state.scratch import held, job_file
from nucleizoo.blockwise.step import Crew, alone
from nucleizoo.blockwise.write.formats import FORMATS, place_of_table, places, read_metadata
from nucleizoo.core.errors import UserError
from nucleizoo.core.format import listed, plural
from nucleizoo.inference.segmenter import Segmenter
from nucleizoo.inference.writers import Prediction

log = logging.getLogger(__name__)

TELL_EVERY = 20.0
"""Seconds between two lines of the log."""


def predict_volume(
    segmenter: Segmenter,
    path: Path,
    folder: Path,
    options: Options,
    workers: Cluster | None = None,
    *,
    table: bool = False,
) -> Prediction:
    """Labels of one volume, by blocks; what is being done is logged now and then.

    Args:
        segmenter: of the run.
        path: the volume's file or Zarr folder.
        folder: for `<stem>_label.tif`, `.h5` or `.ome.zarr`.
        options: see there. A result that is complete is left alone when work is gone on with.
        workers: who do the work; None is this process alone. The labels are the same, and what one began
            others can go on with.
        table: also write `<stem>_nuclei.csv`, a row a nucleus; it is there before the labels are.

    Raises:
        UserError: for a file, result or memory limit that cannot be used, a complete result of something
            else, when another process is at it, or when workers are lost.
        OSError: when the disk is full.
    """
    result, scratch = places(path, folder, options.format)
    if options.resume and not job_file(scratch).exists() and (marks := read_metadata(result)) is not None:
        _check_origin(result, marks, identity(segmenter, path))
        if table and not (marks.get("table") and place_of_table(path, folder).exists()):
            raise UserError(
                f"{result}: is complete, and was made without a table of its nuclei; predict again without "
                "--resume"
            )
        if not options.skip_damaged:
            check_skipped(result, marks["skipped"], "predict again without --resume")
        log.info("%s: is complete", result)
        _tell_skipped(path, result, options.format)
        return Prediction(path, result, int(marks["nuclei"]))
    with held(scratch):
        job = Job(segmenter, path, folder, options, len(workers) if workers else 0, table=table)
        log.info("%s", job.estimate())
        crew = workers.crew(job.order(workers.spec)) if workers else alone
        try:
            done = Prediction(path, result, _drained(job, crew))
        except KeyboardInterrupt:
            log.warning("%s: what is done is kept; the same command with --resume goes on", path)
            raise
    if options.skip_damaged:
        _tell_skipped(path, result, options.format)
    return done


def _check_origin(result: Path, marks: dict[str, Any], what: dict[str, Any]) -> None:
    """Refuse a complete result of something else."""
    if marks.get("made_of") != made_of(what):
        told = changes({"settings": json.loads(marks["settings"])} if "settings" in marks else {}, what)
        raise UserError(
            f"{result}: is complete, but was made otherwise: "
            f"{told or 'with other weights, or of another file, or it was changed'}; name another folder, or "
            "predict again without --resume"
        )


def _tell_skipped(path: Path, result: Path, format_: str) -> None:
    """Warn of what is missing in a result."""
    skipped = (read_metadata(result) or {}).get("skipped")
    if skipped:
        log.warning(
            "%s: %s taken for black, there may be nuclei missing: %s; %s names all, in %s",
            path, plural(len(skipped), "chunk"), listed(skipped), result, FORMATS[format_].skipped,
        )  # fmt: skip


def _drained(job: Job, crew: Crew) -> int:
    steps, work, told, count = job.steps(), job.run(crew), time.monotonic(), 0
    last = ""
    while True:
        try:
            step, _ = next(work)
        except StopIteration as end:
            return int(end.value)
        count = count + 1 if step == last else 1
        last = step
        if time.monotonic() - told > TELL_EVERY:
            told = time.monotonic()
            log.info("%s: %d of at most %d", step, count, steps[step])
