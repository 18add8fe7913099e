"""Recognise the data set in a folder."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from nucleizoo.core.errors import UserError
from nucleizoo.published.item import Item, Listing
from nucleizoo.published.layouts import Layout, recognised
from nucleizoo.published.table import PublishedSet, named, table

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Folder:
    """A recognised folder.

    Attributes:
        root: folder in which the layout begins.
        layout: how the files are arranged.
        dataset: the set; None for a folder in a known layout that is not in the table.
    """

    root: Path
    layout: Layout
    dataset: PublishedSet | None

    def listing(self, truth: str = "gt", *, whole: bool = False) -> Listing:
        """The items of the set; see `Layout`.

        Raises:
            UserError: for another truth, a folder that contradicts its layout, or two items of one name.
        """
        if truth not in self.layout.truths:
            raise UserError(
                f"{self.root}: the layout '{self.layout.name}' has the labels "
                f"{', '.join(self.layout.truths)}, not '{truth}'"
            )
        found = self.layout.listing(self.root, truth, whole)
        return Listing(_distinct([item for item in found.items if self._holds(item)]), found.missing)

    @property
    def spacing(self) -> tuple[float, ...]:
        """Voxel size of the whole set in micrometres; () when unknown."""
        return self.dataset.spacing if self.dataset else ()

    def _holds(self, item: Item) -> bool:
        return self.dataset is None or fnmatchcase(item.name, self.dataset.only)


def _distinct(items: list[Item]) -> tuple[Item, ...]:
    """The items, if their names are distinct, since files are named after them."""
    by_name: dict[str, Item] = {}
    for item in items:
        if (other := by_name.setdefault(item.name, item)) is not item:
            raise UserError(
                f"{other.image.path} and {item.image.path} are both called '{item.name}', and one would "
                "overwrite the other; remove one from the set"
            )
    return tuple(items)


def opened(folder: str | Path, name: str = "") -> Folder:
    """Recognise a folder by the name given, the names of sets in its own name, or the files in it.

    Raises:
        UserError: for an unknown name, or a folder in none of the known layouts.
    """
    folder = Path(folder)
    dataset = named(name) if name else _called(folder)
    layout, root = recognised(folder, dataset.layout if dataset else "")
    dataset = dataset or _called(root)
    if dataset is None:
        alike = ", ".join(one.name for one in table().values() if one.layout == layout.name)
        log.warning(
            "%s: the folder has the name of no data set, so voxel sizes are those of its files; name the set "
            "with --name: %s",
            root, alike,
        )  # fmt: skip
    return Folder(root, layout, dataset)


def _called(folder: Path) -> PublishedSet | None:
    """The set whose name stands in that of a folder, such as BBBC024 in 'BBBC024_v1_c75_highSNR'."""
    apart = r"(?<![A-Za-z0-9]){}(?![A-Za-z0-9])"
    inside = [name for name in table() if re.search(apart.format(re.escape(name)), folder.resolve().name)]
    return table()[max(inside, key=len)] if inside else None
