"""A picklable description of a job, and the function that dask workers call to run one of its tasks."""

from __future__ import annotations

import errno
import json
import socket
import threading
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

from nucleizoo.blockwise.maps.volume import VolumeInput
from nucleizoo.blockwise.pipeline import Pipeline
from nucleizoo.blockwise.state.scratch import job_file
from nucleizoo.core.errors import UserError
from nucleizoo.core.plugins import is_path
from nucleizoo.inference.segmenter import Segmenter
from nucleizoo.inference.weights_hash import weights_hash
from nucleizoo.runs import Run

PACKAGES = ("nucleizoo", "torch")
"""Packages of which all processes must have the same version."""

_PERMANENT = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
"""Disk errors for which a retry does not help."""

_one_at_a_time = threading.Lock()


@dataclass(frozen=True)
class RunSpec:
    """The run that a segmenter is opened from.

    Attributes:
        run: the run folder.
        plugins: plugin files that it needs.
        overrides: KEY VALUE pairs.
    """

    run: str
    plugins: tuple[str, ...] = ()
    overrides: tuple[str, ...] = ()


def versions() -> tuple[str, ...]:
    """The versions of `PACKAGES` in this process."""
    return tuple(version(name) for name in PACKAGES)


@dataclass(frozen=True)
class JobSpec:
    """What a worker needs to know about a job; a few hundred bytes.

    Attributes:
        run: of the segmenter.
        weights: their hash, from `weights_hash`.
        path: of the volume; absolute, like all paths here.
        scratch: folder for intermediate results.
        job: random identifier, a new one whenever a job is begun.
        limit: bytes that a process may use.
        skip_damaged: whether damaged chunks are treated as black.
        versions: of `PACKAGES`, where the job was begun.
    """

    run: RunSpec
    weights: str
    path: str
    scratch: str
    job: str
    limit: float
    skip_damaged: bool
    versions: tuple[str, ...] = field(default_factory=versions)


def run_task(spec: JobSpec, step: str, index: int) -> Exception | None:
    """Do one task of a step, in a worker.

    The pipeline is opened once and kept for the next call. Several threads of a worker take turns, so that
    it needs the memory and processor of one task.

    Returns:
        An error for which a retry would not help; other errors are raised.
    """
    try:
        with _one_at_a_time:
            _check_job(spec)
            _pipeline(spec).do(step, index)
    except UserError as error:
        return error
    except OSError as error:
        if error.errno not in _PERMANENT:
            raise
        return error
    return None


def check_versions(worker: str, found: tuple[str, ...], wanted: tuple[str, ...]) -> None:
    """Refuse a worker that may not give the same labels.

    Raises:
        UserError: naming it and the versions.
    """
    if found != wanted:
        here, there = (
            " and ".join(map(" ".join, zip(PACKAGES, one, strict=True))) for one in (wanted, found)
        )
        raise UserError(
            f"the worker {worker} has {there}, but this machine has {here}; install the same versions on both"
        )


@lru_cache(maxsize=1)
def _pipeline(spec: JobSpec) -> Pipeline:
    check_versions(socket.gethostname(), versions(), spec.versions)
    for path in (spec.run.run, *filter(is_path, spec.run.plugins), spec.path):
        if not Path(path).exists():
            raise _not_found(path)
    scratch = Path(spec.scratch)
    try:
        segmenter = _segmenter(spec.run, spec.weights)
        volume = VolumeInput(
            Path(spec.path), segmenter.reader, skip_damaged=spec.skip_damaged, scratch=scratch, search=False
        )
    except UserError as error:
        raise UserError(f"the worker {socket.gethostname()}: {error}") from error
    return Pipeline(segmenter, volume, scratch, spec.limit)


@lru_cache(maxsize=1)
def _segmenter(run: RunSpec, weights: str) -> Segmenter:
    segmenter = Segmenter.open(Run.open(Path(run.run), run.plugins, run.overrides))
    if weights_hash(segmenter) != weights:
        raise UserError(
            f"{run.run}: has other weights than when the job was begun, or was trained again meanwhile; all "
            "workers must see the same files"
        )
    return segmenter


def _check_job(spec: JobSpec) -> None:
    try:
        job = json.loads(job_file(Path(spec.scratch)).read_text())["job"]
    except FileNotFoundError as error:
        raise _not_found(spec.scratch) from error
    if job != spec.job:
        raise UserError(
            f"{spec.scratch}: was begun again meanwhile, so this task belongs to an older job; if another "
            "prediction is writing there, give one of them another --output, else repeat it with --resume"
        )


def _not_found(path: str) -> UserError:
    return UserError(
        f"the worker {socket.gethostname()} cannot find {path}; all workers must see the same files under "
        "the same paths"
    )
