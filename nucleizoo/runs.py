"""A run folder: everything needed to repeat, continue and use a training.

config.yaml          the whole configuration
run.json             versions, commit, hardware, when
log.jsonl            one line of losses every few iterations
checkpoints/         the latest two, for --resume
weights.safetensors  the networks, for prediction
snapshots/           picture panels
events.*             the same for TensorBoard
"""

from __future__ import annotations

import io
import json
import logging
import platform
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor
from yacs.config import CfgNode

import nucleizoo
from nucleizoo import build, ranges
from nucleizoo.contracts import Method
from nucleizoo.core import config as configuration
from nucleizoo.core.errors import RunError
from nucleizoo.core.files import atomic, is_part, locked
from nucleizoo.defaults import DEFAULTS

log = logging.getLogger(__name__)

KEPT = 2  # checkpoints
UNTRAINED = "iteration_00000000.pt"  # the checkpoint before the first step
_IN_USE = ("INFERENCE.", "DATASET.IMAGE.", "SYSTEM.")
_FREE = (
    "SYSTEM.DEVICE",
    "SYSTEM.WORKERS",
    "SYSTEM.PLUGINS",
    "INFERENCE.",
    "MONITOR.",
)  # may change on resume


class Run:
    """The folder of one training; `create` and `open` are the ways to get one."""

    def __init__(self, path: Path, config: CfgNode) -> None:
        self.path, self.config = path, config

    @classmethod
    def create(cls, path: Path, config: CfgNode) -> Run:
        """Make the folder and write the configuration into it.

        Raises:
            RunError: when there is a run already, or anything else in the folder.
        """
        cls.check_free(path)
        path.mkdir(parents=True, exist_ok=True)
        with atomic(path / "run.json") as part:
            part.write_text(json.dumps(_circumstances(), indent=2) + "\n")
        run = cls(path, config)
        run.write_config()  # last: it is what makes the folder a run
        return run

    @staticmethod
    def check_free(path: Path) -> None:
        """Refuse a folder that holds anything, save a training that failed before its first step.

        Raises:
            RunError: when it does.
        """
        if not path.exists():
            return
        begun = {file.name for file in (path / "checkpoints").glob("iteration_*.pt")}
        if (path / "run.json").is_file() and (path / "config.yaml").is_file() and begun <= {UNTRAINED}:
            with locked(path / "run.json"):
                return
        # `create` writes run.json first: alone, it is what a start that was killed has left
        if not (path.is_dir() and all(is_part(f) or f.name == "run.json" for f in path.iterdir())):
            raise RunError(
                f"{path} exists already; continue it with --resume, or give another folder with --out"
            )

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
        if trained := [key for key in overrides[::2] if not key.startswith(_IN_USE)]:
            raise RunError(
                f"{', '.join(trained)} was fixed by the training; a trained run lets you set keys of "
                f"{', '.join(section.rstrip('.') for section in _IN_USE)}"
            )
        file = path / "config.yaml"
        if not file.is_file():
            raise RunError(f"{path} is not a run folder: it has no config.yaml. Give the --out of a training")
        try:
            saved = file.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            raise RunError(f"{file} is damaged: it is not UTF-8 text (byte {error.start})") from error
        config = configuration.loads(
            saved, defaults=DEFAULTS, name=str(file), plugins=plugins, overrides=overrides
        )
        ranges.check(config, str(file))
        return cls(path, config)

    def check_same(self, config: CfgNode) -> None:
        """Refuse to continue with another configuration.

        Raises:
            RunError: naming every key that differs and matters.
        """
        differing = configuration.differences(config, self.config)
        differing = [line for line in differing if not line.startswith(_FREE)]
        if differing:
            listed = "\n  ".join(differing)
            raise RunError(
                f"{self.path} was trained with another configuration; leave --resume and give "
                f"another --out, or undo (here: yours, there: the run's):\n  {listed}"
            )

    def write_config(self) -> None:
        """Write the configuration, in the words of which the run can be repeated."""
        with atomic(self.path / "config.yaml") as part:
            part.write_text(configuration.dump(self.config), encoding="utf-8")

    def tidy(self) -> None:
        """Remove what a killed training left half written; only for the one that trains here."""
        for file in filter(is_part, self.path.rglob("*")):
            file.unlink()

    def save(self, state: dict[str, Any], weights: dict[str, Tensor]) -> None:
        """Write checkpoint and weights; the files before them stay until the new ones are whole.

        Raises:
            OSError: when a file cannot be written; nothing of what was there is lost.
        """
        target = self.path / "checkpoints" / f"iteration_{state['iteration']:08d}.pt"
        target.parent.mkdir(exist_ok=True)
        # made in memory and written by Python: torch and safetensors tell of a full disk in other words
        content = io.BytesIO()
        torch.save(state, content)
        with atomic(target) as part:
            part.write_bytes(content.getbuffer())
        with atomic(self.path / "weights.safetensors") as part:
            part.write_bytes(save({k: v.detach().cpu().contiguous() for k, v in weights.items()}))
        for old in self.checkpoints()[:-KEPT]:
            old.unlink()

    def checkpoints(self) -> list[Path]:
        """Checkpoint files, oldest first."""
        return sorted((self.path / "checkpoints").glob("iteration_*.pt"))

    @property
    def is_finished(self) -> bool:
        """Whether the last checkpoint is that of the last iteration."""
        return any(file.stem == f"iteration_{self.config.SOLVER.TOTAL:08d}" for file in self.checkpoints())

    def latest(self) -> dict[str, Any] | None:
        """The newest checkpoint that can be read, None when there is none yet.

        Raises:
            RunError: when there are some and none can be read.
        """
        files = self.checkpoints()
        for file in reversed(files):
            try:
                state: dict[str, Any] = torch.load(file, map_location="cpu", weights_only=True)
                if "iteration" not in state:
                    raise ValueError("it is no checkpoint")
                return state
            except Exception as error:  # torch raises many kinds for damaged files
                log.warning("%s cannot be read (%s); trying the one before", file, _first_line(error))
        if files:
            raise RunError(f"no checkpoint in {self.path / 'checkpoints'} can be read; train again")
        return None

    def method(self) -> Method:
        """The trained method, on the CPU, with the weights for prediction.

        Raises:
            RunError: when there are no weights, or not those of this configuration.
        """
        file = self.path / "weights.safetensors"
        if not file.is_file():
            raise RunError(f"{self.path} has no weights yet; train it first")
        method = build.method(self.config)
        try:
            result = method.load_state_dict(load_file(file), strict=False)
        except (SafetensorError, RuntimeError, OSError) as error:
            raise RunError(f"{file} does not fit or is damaged: {_first_line(error)}") from error
        missing = [key for key in result.missing_keys if not key.endswith("_extra_state")]
        if missing or result.unexpected_keys:
            raise RunError(f"{file} holds weights of another configuration than config.yaml")
        return method


def weights_of(method: Method) -> dict[str, Tensor]:
    """Parameters and buffers by name, without what only training needs."""
    return {k: v for k, v in method.state_dict().items() if isinstance(v, Tensor)}


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)


def _circumstances() -> dict[str, Any]:
    return {
        "nucleizoo": nucleizoo.__version__,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "commit": _commit(),
        "machine": platform.machine(),
        "processor": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
    }


def _commit() -> str | None:
    """The commit of the checkout that nucleizoo is installed from, if it is one."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None
