"""Pictures and their annotations, paired by name."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from nucleizoo import io
from nucleizoo.core.errors import UserError
from nucleizoo.metrics.folders import by_name, distinct


@dataclass(frozen=True)
class Pair:
    """A picture and the labels that somebody drew for it."""

    name: str
    picture: Path
    truth: Path


def find_pairs(images: str | Path, truth: str | Path) -> tuple[list[Pair], list[str]]:
    """Pair the files of two folders as `nucleizoo evaluate` does: `a.png` with `a.tif` or `a_label.tif`.

    Args:
        images: folder of pictures; files called <name>_label are no pictures.
        truth: folder of label files, which may be the same one.

    Returns:
        The pairs, and the names of labels without a picture. Pictures without labels are no matter.

    Raises:
        UserError: when a folder holds nothing, no name fits, or two files have one name.
    """
    wanted = by_name(truth, whole=Path(truth).resolve() != Path(images).resolve())
    pictures = distinct([path for path in io.find(images) if not path.stem.endswith("_label")])
    pairs = [Pair(name, pictures[name], path) for name, path in wanted.items() if name in pictures]
    if not pairs:
        raise UserError(
            f"no picture of {images} has the name of a label file of {truth}: {_some(pictures)} against "
            f"{_some(wanted)}; the labels of a.png are called a.tif or a_label.tif"
        )
    return pairs, [name for name in wanted if name not in pictures]


def _some(files: dict[str, Path]) -> str:
    return (", ".join(list(files)[:3]) or "none") + (", ..." if len(files) > 3 else "")
