"""Pictures and their annotations, paired by name."""

from __future__ import annotations

from pathlib import Path

from nucleizoo import io
from nucleizoo.core.errors import UserError
from nucleizoo.io import Pair

__all__ = ["Pair", "find_pairs"]


def find_pairs(
    images: str | Path, truth: str | Path, markers: str | Path | None = None
) -> tuple[list[Pair], list[str]]:
    """Pair the files of two folders as `nucleizoo evaluate` does: `a.png` with `a.tif` or `a_label.tif`.

    Labels called `a_z003` are those of plane 3 of the volume `a.tif`.

    Args:
        images: folder of pictures; labels and results beside them are left out.
        truth: folder of label files, which may be the same one.
        markers: folder of files with a dot in each nucleus, for DET, named like the pictures.

    Returns:
        The pairs, and the names of labels without a picture. Pictures without labels are ignored.

    Raises:
        UserError: when a folder is empty, no names match, or two files have the same name.
    """
    wanted = io.label_files(truth, whole=Path(truth).resolve() != Path(images).resolve())
    pictures = io.named(io.find_pictures(images))
    pairs, missing = io.annotated(pictures, wanted, io.named(io.find(markers)) if markers else None)
    if len(missing) == len(wanted):
        raise UserError(
            f"no picture in {images} has the name of a label file in {truth}: {io.first_few(pictures)} "
            f"against {io.first_few(wanted)}; name the labels of a.png a.tif or a_label.tif"
        )
    return pairs, missing
