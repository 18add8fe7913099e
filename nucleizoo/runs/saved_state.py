"""Files of what a training has learned: checkpoints to resume from, and weights to predict with."""

from __future__ import annotations

import io
import logging
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from safetensors.torch import save as packed
from torch import Tensor

from nucleizoo.contracts import Method
from nucleizoo.core.errors import RunError
from nucleizoo.core.files import atomic
from nucleizoo.core.format import first_line
from nucleizoo.ops.nn.norm_statistics import Statistics

log = logging.getLogger(__name__)

KEPT = 2
"""Checkpoints to keep."""

_STATISTICS = "statistics/"
"""Prefix of the names of statistics; names of parameters have no slash."""

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
    torch.save(state, content)
    with atomic(target) as part:
        part.write_bytes(content.getbuffer())
    values = {k: v.detach().cpu().contiguous() for k, v in weights.items()}
    if statistics is not None:  # in one file, so that they always belong to the weights
        values |= {f"{_STATISTICS}{name}": value for name, value in statistics.tensors().items()}
    kept = {_STATISTICS: str(statistics is not None)}  # networks without norms have none to see
    with atomic(run / "weights.safetensors") as part:
        part.write_bytes(packed(values, kept))
    for old in checkpoints(run)[:-KEPT]:
        old.unlink()


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
    file = _weights(run)
    try:
        return {k: v for k, v in load_file(file).items() if not k.startswith(_STATISTICS)}
    except (SafetensorError, OSError) as error:
        raise RunError(f"{file} is damaged: {first_line(error)}; copy it again, or train again") from error


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
    file = _weights(run)
    try:
        with safe_open(file, "pt") as opened:
            if (opened.metadata() or {}).get(_STATISTICS) != "True":
                return None
            names = [name for name in opened.keys() if name.startswith(_STATISTICS)]
            tensors = {name.removeprefix(_STATISTICS): opened.get_tensor(name) for name in names}
    except (SafetensorError, OSError) as error:
        raise RunError(f"{file} is damaged: {first_line(error)}; copy it again, or train again") from error
    return Statistics.from_tensors(tensors)


def _weights(run: Path) -> Path:
    file = run / "weights.safetensors"
    if not file.is_file():
        raise RunError(f"{run} has no weights yet; train it first")
    return file
