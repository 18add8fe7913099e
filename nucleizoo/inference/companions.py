"""What lies beside the labels of a picture: its table and overlays, and maps by the same weights."""

from __future__ import annotations

import glob
import logging
import re
from collections.abc import Collection, Iterator
from pathlib import Path

from nucleizoo import io
from nucleizoo.inference import nuclei_table
from nucleizoo.inference.segmenter import Segmenter
from nucleizoo.inference.weights_hash import weights_hash

log = logging.getLogger(__name__)


def remove(result: Path, segmenter: Segmenter, kept: Collection[Path | None] = ()) -> None:
    """Remove the companions of older labels, which would be taken for those of the new ones, and log it.

    Args:
        result: the labels, `<name>_label` and a suffix.
        segmenter: that makes the new labels; maps and translations of other weights go, too.
        kept: what was written with the new labels.

    Raises:
        OSError: when one cannot be removed.
    """
    stale = sorted({*_companions(result), *_of_other_weights(result, segmenter)} - {*kept})
    for file in stale:
        file.unlink()
    if stale:
        log.info(
            "%s: removed, since they were of older labels of the same picture: %s",
            result.parent, io.first_few(file.name for file in stale),
        )  # fmt: skip


def _of_other_weights(result: Path, segmenter: Segmenter) -> Iterator[Path]:
    """Maps and translations of the picture that other weights made."""
    name = io.name_of(result).removesuffix(io.LABEL)
    files = (result.with_name(f"{name}_{kind}.tif") for kind in ("maps", "source"))
    made = {file: by for file in files if (by := io.made_by(file))}
    if made:
        now = weights_hash(segmenter)
        yield from (file for file, by in made.items() if by != now)


def _companions(result: Path) -> Iterator[Path]:
    """The table, and the overlay or overlays of planes, that nucleizoo wrote."""
    folder, name = result.parent, io.name_of(result).removesuffix(io.LABEL)
    table = folder / f"{name}_nuclei.csv"
    if io.is_ours(table, nuclei_table.COLUMNS):
        yield table
    overlay = re.compile(rf"({re.escape(name)}(_\d{{4,}})?)_overlay\.png")
    for file in folder.iterdir():
        made = overlay.fullmatch(file.name)
        is_another = made and made[2] and any(folder.glob(f"{glob.escape(made[1])}{io.LABEL}.*"))
        if made and not is_another and io.is_ours(file):
            yield file
