"""Layouts of data sets in folders: one module each, with its sign and the listing of items."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from os.path import commonpath
from pathlib import Path

from nucleizoo import io
from nucleizoo.core.errors import UserError
from nucleizoo.published.item import Listing
from nucleizoo.published.layouts import bbbc024, ctc, dsb2018, nucexm, nucmm, s_bsst265, scaffold_a549
from nucleizoo.published.unpack import is_archive

_DEPTH = 3
"""Folders that archives may wrap around a data set."""


@dataclass(frozen=True)
class Layout:
    """One way to lay a data set out.

    Attributes:
        name: in the table.
        sign: pattern of files below the root, by which it is recognised.
        listing: (root, truth, whole) -> items; `truth` is 'gt' or 'st', and `whole` asks for whole frames
            even where only planes of them are annotated.
        truths: kinds of labels: 'gt', gold truth, made by people; 'st', silver truth, made by programs.
        tells: whether only this layout has the sign.
        parts: whether several folders with the sign are one set.
    """

    name: str
    sign: str
    listing: Callable[[Path, str, bool], Listing]
    truths: tuple[str, ...] = ("gt",)
    tells: bool = True
    parts: bool = False

    def roots(self, folder: Path) -> list[Path]:
        """Folders with the sign: the folder itself, or those on the first level below it that have any."""
        for level in _levels(folder):
            if found := [place for place in level if next(place.glob(self.sign), None) is not None]:
                return found
        return []


LAYOUTS = {
    layout.name: layout
    for layout in (
        Layout("ctc", ctc.SIGN, ctc.listing, truths=("gt", "st")),
        Layout("s-bsst265", s_bsst265.SIGN, s_bsst265.listing),
        Layout("ctc-test", ctc.SIGN, ctc.unlabelled, tells=False),
        Layout("bbbc024", bbbc024.SIGN, bbbc024.listing, parts=True),
        Layout("scaffold-a549", scaffold_a549.SIGN, scaffold_a549.listing),
        Layout("nucmm", nucmm.SIGN, nucmm.listing),
        Layout("dsb2018", dsb2018.SIGN, dsb2018.listing),
        Layout("nucexm", nucexm.SIGN, nucexm.listing, tells=False),
    )
}


def recognised(folder: Path, name: str = "") -> tuple[Layout, Path]:
    """The layout of a folder, and the folder below it where it begins.

    Args:
        folder: an unpacked data set.
        name: the expected layout; '' recognises it.

    Raises:
        UserError: when the folder is missing, or a layout is found nowhere or in several places.
    """
    if not folder.is_dir():
        raise UserError(f"{folder}: there is no such folder; check the path")
    candidates = [LAYOUTS[name]] if name else [layout for layout in LAYOUTS.values() if layout.tells]
    for layout in candidates:
        roots = layout.roots(folder)
        if len(roots) > 1 and layout.parts:
            return layout, Path(commonpath(roots))
        if len(roots) > 1:
            places = ", ".join(str(root.relative_to(folder)) for root in roots[:5])
            raise UserError(
                f"{folder}: contains several sets of the layout '{layout.name}': {places}; give one of them"
            )
        if roots:
            return layout, roots[0]
    signs = "; ".join(f"{layout.name}: {layout.sign}" for layout in candidates)
    packed = [
        str(file.relative_to(folder))
        for level in _levels(folder) for place in level for file in sorted(place.iterdir())
        if is_archive(file)
    ]  # fmt: skip
    mend = f"; unpack first what it contains: {io.first_few(packed)}" if packed else ""
    raise UserError(f"{folder}: contains no known data set; looked for {signs}{mend}")


def _levels(folder: Path) -> Iterator[list[Path]]:
    level = [folder]
    for _ in range(_DEPTH + 1):
        yield level
        level = sorted(
            below for place in level for below in place.iterdir()
            if below.is_dir() and not below.is_symlink() and below.name[0] not in "._"
        )  # fmt: skip
