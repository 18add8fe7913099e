"""The table of data sets, with the details of each."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from nucleizoo.core import text
from nucleizoo.core.errors import UserError

TABLE = Path(__file__).with_name("table.yaml")

_HASH = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True)
class Archive:
    """One file to download.

    Attributes:
        url: http or https; the last part of its path is the file's name.
        sha256: 64 hexadecimal digits in lower case; None when it is not published.
        size: in bytes, about; None when unknown.
    """

    url: str
    sha256: str | None
    size: int | None

    def __post_init__(self) -> None:
        if not re.fullmatch(r"https?://[^\s/]+/\S*[^\s/]", self.url):
            raise ValueError(f"not the http address of a file: {self.url}")
        if self.sha256 is not None and not _HASH.fullmatch(self.sha256):
            raise ValueError(f"not a SHA-256: {self.sha256}")

    @property
    def name(self) -> str:
        """The file's name."""
        return self.url.rpartition("/")[2]


@dataclass(frozen=True)
class PublishedSet:
    """A data set as the table has it.

    Attributes:
        name: as in the field; also the name of its folder.
        about: what it shows, in one line.
        origin: who made it, or where it is collected.
        page: address to read about it, or to download it by hand.
        citation: to be cited.
        licence: conditions of use.
        layout: a key of `LAYOUTS`.
        files: () when no program can download it.
        spacing: voxel size in micrometres, (z, y, x) or (y, x); () when unknown.
        border: pixels within which SEG and DET ignore nuclei; None when unknown or not used.
        resampling: what the papers do to it.
        source: where the table's facts were read.
        only: pattern of the item names that belong to it, among those that the layout finds.
        note: what else to know.
    """

    name: str
    about: str
    origin: str
    page: str
    citation: str
    licence: str
    layout: str
    files: tuple[Archive, ...]
    spacing: tuple[float, ...]
    border: int | None
    resampling: str
    source: str
    only: str = "*"
    note: str = ""

    @property
    def size(self) -> str:
        """The size of all files, as text."""
        sizes = [file.size for file in self.files]
        known = sum(size for size in sizes if size is not None)
        return f"{known / 1e6:,.0f} MB" if sizes and None not in sizes else "not known"


@cache
def table() -> dict[str, PublishedSet]:
    """All data sets by name.

    Raises:
        ValueError: when the table is wrong, which a test prevents.
    """
    return {name: _dataset(name, entry) for name, entry in text.read(TABLE).items()}


def named(name: str) -> PublishedSet:
    """A data set of the table.

    Raises:
        UserError: for an unknown name; gives the nearest one.
    """
    datasets = {key.lower(): dataset for key, dataset in table().items()}
    if found := datasets.get(name.lower()):
        return found
    near = [datasets[key].name for key in difflib.get_close_matches(name.lower(), datasets, n=1)]
    hint = f"did you mean {near[0]}? " if near else ""
    raise UserError(f"no data set is called '{name}'; {hint}known data sets: {', '.join(table())}")


def _dataset(name: str, entry: dict[str, Any]) -> PublishedSet:
    try:
        files = tuple(Archive(**file) for file in entry.pop("files"))
        spacing = tuple(float(size) for size in entry.pop("spacing") or ())
        return PublishedSet(name=name, files=files, spacing=spacing, **entry)
    except (TypeError, KeyError, ValueError) as error:
        raise ValueError(f"{TABLE}: {name}: {error}") from error
