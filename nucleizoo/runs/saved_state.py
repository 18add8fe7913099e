"""Files of what a training has learned: checkpoints to resume from, and weights to predict with.

Both hold a SHA-256 of their content, because a byte that was changed on a disk would else be used unnoticed.
It is in the file itself, which is replaced in one step. Files of older versions have none, nor have the
models that ship: it is in their card.
"""

from __future__ import annotations

import io
import json
import logging
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as unpacked
from safetensors.torch import save as packed
from torch import Tensor

from nucleizoo.contracts import Method
from nucleizoo.core.errors import RunError
from nucleizoo.core.files import atomic
from nucleizoo.core.format import first_line
from nucleizoo.ops.nn.digest import digest
from nucleizoo.ops.nn.norm_statistics import Statistics

log = logging.getLogger(__name__)

_CHANGED = "its content is not what was written, its SHA-256 differs"

KEPT = 2
"""Checkpoints to keep."""

_STATISTICS = "statistics/"
"""Prefix of the names of statistics; names of parameters have no slash."""

_SHA256 = "sha256"
"""The key of the hash in checkpoints.

The metadata of weights has one key, because safetensors writes several in any order: `_STATISTICS`, whether
there are some (networks without norms have none to see), followed by the hashes of weights and statistics.
"""

UNTRAINED = "iteration_00000000.pt"
"""The checkpoint before the first step."""


def weights_of(method: Method) -> dict[str, Tensor]:
    """Parameters and buffers by name, without what only training needs."""
    return {k: v for k, v in method.state_dict().items() if isinstance(v, Tensor)}


def checkpoints(run: Path) -> list[Path]:
    """Checkpoint files of a run folder, oldest first."""
    return sorted((run / "checkpoints").glob("iteration_*.pt"))


def save(
    run: Path, state: dict[str, Any], weights: dict[str, Tensor], statistics: Statistics | None = None
) -> None:
    """Write checkpoint and weights; the previous files stay until the new ones are complete.

    Raises:
        OSError: when a file cannot be written; nothing of what was there is lost.
    """
    target = run / "checkpoints" / f"iteration_{state['iteration']:08d}.pt"
    target.parent.mkdir(exist_ok=True)
    # packed in memory and written by Python, so that a full disk is always an OSError
    content = io.BytesIO()
    torch.save({**state, _SHA256: digest(state)}, content)
    with atomic(target) as part:
        part.write_bytes(content.getbuffer())
    save_weights(run, weights, statistics)
    for old in checkpoints(run)[:-KEPT]:
        old.unlink()


def save_weights(run: Path, weights: dict[str, Tensor], statistics: Statistics | None = None) -> None:
    """Write the weights to predict with, and what their norms see in training.

    Raises:
        OSError: when the file cannot be written; the previous one is kept.
    """
    values = {k: v.detach().cpu().contiguous() for k, v in weights.items()}
    seen = {} if statistics is None else statistics.tensors()
    seen = {f"{_STATISTICS}{name}": value for name, value in seen.items()}
    kept = str(statistics is not None)
    told = f"{kept} {_hash(values, kept)} {_hash(seen, kept)}"
    with atomic(run / "weights.safetensors") as part:  # one file, so that they always belong together
        part.write_bytes(packed(values | seen, {_STATISTICS: told}))


def latest(run: Path) -> dict[str, Any] | None:
    """The newest checkpoint that can be read, None when there is none yet.

    Raises:
        RunError: when there are some and none can be read.
    """
    files = checkpoints(run)
    for file in reversed(files):
        try:
            state: dict[str, Any] = torch.load(file, map_location="cpu", weights_only=True)
            if "iteration" not in state:
                raise ValueError("it is not a checkpoint")
            wanted = state.pop(_SHA256, None)
            if wanted is not None and digest(state) != wanted:
                raise ValueError(_CHANGED)
            return state
        except Exception as error:  # torch raises many kinds for damaged files
            log.warning("%s cannot be read (%s); trying the previous one", file, first_line(error))
    if files:
        raise RunError(f"no checkpoint in {run / 'checkpoints'} can be read; train again")
    return None


def read_weights(run: Path) -> dict[str, Tensor]:
    """The weights for prediction, by name, as they are stored.

    Raises:
        RunError: when there are none, or their file is damaged.
    """
    values, _ = _read(run, statistics=False)
    return values


def load_weights(run: Path, method: Method) -> None:
    """Give a method the weights for prediction.

    Raises:
        RunError: when there are none, or not those of such a method.
    """
    file, values = _weights(run), read_weights(run)
    try:
        result = method.load_state_dict(values, strict=False)
    except RuntimeError as error:
        _, *told = str(error).splitlines()  # the first names the class
        raise RunError(
            f"{file} holds weights for another configuration than config.yaml: {' '.join(told[:1]).strip()}; "
            "restore the run's own files"
        ) from error
    missing = [key for key in result.missing_keys if not key.endswith("_extra_state")]
    if missing or result.unexpected_keys:
        raise RunError(
            f"{file} holds weights for another configuration than config.yaml; restore the run's own files"
        )


def load_statistics(run: Path) -> Statistics | None:
    """What was saved with the weights; None when nothing was.

    Raises:
        RunError: when there are no weights.
    """
    values, kept = _read(run, statistics=True)
    if kept != "True":
        return None
    return Statistics.from_tensors({name.removeprefix(_STATISTICS): one for name, one in values.items()})


def _read(run: Path, *, statistics: bool) -> tuple[dict[str, Tensor], str]:
    """The statistics in the file of weights, or all else in it, and whether statistics were kept.

    Raises:
        RunError: when there is no file, or it is damaged.
    """
    file = _weights(run)
    try:
        content = file.read_bytes()  # safetensors opens no path that is not UTF-8
        every = unpacked(content)
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
        kept, *hashes = header.get("__metadata__", {_STATISTICS: "False"})[_STATISTICS].split(" ")
        values = {name: one for name, one in every.items() if name.startswith(_STATISTICS) is statistics}
        if hashes and hashes[statistics] != _hash(values, kept):
            raise ValueError(_CHANGED)
    except (SafetensorError, OSError, ValueError, LookupError) as error:
        raise RunError(f"{file} is damaged: {first_line(error)}; copy it again, or train again") from error
    return values, kept


def _hash(values: dict[str, Tensor], kept: str) -> str:
    """The hash of tensors, in whatever order they are stored, and of what is said of statistics."""
    return digest([sorted(values.items()), kept])


def _weights(run: Path) -> Path:
    file = run / "weights.safetensors"
    if not file.is_file():
        raise RunError(f"{run} has no weights yet; train it first")
    return file
