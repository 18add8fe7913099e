"""Pictures and their annotations, paired by name."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from nucleizoo import io
from nucleizoo.core.errors import UserError


@dataclass(frozen=True)
class Pair:
    """A picture and its annotated labels."""

    name: str
    picture: Path
    truth: Path


def find_pairs(images: str | Path, truth: str | Path) -> tuple[list[Pair], list[str]]:
    """Pair the files of two folders as `nucleizoo evaluate` does: `a.png` with `a.tif` or `a_label.tif`.

    Args:
        images: folder of pictures; labels and results beside them are left out.
        truth: folder of label files, which may be the same one.

    Returns:
        The pairs, and the names of labels without a picture. Pictures without labels are ignored.

    Raises:
        UserError: when a folder is empty, no names match, or two files have the same name.
    """
    wanted = io.label_files(truth, whole=Path(truth).resolve() != Path(images).resolve())
    files = io.match(io.named(io.find_pictures(images)), wanted)
    if not files.both:
        raise UserError(
            f"no picture in {images} has the name of a label file in {truth}: {io.first_few(files.first)} "
            f"against {io.first_few(files.second)}; name the labels of a.png a.tif or a_label.tif"
        )
    return [Pair(name, *both) for name, both in files.both.items()], list(files.second)
