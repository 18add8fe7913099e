"""Files by the names of their pictures: which belong together, and which cannot be told apart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from nucleizoo.core.errors import ImageReadError
from nucleizoo.io.files import find

LABEL = "_label"
"""What the names of label files may end in: `a_label.tif` are labels of the picture `a`."""


@dataclass(frozen=True)
class Partners:
    """Files of two kinds, as pictures and labels, by name.

    Attributes:
        both: one of each kind, in the order of the second.
        first: those of the first kind that have no partner.
        second: those of the second.
    """

    both: dict[str, tuple[Path, Path]]
    first: dict[str, Path]
    second: dict[str, Path]


def match(first: Mapping[str, Path], second: Mapping[str, Path]) -> Partners:
    """Bring together what has one name, from `named` or `label_files`; there may be no such thing."""
    return Partners(
        {name: (first[name], path) for name, path in second.items() if name in first},
        {name: path for name, path in first.items() if name not in second},
        {name: path for name, path in second.items() if name not in first},
    )


def pair(images: Sequence[Path], labels: Sequence[Path]) -> list[tuple[Path, Path]]:
    """Partners by name, `a.png` with `a.tif` or `a_label.tif`; where no name is shared, by order.

    Args:
        images: at least one file, from `find`.
        labels: the same; files that no image is called like are left out.

    Raises:
        ImageReadError: when some have no partner, or labels of one name leave it open.
    """
    names, others = [image.stem for image in images], [label.stem.removesuffix(LABEL) for label in labels]
    if names == others or (len(names) == len(others) and not {*names} & {*others}):
        return list(zip(images, labels, strict=True))
    if lonely := [image for image, name in zip(images, names, strict=True) if name not in others]:
        raise ImageReadError(
            f"{lonely[0]}: has no labels of the same name among {len(labels)} files in {labels[0].parent}, "
            f"and the order does not tell ({len(images)} images); give every image one file of labels"
        )
    wanted = named([label for label, name in zip(labels, others, strict=True) if name in names], LABEL)
    return [(image, wanted[name]) for image, name in zip(images, names, strict=True)]


def label_files(folder: str | Path, *, whole: bool = False) -> dict[str, Path]:
    """The label files of a folder by the names of their pictures.

    Beside files called <name>_label, other files (pictures, overlays) are not looked at.

    Args:
        folder: where they are.
        whole: refuse a folder in which that leaves out a file that may be labels of another picture.

    Raises:
        ImageReadError: when there is no file, two have one name, or one is left out.
    """
    files = find(folder)
    marked = [path for path in files if path.stem.endswith(LABEL)]
    labels = named(marked or files, LABEL)
    others = [path for path in files if path.stem.removesuffix(LABEL) not in labels]
    if whole and others:
        raise ImageReadError(
            f"{folder} holds labels called <name>_label, such as {marked[0].name}, beside {others[0].name}, "
            "which is not; call all labels of a folder alike, and keep other files elsewhere"
        )
    return labels


def named(files: Iterable[Path], ending: str = "") -> dict[str, Path]:
    """Files by their names without the suffix and an `ending`.

    Raises:
        ImageReadError: when two have one name.
    """
    return _told_apart((path.stem.removesuffix(ending), path) for path in files)


def find_distinct(inputs: Iterable[str | Path]) -> list[Path]:
    """The files that several paths name, as `find`, each with a name of its own for what is made of it.

    Raises:
        ImageReadError: as `find`, and when what is made of two would have one name.
    """
    return list(_told_apart((name_of(path), path) for one in inputs for path in find(one)).values())


def name_of(path: Path) -> str:
    """What all results of a file or Zarr folder are called by: its name without what says the format.

    Example:
        >>> name_of(Path("t2/brain.h5"))
        'brain'
    """
    return path.name.removesuffix(".zarr").removesuffix(".ome") if path.is_dir() else path.stem


def first_few(names: Iterable[str]) -> str:
    """The first of many names, for messages."""
    listed = list(names)
    return (", ".join(listed[:3]) or "none") + ", ..." * (len(listed) > 3)


def _told_apart(files: Iterable[tuple[str, Path]]) -> dict[str, Path]:
    told: dict[str, Path] = {}
    for name, path in files:
        if name in told:
            raise ImageReadError(
                f"{told[name]} and {path} have one name, '{name}', by which labels and results are called; "
                "leave one out, or give it another name"
            )
        told[name] = path
    return told
