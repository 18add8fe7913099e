"""What a process is told that shall do units of a job, and how it does them."""

from __future__ import annotations

import errno
import json
import socket
import threading
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

from nucleizoo.blockwise.maps.volume import Input
from nucleizoo.blockwise.pipeline import Work
from nucleizoo.blockwise.state.fingerprint import digest
from nucleizoo.blockwise.state.scratch import job_file
from nucleizoo.core.errors import UserError
from nucleizoo.core.plugins import is_path
from nucleizoo.inference.segmenter import Segmenter
from nucleizoo.runs import Run

PACKAGES = ("nucleizoo", "torch")
"""Of these, all who work on a volume must have the same versions."""

_AGAIN_THE_SAME = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
"""Errors of a disk that another try does not mend."""

_one_at_a_time = threading.Lock()


@dataclass(frozen=True)
class RunSpec:
    """What a segmenter is opened from.

    Attributes:
        run: the run folder.
        plugins: plugin files that it needs.
        overrides: KEY VALUE pairs.
    """

    run: str
    plugins: tuple[str, ...] = ()
    overrides: tuple[str, ...] = ()


def versions() -> tuple[str, ...]:
    """Of `PACKAGES`, here."""
    return tuple(version(name) for name in PACKAGES)


@dataclass(frozen=True)
class Order:
    """Names a job; a few hundred bytes.

    Attributes:
        spec: of the segmenter.
        weights: what `digest` gives for them.
        path: of the volume, absolute, as all paths.
        scratch: folder of what is found on the way.
        job: its number, a new one for every beginning.
        limit: bytes that a process may have in memory.
        skip_damaged: whether damaged chunks are taken for black.
        versions: of `PACKAGES`, where the job was begun.
    """

    spec: RunSpec
    weights: str
    path: str
    scratch: str
    job: str
    limit: float
    skip_damaged: bool
    versions: tuple[str, ...] = field(default_factory=versions)


def do(order: Order, name: str, index: int) -> Exception | None:
    """Do one unit of a step, in a process that others tell what to do.

    What it needs is opened once and kept for the next call. If called from several threads, one works and
    the others wait: memory and processor are those of one.

    Returns:
        What prevents it, and would again wherever it is tried; other errors are raised.
    """
    try:
        with _one_at_a_time:
            _check_job(order)
            _opened(order).do(name, index)
    except UserError as error:
        return error
    except OSError as error:
        if error.errno not in _AGAIN_THE_SAME:
            raise
        return error
    return None


def check_versions(name: str, found: tuple[str, ...], wanted: tuple[str, ...]) -> None:
    """Refuse a process that may not give the same labels.

    Raises:
        UserError: naming it and the versions.
    """
    if found != wanted:
        here, there = (
            " and ".join(map(" ".join, zip(PACKAGES, one, strict=True))) for one in (wanted, found)
        )
        raise UserError(f"the worker {name} has {there}, this machine has {here}; install the same on both")


@lru_cache(maxsize=1)
def _opened(order: Order) -> Work:
    check_versions(socket.gethostname(), versions(), order.versions)
    for path in (order.spec.run, *filter(is_path, order.spec.plugins), order.path):
        if not Path(path).exists():
            raise _unseen(path)
    try:
        segmenter = _segmenter(order.spec, order.weights)
        scratch = Path(order.scratch)
        seen = Input(
            Path(order.path), segmenter.reader, skip_damaged=order.skip_damaged, scratch=scratch, look=False
        )
    except UserError as error:
        raise UserError(f"the worker {socket.gethostname()}: {error}") from error
    return Work(segmenter, seen, Path(order.scratch), order.limit)


@lru_cache(maxsize=1)
def _segmenter(spec: RunSpec, weights: str) -> Segmenter:
    segmenter = Segmenter.open(Run.open(Path(spec.run), spec.plugins, spec.overrides))
    if digest(segmenter) != weights:
        raise UserError(
            f"{spec.run}: has other weights, or was trained again meanwhile; all must see the same files"
        )
    return segmenter


def _check_job(order: Order) -> None:
    try:
        job = json.loads(job_file(Path(order.scratch)).read_text())["job"]
    except FileNotFoundError as error:
        raise _unseen(order.scratch) from error
    if job != order.job:
        raise UserError(f"{order.scratch}: was begun again meanwhile")


def _unseen(path: str) -> UserError:
    return UserError(
        f"the worker {socket.gethostname()} does not see {path}; all must see the same files under the same "
        "paths"
    )
