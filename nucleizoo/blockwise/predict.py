"""Prediction of one volume by blocks: the entry point, with its log."""

from __future__ import annotations

import json
import logging
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from nucleizoo.blockwise.dask.cluster import Cluster
from nucleizoo.blockwise.dask.task import RunSpec
from nucleizoo.blockwise.job import Job, Options
from nucleizoo.blockwise.maps.volume import sampled
from nucleizoo.blockwise.state.fingerprint import changes, check_skipped, fingerprint, made_of
from nucleizoo.blockwise.state.scratch import held, job_file
from nucleizoo.blockwise.step import Executor, serial
from nucleizoo.blockwise.write.formats import FORMATS, read_metadata, result_paths, table_path
from nucleizoo.core.errors import UserError
from nucleizoo.core.format import listed, plural
from nucleizoo.inference.segmenter import Segmenter
from nucleizoo.inference.writers import Prediction

log = logging.getLogger(__name__)

LOG_EVERY = 20.0
"""Seconds between two lines of the log."""


def predict_volume(
    segmenter: Segmenter,
    path: Path,
    folder: Path,
    options: Options,
    workers: Cluster | None = None,
    *,
    table: bool = False,
    run: RunSpec | None = None,
) -> Prediction:
    """Segment one volume by blocks, and log the progress.

    Args:
        segmenter: of the run.
        path: the volume's file or Zarr folder.
        folder: for `<stem>_label.tif`, `.h5` or `.ome.zarr`.
        options: see `Options`. With `resume`, a complete result is left as it is.
        workers: a cluster; None is this process alone. The labels are the same, and either can resume what
            the other began.
        table: also write `<stem>_nuclei.csv`, one row per nucleus, before the labels.
        run: the run of the segmenter, which workers open; None for that of the cluster.

    Raises:
        UserError: for a file, result or memory limit that cannot be used, a complete result of other
            settings, when another process is working on it, or when workers are lost.
        OSError: when the disk is full.
    """
    if segmenter.adapts:
        middle = sampled(path, segmenter.reader, limit=options.limit, skip=options.skip_damaged)
        segmenter = segmenter.adapted(middle, str(path))
    result, scratch = result_paths(path, folder, options.format)
    if options.resume and not job_file(scratch).exists() and (found := read_metadata(result)) is not None:
        _check_origin(result, found, fingerprint(segmenter, path))
        if table and not (found.get("table") and table_path(path, folder).exists()):
            raise UserError(
                f"{result}: is complete, but was made without a table of nuclei; predict again without "
                "--resume"
            )
        if not options.skip_damaged:
            check_skipped(result, found["skipped"], "predict again without --resume")
        log.info("%s: is complete", result)
        _warn_skipped(path, result, options.format)
        return Prediction(path, result, int(found["nuclei"]), segmenter.scale)
    with held(scratch):
        job = Job(segmenter, path, folder, options, len(workers) if workers else 0, table=table)
        log.info("%s", job.estimate())
        executor: Executor = serial
        if workers:
            run = run or workers.spec
            adapted = replace(run, overrides=(*run.overrides, *segmenter.settings))
            executor = workers.executor(job.spec(adapted))
        try:
            done = Prediction(path, result, _run(job, executor), segmenter.scale)
        except KeyboardInterrupt:
            log.warning("%s: finished blocks are kept; add --resume to the command to continue", path)
            raise
    if options.skip_damaged:
        _warn_skipped(path, result, options.format)
    return done


def _check_origin(result: Path, metadata: dict[str, Any], now: dict[str, Any]) -> None:
    """Refuse a complete result of another file, other settings or other weights."""
    if metadata.get("made_of") != made_of(now):
        known = {"settings": json.loads(metadata["settings"])} if "settings" in metadata else {}
        raise UserError(
            f"{result}: exists, but not from this command: "
            f"{changes(known, now) or 'the weights of the run or the input file have changed'}; "
            "choose another folder with --output, or predict again without --resume"
        )


def _warn_skipped(path: Path, result: Path, format_: str) -> None:
    """Warn of chunks that are missing in a result."""
    skipped = (read_metadata(result) or {}).get("skipped")
    if skipped:
        log.warning(
            "%s: %s treated as black, nuclei may be missing there: %s; %s lists all, in %s",
            path, plural(len(skipped), "chunk"), listed(skipped), result, FORMATS[format_].skipped,
        )  # fmt: skip


def _run(job: Job, executor: Executor) -> int:
    """Run a job to its end and log its progress; returns the number of nuclei."""
    tasks, progress, logged, count, last = job.steps(), job.run(executor), time.monotonic(), 0, ""
    while True:
        try:
            step, _ = next(progress)
        except StopIteration as end:
            return int(end.value)
        count, last = count + 1 if step == last else 1, step
        if time.monotonic() - logged > LOG_EVERY:
            logged = time.monotonic()
            log.info("%s: %d of at most %d", step, count, tasks[step])
