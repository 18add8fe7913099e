"""What must be the same for work to be gone on with, or for a result to be taken as one's own."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from nucleizoo import volumes
from nucleizoo.core.errors import UserError
from nucleizoo.core.words import listed, plural
from nucleizoo.engine.inference import Segmenter


def identity(segmenter: Segmenter, path: Path) -> dict[str, Any]:
    """What must not change between an interruption and going on: the volume's file, settings and weights."""
    stats = [file.stat() for file in volumes.described_in(path, segmenter.reader.dataset)]
    config = segmenter.config
    return {
        "file": [str(path.resolve()), *(n for stat in stats for n in (stat.st_size, stat.st_mtime_ns))],
        "settings": json.loads(json.dumps([config.INFERENCE, config.DATASET.IMAGE, config.TARGET])),
        "weights": digest(segmenter),
    }


def made_of(what: dict[str, Any]) -> str:
    """A word that stands for an identity."""
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()


def check_skipped(place: Path, skipped: Sequence[str], mend: str) -> None:
    """Refuse what was made with damage, for who does not say that it may be skipped: it may be repaired now.

    Args:
        place: of what was made.
        skipped: the chunks that were taken for black, in words.
        mend: what else can be done than skipping them.

    Raises:
        UserError: when there are some.
    """
    if skipped:
        raise UserError(
            f"{place}: was made with {plural(len(skipped), 'chunk')} of the input taken for black "
            f"({listed(skipped)}); repeat with --skip-damaged, or {mend}"
        )


def digest(segmenter: Segmenter) -> str:
    """A word that changes with weights and remembered statistics, and is the same on all machines."""
    found = hashlib.sha256()
    state = segmenter.method.state_dict() | segmenter.remembered.tensors()
    for name, tensor in sorted(state.items()):
        if isinstance(tensor, torch.Tensor):
            found.update(name.encode())
            found.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return found.hexdigest()
