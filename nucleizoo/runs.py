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
from safetensors.torch import load_file, save_file
from torch import Tensor
from yacs.config import CfgNode

import nucleizoo
from nucleizoo import build
from nucleizoo.contracts import Method
from nucleizoo.core import config as configuration
from nucleizoo.core.errors import RunError
from nucleizoo.core.files import atomic
from nucleizoo.defaults import DEFAULTS

log = logging.getLogger(__name__)

KEPT = 2  # checkpoints
_FREE = ("SYSTEM.DEVICE", "SYSTEM.WORKERS", "SYSTEM.PLUGINS", "MONITOR.")  # may change on resume


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
        if path.exists() and not (path.is_dir() and all(map(is_part, path.iterdir()))):
            raise RunError(
                f"{path} exists already; continue it with --resume, or give another folder with --out"
            )
        path.mkdir(parents=True, exist_ok=True)
        with atomic(path / "config.yaml") as part:
            part.write_text(configuration.dump(config), encoding="utf-8")
        with atomic(path / "run.json") as part:
            part.write_text(json.dumps(_circumstances(), indent=2) + "\n")
        (path / "checkpoints").mkdir()
        return cls(path, config)

    @classmethod
    def open(cls, path: Path, plugins: Sequence[str] = ()) -> Run:
        """Open the folder of a training, finished or not.

        Raises:
            RunError: when it is not a run folder.
        """
        file = path / "config.yaml"
        if not file.is_file():
            raise RunError(f"{path} is not a run folder: it has no config.yaml. Give the --out of a training")
        config = configuration.loads(
            file.read_text(encoding="utf-8"), defaults=DEFAULTS, name=str(file), plugins=plugins
        )
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

    def save(self, state: dict[str, Any], weights: dict[str, Tensor]) -> None:
        """Write checkpoint and weights; the files before them stay until the new ones are whole."""
        target = self.path / "checkpoints" / f"iteration_{state['iteration']:08d}.pt"
        with atomic(target) as part:
            torch.save(state, part)
        with atomic(self.path / "weights.safetensors") as part:
            save_file({k: v.detach().cpu().contiguous() for k, v in weights.items()}, part)
        for old in self.checkpoints()[:-KEPT]:
            old.unlink()

    def checkpoints(self) -> list[Path]:
        """Checkpoint files, oldest first."""
        return sorted((self.path / "checkpoints").glob("iteration_*.pt"))

    def latest(self) -> dict[str, Any] | None:
        """The newest checkpoint that can be read, None when there is none yet.

        Raises:
            RunError: when there are some and none can be read.
        """
        files = self.checkpoints()
        for file in reversed(files):
            try:
                state: dict[str, Any] = torch.load(file, map_location="cpu", weights_only=True)
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
