"""Pair files by the names of their pictures, and refuse names that are ambiguous."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from nucleizoo.core.errors import ImageReadError
from nucleizoo.core.format import plural
from nucleizoo.io.files import find
from nucleizoo.io.mark import is_ours
from nucleizoo.io.names import (
    LABEL,
    by_unique_name,
    first_few,
    is_beside_its_picture,
    is_labels_by_hand,
    name_of,
    named,
    pictures_of,
)

log = logging.getLogger(__name__)

PAIR_BY = ("name", "order")
"""How images and labels may be paired."""


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


@dataclass(frozen=True)
class Pair:
    """A picture, or a prediction of it, and what is annotated of it.

    Attributes:
        name: of the picture.
        picture: its file.
        truth: labels of all of it; None where there are none.
        planes: of a volume of which only planes are annotated: name, number from 0 and labels of each.
        markers: a dot in each nucleus; None where there are none.
    """

    name: str
    picture: Path
    truth: Path | None = None
    planes: tuple[tuple[str, int, Path], ...] = ()
    markers: Path | None = None


def annotated(
    pictures: Mapping[str, Path], truths: Mapping[str, Path], markers: Mapping[str, Path] | None = None
) -> tuple[list[Pair], list[str]]:
    """Pictures with their annotations, by name; `a_z003` is plane 3 of the volume `a`.

    Returns:
        Pairs, first those with labels in the order of these, then those with markers alone; and the names of
        labels without a picture.
    """
    whole, planes, missing = dict[str, Path](), dict[str, list[tuple[str, int, Path]]](), list[str]()
    for name, path in truths.items():
        plane = _PLANE.fullmatch(name)
        if name in pictures:
            whole[name] = path
        elif plane and plane[1] in pictures:
            planes.setdefault(plane[1], []).append((name, int(plane[2]), path))
        else:
            missing.append(name)
    dots = markers or {}
    names = dict.fromkeys([*whole, *planes, *(name for name in pictures if name in dots)])
    return [
        Pair(name, pictures[name], whole.get(name), tuple(planes.get(name, ())), dots.get(name))
        for name in names
    ], missing


_PLANE = re.compile(r"(.+)_z(\d+)")
"""What the labels of one plane of a volume are called."""


def match(first: Mapping[str, Path], second: Mapping[str, Path]) -> Partners:
    """Pair files of the same name, from `named` or `label_files`; there may be no pair."""
    return Partners(
        {name: (first[name], path) for name, path in second.items() if name in first},
        {name: path for name, path in first.items() if name not in second},
        {name: path for name, path in second.items() if name not in first},
    )


def pairs_of(images: str | Path, labels: str | Path, by: str = "name") -> list[tuple[Path, Path]]:
    """The pictures and labels that two paths name, as `pair`; two files that are named are a pair.

    Raises:
        ImageReadError: as `find_pictures`, `find` and `pair`.
    """
    pictures, partners = find_pictures(images), find(labels)
    if (pictures, partners) == ([Path(images)], [Path(labels)]):
        return [(pictures[0], partners[0])]
    return pair(pictures, partners, by)


def pair(images: Sequence[Path], labels: Sequence[Path], by: str = "name") -> list[tuple[Path, Path]]:
    """Pair images and labels by name, `a.png` with `a.tif` or `a_label.tif`; by their order only if asked.

    Where files in several folders share names, the folders must match, too: `t1/a.png` with `t1/a.tif`.

    Args:
        images: at least one file, from `find_pictures`.
        labels: the same, from `find`; images among them, and files without an image of their name, are left
            out.
        by: one of `PAIR_BY`.

    Raises:
        ImageReadError: when an image has no labels, two label files have the same name, or, by order, there
            are not as many labels as images.
    """
    labels = [label for label in labels if label not in images] or labels
    if by == "order":
        if len(images) != len(labels):
            raise ImageReadError(
                f"{labels[0].parent}: has {plural(len(labels), 'label file')} for "
                f"{plural(len(images), 'image')}, and pairing by order needs one each; add what is missing"
            )
        pairs = list(zip(images, labels, strict=True))
        log.info("paired by order: %s", first_few(f"{a.name} with {b.name}" for a, b in pairs))
        return pairs
    pictures, partners = _by_name(images, labels)
    if lonely := [path for name, path in pictures.items() if name not in partners]:
        raise ImageReadError(
            f"{lonely[0]}: has no labels of its name among {plural(len(labels), 'file')} in "
            f"{labels[0].parent} ({first_few(label.name for label in labels)}); call those of a.png a.tif or "
            "a_label.tif, or set the key PAIR_BY to order if both are in the same order"
        )
    if unused := [path.name for name, path in partners.items() if name not in pictures]:
        log.info("%s: no image has the name of %s", labels[0].parent, first_few(unused))
    return [(path, partners[name]) for name, path in pictures.items()]


def _by_name(images: Sequence[Path], labels: Sequence[Path]) -> tuple[dict[str, Path], dict[str, Path]]:
    """Images and labels by their names, or by folder and name where names alone are ambiguous."""
    names = [name_of(image) for image in images]
    others = [name_of(label).removesuffix(LABEL) for label in labels]
    if len({*names}) < len(names):
        names, others = (_with_folders(*both) for both in ((images, names), (labels, others)))
    wanted = (one for one in zip(others, labels, strict=True) if one[0] in names)
    rest = {name: path for name, path in zip(others, labels, strict=True) if name not in names}
    return by_unique_name(zip(names, images, strict=True)), by_unique_name(wanted) | rest


def _with_folders(files: Sequence[Path], names: Sequence[str]) -> list[str]:
    """Names with those parts of the folders that differ: `t1/a` for `data/t1/images/a.png`."""
    folders = [file.parent.parts for file in files]
    levels = [level for level in zip_longest(*folders, fillvalue="") if len({*level}) > 1]
    return ["/".join((*parts, name)) for *parts, name in zip(*levels, names, strict=True)]


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
    names = {name_of(path).removesuffix(LABEL) for path in files}
    marked = [path for path in files if name_of(path).endswith(LABEL)]
    plain = [path for path in files if path not in marked and not is_beside_its_picture(path, names)]
    labels = named(marked or plain, LABEL)
    others = [path for path in plain if name_of(path) not in labels]
    if whole and others:
        raise ImageReadError(
            f"{folder} holds labels called <name>_label, such as {marked[0].name}, beside {others[0].name}, "
            "which is not; name all labels of a folder the same way, and keep other files elsewhere"
        )
    return labels


def find_pictures(*paths: str | Path) -> list[Path]:
    """The pictures that paths name, each once; labels and results beside them are left out, and logged.

    These are called as in `names.pictures_of`, or as people call labels: `a_mask.png`, `a_seg.npy`. In a
    folder or pattern, labels, maps and overlays that nucleizoo wrote are left out, too, where their picture
    is not there.

    Raises:
        ImageReadError: as `find`, and when there are only results.
    """
    found = {_place(file): file for one in paths for file in find(one)}
    given = {_place(Path(one)) for one in paths}
    names = {name_of(file) for file in found.values()}
    results = [
        file
        for place, file in found.items()
        if is_beside_its_picture(file, names)
        or is_labels_by_hand(file, names)
        or (place not in given and _is_alone(file))
    ]
    pictures = [file for file in found.values() if file not in results]
    if not pictures:
        raise ImageReadError(
            f"{paths[0]}: holds only results of nucleizoo, such as {results[0].name}; give the images that "
            "they were made of, or name files one by one"
        )
    if results:
        log.info(
            "%s: left out as %s of other files: %s",
            results[0].parent, "labels or results", first_few(file.name for file in results),
        )  # fmt: skip
    return pictures


def _is_alone(file: Path) -> bool:
    """Whether a file is a result, but not a picture, as its name and its mark say."""
    return bool([*pictures_of(name_of(file))]) and not name_of(file).endswith(_SEEN) and is_ours(file)


_SEEN = ("_source", "_image")
"""Endings of results that are pictures."""


def _place(path: Path) -> tuple[str, str]:
    """Where a file is: the same for all paths that lead there, but not for links to it of other names."""
    return os.path.realpath(path.parent), path.name


def find_distinct(inputs: Iterable[str | Path]) -> list[Path]:
    """The pictures that several paths name, as `find_pictures`; names of results must be distinct.

    Raises:
        ImageReadError: as `find_pictures`, and when results of two files would have the same name.
    """
    return list(named(find_pictures(*inputs)).values())
