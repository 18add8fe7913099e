"""How data sets lie in folders: one module a layout, that knows its sign and lists what there is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from nucleizoo.core.errors import UserError
from nucleizoo.published.item import Listing
from nucleizoo.published.layouts import bbbc024, ctc, dsb2018, nucmm, pairs, s_bsst265, scaffold_a549

_DEPTH = 3
"""Folders that archives may wrap around a data set."""


@dataclass(frozen=True)
class Layout:
    """One way to lay a data set out.

    Attributes:
        name: in the table.
        sign: pattern of files below the root, by which it is recognised.
        listing: (root, truth, whole) -> what there is; `truth` is 'gt' or 'st', and `whole` wants frames
            as they are even where only planes of them are annotated.
        truths: kinds of labels: 'gt', gold truth, made by people; 'st', silver truth, made by programs.
        tells: whether the sign is of this layout alone.
    """

    name: str
    sign: str
    listing: Callable[[Path, str, bool], Listing]
    truths: tuple[str, ...] = ("gt",)
    tells: bool = True

    def roots(self, folder: Path) -> list[Path]:
        """Where it lies: the folder, or those of the first level below it that have the sign."""
        for level in _levels(folder):
            if found := [place for place in level if next(place.glob(self.sign), None) is not None]:
                return found
        return []


LAYOUTS = {
    layout.name: layout
    for layout in (
        Layout("ctc", ctc.SIGN, ctc.listing, truths=("gt", "st")),
        Layout("s-bsst265", s_bsst265.SIGN, s_bsst265.listing),
        Layout("bbbc024", bbbc024.SIGN, bbbc024.listing),
        Layout("scaffold-a549", scaffold_a549.SIGN, scaffold_a549.listing),
        Layout("nucmm", nucmm.SIGN, nucmm.listing),
        Layout("dsb2018", dsb2018.SIGN, dsb2018.listing),
        Layout("pairs", pairs.SIGN, pairs.listing, tells=False),
    )
}


def recognised(folder: Path, name: str = "") -> tuple[Layout, Path]:
    """The layout of a folder, and the folder below it where it begins.

    Args:
        folder: as it was unpacked.
        name: the layout that it must be; '' finds out.

    Raises:
        UserError: when the folder is missing, or fits no layout or several places.
    """
    if not folder.is_dir():
        raise UserError(f"{folder}: there is no such folder; check the path")
    candidates = [LAYOUTS[name]] if name else [layout for layout in LAYOUTS.values() if layout.tells]
    for layout in candidates:
        roots = layout.roots(folder)
        if len(roots) > 1:
            places = ", ".join(str(root.relative_to(folder)) for root in roots[:5])
            raise UserError(
                f"{folder}: holds several sets of the layout '{layout.name}': {places}; name one of them"
            )
        if roots:
            return layout, roots[0]
    signs = "; ".join(f"{layout.name}: {layout.sign}" for layout in candidates)
    raise UserError(f"{folder}: nothing in it is laid out as a known data set; looked for {signs}")


def _levels(folder: Path) -> Iterator[list[Path]]:
    level = [folder]
    for _ in range(_DEPTH + 1):
        yield level
        level = sorted(
            below for place in level for below in place.iterdir()
            if below.is_dir() and not below.is_symlink() and below.name[0] not in "._"
        )  # fmt: skip
