"""Names of pictures, and of the results and labels that are called after them."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from nucleizoo.core.errors import ImageReadError

LABEL = "_label"
"""What the names of label files may end in: `a_label.tif` are labels of the picture `a`."""

_OME = ".ome"
"""What precedes the suffix of OME-TIFF and OME-Zarr: no part of a picture's name."""

_RESULT = re.compile(r"(.+)_(label|maps|source|image|overlay|errors)")
_BY_HAND = re.compile(r"(.+?)_(labels?|masks?|cp_masks|seg)")
"""What people and other programs, such as Cellpose, call the labels of a picture."""
_PICTURES = ("", "_image", "_img")
"""What may follow the name of a picture whose labels are called so."""
_OF_A_PLANE = re.compile(r"(.+?)(_\d{4,}|\[\d+\])")
"""What precedes `_overlay` and `_errors` of one plane of a stack: `a_0003`, `a[3]`."""


def name_of(path: Path) -> str:
    """The name of a picture, by which it is paired and its results are called: the file's, or Zarr folder's,
    without the suffix of the format, be it .h5, .ome.tif or .ome.zarr. Accents are composed (NFC): macOS
    stores them apart, and names that look the same are the same.

    Example:
        >>> name_of(Path("t2/brain.ome.tif"))
        'brain'
    """
    is_plain_folder = path.is_dir() and path.suffix.lower() != ".zarr"
    name = path.name if is_plain_folder else path.stem
    name = unicodedata.normalize("NFC", name)
    return name[: -len(_OME)] if name.lower().endswith(_OME) else name


def pictures_of(result: str) -> Iterator[str]:
    """The names that the picture of a result may have; none where a name is not like a result's.

    Example:
        >>> list(pictures_of("a_0003_overlay")), list(pictures_of("a"))
        (['a_0003', 'a'], [])
    """
    if made := _RESULT.fullmatch(result):
        yield made[1]
        if made[2] in ("overlay", "errors") and (plane := _OF_A_PLANE.fullmatch(made[1])):
            yield plane[1]


def is_beside_its_picture(path: Path, names: Collection[str]) -> bool:
    """Whether a file is called like a result or the labels of one of the pictures with these names."""
    return any(name in names for name in pictures_of(name_of(path)))


def is_labels_by_hand(path: Path, names: Collection[str]) -> bool:
    """Whether a file is called as people call the labels of one of the pictures with these names.

    Example:
        >>> [is_labels_by_hand(Path(f"a_{end}"), ["a"]) for end in ("mask.png", "seg.npy", "dapi.png")]
        [True, True, False]
    """
    made = _BY_HAND.fullmatch(name_of(path))
    return made is not None and any(f"{made[1]}{end}" in names for end in _PICTURES)


def named(files: Iterable[Path], ending: str = "") -> dict[str, Path]:
    """Files by their names, see `name_of`, without an `ending`.

    Raises:
        ImageReadError: when two have the same name.
    """
    return by_unique_name((name_of(path).removesuffix(ending), path) for path in files)


def by_unique_name(files: Iterable[tuple[str, Path]]) -> dict[str, Path]:
    """(name, file) as a dict; a file that is there twice, by whatever path, is one file.

    Raises:
        ImageReadError: when two files have one name.
    """
    told: dict[str, Path] = {}
    for name, path in files:
        if name in told and os.path.realpath(told[name]) != os.path.realpath(path):
            raise ImageReadError(
                f"{told[name]} and {path} have the same name, '{name}', after which labels and results are "
                "named; leave one out, or rename it"
            )
        told.setdefault(name, path)
    return told


def first_few(names: Iterable[str]) -> str:
    """The first of many names, for messages."""
    listed = list(names)
    return (", ".join(listed[:3]) or "none") + ", ..." * (len(listed) > 3)
