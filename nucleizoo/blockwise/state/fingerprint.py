"""What must be the same for work to be gone on with, or for a result to be taken as one's own."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from nucleizoo import io
from nucleizoo.core.errors import UserError
from nucleizoo.core.format import listed, plural
from nucleizoo.inference.segmenter import Segmenter


def identity(segmenter: Segmenter, path: Path) -> dict[str, Any]:
    """What must not change between an interruption and going on: the volume's file, settings and weights."""
    stats = [file.stat() for file in io.described_in(path, segmenter.reader.dataset)]
    config = segmenter.config
    settings = {"INFERENCE": config.INFERENCE, "DATASET.IMAGE": config.DATASET.IMAGE, "TARGET": config.TARGET}
    return {
        "file": [str(path.resolve()), *(n for stat in stats for n in (stat.st_size, stat.st_mtime_ns))],
        "settings": json.loads(json.dumps(settings)),
        "weights": digest(segmenter),
    }


def made_of(what: dict[str, Any]) -> str:
    """A word that stands for an identity."""
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()


def marked(what: dict[str, Any]) -> dict[str, str]:
    """What a result notes of an identity: it does not tell where on the disk the volume was."""
    return {"made_of": made_of(what), "settings": json.dumps(what["settings"])}


def changes(known: dict[str, Any], now: dict[str, Any]) -> str:
    """How an identity differs from what is known of another one; '' if it does not.

    Args:
        known: some of its entries, or none.
        now: all of them.

    Example:
        >>> both = ({"file": [], "settings": {"INFERENCE": {"OVERLAP": at}}} for at in (0.5, 0.25))
        >>> changes(*both)
        'INFERENCE.OVERLAP was 0.5 and is 0.25'
    """
    old, new = (_flat("", one["settings"]) if "settings" in known else {} for one in (known, now))
    told = [
        f"{key} was {old.get(key, 'not known')} and is {new.get(key, 'not known')}"
        for key in sorted(old.keys() | new.keys())
        if old.get(key) != new.get(key)
    ]
    if "file" in known and known["file"] != now["file"]:
        told.append(f"the file {now['file'][0]} is another one, or was changed")
    if "weights" in known and known["weights"] != now["weights"]:
        told.append("the run has other weights")
    return listed(told)


def _flat(name: str, value: Any) -> dict[str, str]:
    """Settings by their whole keys, as they are written."""
    if not isinstance(value, dict) or not value:
        return {name: json.dumps(value)}
    items = [_flat(f"{name}.{key}" if name else key, one) for key, one in value.items()]
    return {key: text for item in items for key, text in item.items()}


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
