"""Words in the names of files and folders that tell labels from pictures."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from nucleizoo import io
from nucleizoo.core.errors import UserError

LABEL = re.compile(
    r"(?<![a-z])(segs?|segm|segmentations?|labels?|gt|masks?|inst|instances?|annotations?)(?![a-z])", re.I
)
IMAGE = re.compile(r"(?<![a-z])(im|img|images?|raw)(?![a-z])", re.I)


def pictures(files: Iterable[Path], root: Path) -> list[Path]:
    """Files that stand where a layout has its pictures, in order.

    Raises:
        UserError: asks what a file is that is called like labels, or lies in a folder that is.
    """
    found = sorted(files)
    unclear = [file.relative_to(root) for file in found if LABEL.search(str(file.relative_to(root)))]
    if unclear:
        raise UserError(
            f"{root}: are these pictures, or labels? They stand where pictures are, and are called like "
            f"labels: {io.first_few(map(str, unclear))}; move them elsewhere, or rename them"
        )
    return found
