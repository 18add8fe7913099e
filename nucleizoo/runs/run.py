"""The folder of one training."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from torch import Tensor
from yacs.config import CfgNode

from nucleizoo import build, ranges
from nucleizoo.contracts import Method, Program
from nucleizoo.core import config as configuration
from nucleizoo.core.check import keys_called
from nucleizoo.core.errors import RunError
from nucleizoo.core.files import locked, write_texts
from nucleizoo.core.format import either
from nucleizoo.core.parts import is_part
from nucleizoo.defaults import DEFAULTS
from nucleizoo.ops.nn.norm_statistics import Statistics
from nucleizoo.runs import log_rows, saved_state
from nucleizoo.runs.provenance import circumstances

log = logging.getLogger(__name__)

_LOCK = ".lock"
"""File that the process that trains keeps locked."""

_IN_USE = ("INFERENCE.", "DATASET.IMAGE.", "SYSTEM.")
"""Keys that may be set when a run is used."""

_FREE = (
    "SYSTEM.DEVICE", "SYSTEM.WORKERS", "SYSTEM.PLUGINS", "DATASET.IMAGE.CACHE_GB", "DATASET.SOURCE.CACHE_GB",
    "INFERENCE.", "MONITOR.",
)  # fmt: skip
"""Keys that may change when a run is resumed: they do not change the result."""


class Run:
    """The folder of one training: `Run(path, config).create()` makes it, `open` finds it again."""

    def __init__(self, path: Path, config: CfgNode) -> None:
        self.path, self.config = path, config

    def create(
        self, imported: Mapping[str, str] | None = None, program: Mapping[str, str] | None = None
    ) -> Run:
        """Create the folder and write the configuration into it; returns the run itself.

        Args:
            imported: where its weights are from, if another program trained them.
            program: `Program.versions`, if its method is another program.

        Raises:
            RunError: when there is a run already, or anything else in the folder.
        """
        self.check_free(self.path)
        self.path.mkdir(parents=True, exist_ok=True)
        told = {"imported": imported, "program": program}
        begun = circumstances() | {key: dict(what) for key, what in told.items() if what}
        write_texts({self.path / "run.json": json.dumps(begun, indent=2) + "\n"})
        self.write_config()  # last: it makes the folder a run
        return self

    @staticmethod
    def check_free(path: Path) -> None:
        """Refuse a folder that is not empty, unless its training failed before the first step.

        Raises:
            RunError: when it does.
        """
        if not path.exists():
            return
        begun = {file.name for file in saved_state.checkpoints(path)}
        if (
            (path / "run.json").is_file()
            and (path / "config.yaml").is_file()
            and begun <= {saved_state.UNTRAINED}
            and "imported" not in _begun(path)
        ):
            return
        # `create` writes run.json first: alone, it was left by a start that was killed
        if not (path.is_dir() and all(is_part(f) or f.name in ("run.json", _LOCK) for f in path.iterdir())):
            raise RunError(
                f"{path} exists already; resume it with --resume, or give another folder with --out"
            )

    @staticmethod
    @contextmanager
    def held(path: Path) -> Iterator[None]:
        """Make a run folder, and keep others from training in it; it is removed if no run was begun.

        The lock is a file of its own, which nobody replaces. What a killed training has left is removed.

        Raises:
            RunError: when another process trains there.
            OSError: when it cannot be made.
        """
        made = [folder for folder in (path, *path.parents) if not folder.exists()]
        path.mkdir(parents=True, exist_ok=True)
        try:
            with locked(path / _LOCK):
                for left in filter(is_part, path.rglob("*")):
                    left.unlink()
                try:
                    yield
                finally:
                    (path / _LOCK).unlink(missing_ok=True)
        finally:
            if not (path / "config.yaml").exists():
                with suppress(OSError):  # another process has begun one there
                    for folder in made:
                        folder.rmdir()

    @classmethod
    def open(cls, path: Path, plugins: Sequence[str] = (), overrides: Sequence[str] = ()) -> Run:
        """Open the folder of a training, finished or not.

        Args:
            path: the folder.
            plugins: files that the configuration needs.
            overrides: KEY VALUE pairs for using the run; they must not touch what was trained.

        Raises:
            RunError: when it is not a run folder, or an override touches what was trained.
        """
        if alone := [key for key in overrides[::2] if "." not in key]:
            every = keys_called(alone[0], DEFAULTS)
            meant = [key for key in every if key.startswith(_IN_USE)] or every
            hint = f"did you mean {either(meant)}?" if meant else "keys are such as INFERENCE.WINDOW"
            raise RunError(f"{alone[0]} is not a key; {hint}")
        if trained := [key for key in overrides[::2] if not key.startswith(_IN_USE)]:
            raise RunError(
                f"{', '.join(trained)} was fixed by the training; for a trained run you can set keys of "
                f"{', '.join(section.rstrip('.') for section in _IN_USE)}"
            )
        file = path / "config.yaml"
        if not file.is_file():
            raise RunError(
                f"{path} is not a run folder: it has no config.yaml. Give the --out folder of a training"
            )
        try:
            saved = file.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            raise RunError(
                f"{file} is damaged: it is not UTF-8 text (byte {error.start}); copy it again"
            ) from error
        config = configuration.loads(
            saved, defaults=DEFAULTS, name=str(file), plugins=plugins, overrides=overrides
        )
        ranges.check(config, str(file))
        return cls(path, config)

    @classmethod
    def open_finished(cls, path: Path, plugins: Sequence[str] = (), overrides: Sequence[str] = ()) -> Run:
        """Open a training that has come to its end; see `open`.

        Raises:
            RunError: as `open`, and when it is not finished.
        """
        run = cls.open(path, plugins, overrides)
        if not run.is_finished:
            raise RunError(
                f"{path} is not finished: checkpoints or log.jsonl tell of {run.iteration} of "
                f"{run.config.SOLVER.TOTAL} iterations. Train it to its end with nucleizoo train "
                f"--out {path} --resume, or leave it out"
            )
        return run

    def check_same(self, config: CfgNode) -> None:
        """Refuse to resume with another configuration.

        Raises:
            RunError: naming every key that differs and matters.
        """
        differing = configuration.differences(config, self.config)
        differing = [line for line in differing if not line.startswith(_FREE)]
        if differing:
            listed = "\n  ".join(differing)
            raise RunError(
                f"{self.path} was trained with another configuration; omit --resume and give "
                f"another --out, or undo these changes (here: yours, there: the run's):\n  {listed}"
            )

    def write_config(self) -> None:
        """Write the configuration, from which the run can be repeated."""
        write_texts({self.path / "config.yaml": configuration.dump(self.config)})

    def save(
        self, state: dict[str, Any], weights: dict[str, Tensor], statistics: Statistics | None = None
    ) -> None:
        """Write checkpoint and weights; the previous files stay until the new ones are complete.

        Args:
            state: to resume from.
            weights: to predict with.
            statistics: what norms with these weights see in training.

        Raises:
            OSError: when a file cannot be written; nothing of what was there is lost.
        """
        saved_state.save(self.path, state, weights, statistics)

    def checkpoints(self) -> list[Path]:
        """Checkpoint files, oldest first."""
        return saved_state.checkpoints(self.path)

    @property
    def is_finished(self) -> bool:
        """Whether it was trained to its last iteration, here or by the program that it was imported from."""
        return self.is_imported or self.iteration >= int(self.config.SOLVER.TOTAL)

    @property
    def is_imported(self) -> bool:
        """Whether another program trained its weights; it cannot be resumed."""
        return "imported" in self.begun

    @property
    def begun(self) -> dict[str, Any]:
        """Where, when and with which versions it began; {} where that is not known, as for shipped models."""
        return _begun(self.path)

    @property
    def iteration(self) -> int:
        """How far it was trained: as the last checkpoint says, or log.jsonl where they were removed."""
        if files := self.checkpoints():
            return int(files[-1].stem.removeprefix("iteration_"))
        return max((row["iteration"] for row in self.log()), default=0)

    def log(self) -> Iterator[dict[str, Any]]:
        """The rows of log.jsonl; see `log_rows.read`."""
        return log_rows.read(self.path)

    def latest(self) -> dict[str, Any] | None:
        """The newest checkpoint that can be read, None when there is none yet.

        Raises:
            RunError: when there are some and none can be read.
        """
        return saved_state.latest(self.path)

    def method(self) -> Method:
        """The trained method, on the CPU, with the weights for prediction.

        Raises:
            RunError: when there are no weights, or not those of this configuration.
            MissingProgramError: when the method is a program that is not here.
        """
        method = build.method(self.config)
        saved_state.load_weights(self.path, method)
        if isinstance(method, Program):
            self._tell_other_versions(method.versions())
        return method

    def _tell_other_versions(self, now: Mapping[str, str]) -> None:
        """Warn when a program, or its weights, are not those that the run began with."""
        then = self.begun.get("program", {})
        changed = [
            f"{name} {now.get(name)} in place of {one}" for name, one in then.items() if one != now.get(name)
        ]
        if changed:
            log.warning(
                "%s: %s; results may differ from those of before: make a new run, or restore what was there",
                self.path, ", ".join(changed),
            )  # fmt: skip

    def statistics(self) -> Statistics | None:
        """What the norms of `method` saw in training; None where that was not kept.

        Raises:
            RunError: when there are no weights.
        """
        return saved_state.load_statistics(self.path)


def _begun(run: Path) -> dict[str, Any]:
    """What run.json says; {} where it cannot be read."""
    try:
        return dict(json.loads((run / "run.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):  # what does not say so was trained here
        return {}
