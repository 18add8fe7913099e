"""What lies beside the labels of a picture: its table and overlays, and maps by the same weights."""

from __future__ import annotations

import glob
import logging
import re
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from nucleizoo import io
from nucleizoo.core.errors import ForeignFileError
from nucleizoo.inference import nuclei_table
from nucleizoo.inference.segmenter import Segmenter
from nucleizoo.inference.weights_hash import weights_hash

log = logging.getLogger(__name__)


def remove(result: Path, segmenter: Segmenter, kept: Collection[Path | None] = ()) -> None:
    """Remove the companions of older labels, which would be taken for those of the new ones, and log it.

    What somebody has changed is kept, and named.

    Args:
        result: the labels, `<name>_label` and a suffix.
        segmenter: that makes the new labels; maps and translations of other weights go, too.
        kept: what was written with the new labels.

    Raises:
        OSError: when one cannot be removed.
    """
    older = sorted({*_companions(result), *_of_other_weights(result, segmenter)} - {*kept})
    changed = [file for file in older if io.is_changed(file)]
    stale = [file for file in older if file not in changed]
    for file in stale:
        file.unlink()
        io.note_of(file).unlink(missing_ok=True)
    if changed:
        log.warning(
            "%s: of older labels of the same picture, but kept, since changed after they were written: %s",
            result.parent, io.first_few(file.name for file in changed),
        )  # fmt: skip
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
    overlay = re.compile(rf"{re.escape(name)}(_\d{{4,}})?_overlay\.png")
    for file in folder.iterdir():
        if overlay.fullmatch(file.name) and not _of_another(file, result) and io.is_ours(file):
            yield file


def check_overlays(overlays: Iterable[Path], result: Path) -> None:
    """Refuse overlays in the place of another picture's: plane 1 of a stack `a` and `a_0001` have one name.

    Args:
        overlays: to be written.
        result: the labels, `<name>_label` and a suffix, before they are written.

    Raises:
        ForeignFileError: naming the overlay.
    """
    for overlay in overlays:
        if overlay.exists() and (other := _of_another(overlay, result)):
            raise ForeignFileError(
                f"{overlay}: would be replaced, but is the overlay of '{other}', one of which is a stack and "
                "the other called like a plane of it; choose another --output for one, or leave out --overlay"
            )


def _of_another(overlay: Path, result: Path) -> str:
    """The name of another picture with labels that an overlay is of, or may be; '' for none."""
    own, whole = io.name_of(result).removesuffix(io.LABEL), overlay.name.removesuffix("_overlay.png")
    if own == whole and result.exists():
        return ""
    other = re.sub(r"_\d{4,}$", "", whole) if own == whole else whole
    is_there = other != own and any(result.parent.glob(f"{glob.escape(other)}{io.LABEL}.*"))
    return other if is_there else ""
