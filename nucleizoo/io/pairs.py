"""Pair files by the names of their pictures, and refuse names that are ambiguous."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from nucleizoo.core.errors import ImageReadError
from nucleizoo.io.files import find

LABEL = "_label"
"""What the names of label files may end in: `a_label.tif` are labels of the picture `a`."""

_OME = ".ome"
"""What precedes the suffix of OME-TIFF and OME-Zarr: no part of a picture's name."""


@dataclass(frozen=True)
class Partners:
    """Files of two kinds, such as pictures and labels, by name.

    Attributes:
        both: one of each kind, in the order of the second.
        first: those of the first kind without a partner.
        second: those of the second kind without a partner.
    """

    both: dict[str, tuple[Path, Path]]
    first: dict[str, Path]
    second: dict[str, Path]


def match(first: Mapping[str, Path], second: Mapping[str, Path]) -> Partners:
    """Pair files of the same name, from `named` or `label_files`; there may be no pair."""
    return Partners(
        {name: (first[name], path) for name, path in second.items() if name in first},
        {name: path for name, path in first.items() if name not in second},
        {name: path for name, path in second.items() if name not in first},
    )


def pair(images: Sequence[Path], labels: Sequence[Path]) -> list[tuple[Path, Path]]:
    """Pair images and labels by name, `a.png` with `a.tif` or `a_label.tif`; without common names, by order.

    Args:
        images: at least one file, from `find`.
        labels: the same; files without an image of their name are left out.

    Raises:
        ImageReadError: when an image has no labels, or two label files have the same name.
    """
    names = [name_of(image) for image in images]
    others = [name_of(label).removesuffix(LABEL) for label in labels]
    if names == others or (len(names) == len(others) and not {*names} & {*others}):
        return list(zip(images, labels, strict=True))
    if lonely := [image for image, name in zip(images, names, strict=True) if name not in others]:
        raise ImageReadError(
            f"{lonely[0]}: has no labels of the same name among {len(labels)} files in {labels[0].parent}, "
            f"and they cannot be paired by order ({len(images)} images); give every image one label file"
        )
    wanted = named([label for label, name in zip(labels, others, strict=True) if name in names], LABEL)
    return [(image, wanted[name]) for image, name in zip(images, names, strict=True)]


def label_files(folder: str | Path, *, whole: bool = False) -> dict[str, Path]:
    """The label files of a folder by the names of their pictures.

    If some files are called <name>_label, other files (pictures, overlays) are ignored.

    Args:
        folder: where they are.
        whole: refuse a folder in which this ignores a file that may be labels of another picture.

    Raises:
        ImageReadError: when there is no file, two have the same name, or one is ignored.
    """
    files = find(folder)
    marked = [path for path in files if name_of(path).endswith(LABEL)]
    labels = named(marked or files, LABEL)
    others = [path for path in files if name_of(path).removesuffix(LABEL) not in labels]
    if whole and others:
        raise ImageReadError(
            f"{folder} holds labels called <name>_label, such as {marked[0].name}, beside {others[0].name}, "
            "which is not; name all labels of a folder the same way, and keep other files elsewhere"
        )
    return labels


def named(files: Iterable[Path], ending: str = "") -> dict[str, Path]:
    """Files by their names, see `name_of`, without an `ending`.

    Raises:
        ImageReadError: when two have the same name.
    """
    return by_unique_name((name_of(path).removesuffix(ending), path) for path in files)


def find_distinct(inputs: Iterable[str | Path]) -> list[Path]:
    """The files that several paths name, as `find`; names of results must be distinct.

    Raises:
        ImageReadError: as `find`, and when results of two files would have the same name.
    """
    return list(by_unique_name((name_of(path), path) for one in inputs for path in find(one)).values())


def name_of(path: Path) -> str:
    """The name of a picture, by which it is paired and its results are called: the file's, or Zarr folder's,
    without the suffix of the format, be it .h5, .ome.tif or .ome.zarr.

    Example:
        >>> name_of(Path("t2/brain.ome.tif"))
        'brain'
    """
    is_plain_folder = path.is_dir() and path.suffix.lower() != ".zarr"
    name = path.name if is_plain_folder else path.stem
    return name[: -len(_OME)] if name.lower().endswith(_OME) else name


def first_few(names: Iterable[str]) -> str:
    """The first of many names, for messages."""
    listed = list(names)
    return (", ".join(listed[:3]) or "none") + ", ..." * (len(listed) > 3)


def by_unique_name(files: Iterable[tuple[str, Path]]) -> dict[str, Path]:
    """(name, file) as a dict.

    Raises:
        ImageReadError: when two files have one name.
    """
    told: dict[str, Path] = {}
    for name, path in files:
        if name in told:
            raise ImageReadError(
                f"{told[name]} and {path} have the same name, '{name}', after which labels and results are "
                "named; leave one out, or rename it"
            )
        told[name] = path
    return told
