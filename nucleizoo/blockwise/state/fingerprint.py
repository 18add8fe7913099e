"""The fingerprint of a job: the file, settings and weights that must be the same to resume it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nucleizoo import io
from nucleizoo.core.errors import UserError
from nucleizoo.core.format import listed, plural
from nucleizoo.inference.segmenter import Segmenter
from nucleizoo.inference.weights_hash import weights_hash


def fingerprint(segmenter: Segmenter, path: Path) -> dict[str, Any]:
    """File, settings and weights of a job: what must not change before it is resumed."""
    stats = [file.stat() for file in io.described_in(path, segmenter.reader.dataset)]
    config = segmenter.config
    settings = {"INFERENCE": config.INFERENCE, "DATASET.IMAGE": config.DATASET.IMAGE, "TARGET": config.TARGET}
    return {
        "file": [str(path.resolve()), *(n for stat in stats for n in (stat.st_size, stat.st_mtime_ns))],
        "settings": json.loads(json.dumps(settings)),
        "weights": weights_hash(segmenter),
    }


def made_of(what: dict[str, Any]) -> str:
    """The hash of a fingerprint."""
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()


def recorded(what: dict[str, Any]) -> dict[str, str]:
    """What a result records of a fingerprint: not the path of the volume, which may be private."""
    return {"made_of": made_of(what), "settings": json.dumps(what["settings"])}


def changes(known: dict[str, Any], now: dict[str, Any]) -> str:
    """How a fingerprint differs from an earlier one, in words; '' if it does not.

    Args:
        known: entries of the earlier one: some, or none.
        now: the fingerprint.

    Example:
        >>> both = ({"file": [], "settings": {"INFERENCE": {"OVERLAP": at}}} for at in (0.5, 0.25))
        >>> changes(*both)
        'INFERENCE.OVERLAP was 0.5 and is 0.25'
    """
    old, new = (_flat("", one["settings"]) if "settings" in known else {} for one in (known, now))
    found = [
        f"{key} was {old.get(key, 'not known')} and is {new.get(key, 'not known')}"
        for key in sorted(old.keys() | new.keys())
        if old.get(key) != new.get(key)
    ]
    if "file" in known and known["file"] != now["file"]:
        found.append(f"the input is another file than before, or {now['file'][0]} has changed")
    if "weights" in known and known["weights"] != now["weights"]:
        found.append("the weights of the run have changed")
    return listed(found)


def _flat(name: str, value: Any) -> dict[str, str]:
    """Settings by their full keys, as JSON."""
    if not isinstance(value, dict) or not value:
        return {name: json.dumps(value)}
    items = [_flat(f"{name}.{key}" if name else key, one) for key, one in value.items()]
    return {key: text for item in items for key, text in item.items()}


def check_skipped(place: Path, skipped: Sequence[str], advice: str) -> None:
    """Refuse a result or a job that treated damaged chunks as black: they may be repaired by now.

    Args:
        place: the result or the scratch folder.
        skipped: the chunks that were treated as black, in words.
        advice: what else the user can do.

    Raises:
        UserError: when there are some.
    """
    if skipped:
        raise UserError(
            f"{place}: was made with {plural(len(skipped), 'chunk')} of the input treated as black "
            f"({listed(skipped)}); rerun with --skip-damaged, or {advice}"
        )
