"""NucExM: two volumes with labels, `V1_im.h5` and `V1_seg.h5` or in folders, as files or as planes.

What the archive holds is told nowhere, so a file is a picture or labels only where names say so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import groupby
from os.path import commonpath
from pathlib import Path

from nucleizoo import io
from nucleizoo.core.errors import ImageReadError, UserError
from nucleizoo.published.item import Item, Listing, Place
from nucleizoo.published.layouts.words import IMAGE, LABEL

SIGN = "**/*.[htp][5din]*"

_HDF5 = (".h5", ".hdf5")
_SUFFIXES = (*_HDF5, ".tif", ".tiff", ".png")
_SPLITS = {"1": "train", "2": "test"}


def listing(root: Path, truth: str, whole: bool) -> Listing:
    """The volumes `V1`, to train on as the paper does, and `V2`, with their labels.

    A word such as 'seg' or 'label' in the name of a file, or else of the innermost folder with such a word,
    tells labels; 'im' or 'image' tells pictures. A file with neither is a picture if there are labels of
    its name, or if it is HDF5 with the datasets 'image' and 'label'. Files of one folder whose names differ
    in their last number alone are planes of one volume, if each is one plane.

    Raises:
        UserError: asks what a file is, or which volume is V1, where names do not say.
        ImageReadError: when two volumes, or two files of labels, would have one name, and for a volume that
            is damaged.
    """
    found = [*_stacks(root)]
    labels = io.by_unique_name((one.name, one.path) for one in found if one.kind == "label")
    images = io.by_unique_name((one.name, one.path) for one in found if one.kind != "label")
    places = {one.path: one.place for one in found}
    inside = {one.name: _inside(one) for one in found if one.kind != "label" and one.name not in labels}
    if unclear := [one for one in found if not one.kind and one.name not in labels and not inside[one.name]]:
        raise UserError(_question(sorted(one.path.name for one in unclear), root))
    items = list[Item]()
    for name, path in images.items():
        place = places[labels[name]] if name in labels else inside[name]
        volume, split = _volume(name, path)
        items.append(Item(volume, split, places[path], place))
    missing = [f"an image for {path.name}" for name, path in labels.items() if name not in images]
    missing += [f"labels of {item.image.path.name}" for item in items if not item.is_labelled]
    missing += [f"planes of {one.path}: {gap}" for one in found if (gap := _gap(one.files))]
    return Listing(tuple(sorted(items, key=lambda item: item.name)), tuple(missing))


@dataclass(frozen=True)
class _Stack:
    """One array: a file, or a series of planes.

    Attributes:
        path: the file, or the first plane.
        name: without the words that tell pictures from labels: alike for both.
        kind: 'image', 'label' or '' if nothing tells.
        files: of its planes, in order; () for one file.
    """

    path: Path
    name: str
    kind: str
    files: tuple[Path, ...] = field(default=())

    @property
    def place(self) -> Place:
        return Place(self.path, files=self.files)


def _stacks(root: Path) -> Iterator[_Stack]:
    files = sorted(
        file
        for file in root.rglob("*")
        if file.suffix.lower() in _SUFFIXES
        and not any(part[0] in "._" for part in file.relative_to(root).parts)
    )
    if not files:
        return
    base = Path(commonpath([file.parent for file in files]))
    for _, group in groupby(sorted(files, key=_series), _series):
        alike = sorted(group, key=_number)
        if len(alike) > 1 and _is_plane(alike[0]):
            text = _series(alike[0])[1].removesuffix("#")
            yield _stack(alike[0], (*alike[0].parent.relative_to(base).parts, text), base, tuple(alike))
        else:
            for file in alike:
                yield _stack(file, (*file.parent.relative_to(base).parts, file.stem), base)


def _stack(path: Path, parts: tuple[str, ...], base: Path, files: tuple[Path, ...] = ()) -> _Stack:
    telling = next((part for part in reversed(parts) if LABEL.search(part) or IMAGE.search(part)), "")
    kind = "label" if LABEL.search(telling) else "image" if telling else ""
    return _Stack(path, _plain("_".join(parts)) or _plain(base.name), kind, files)


def _plain(text: str) -> str:
    """A name without the words that tell pictures from labels."""
    return re.sub(r"[-_. ]+", "_", IMAGE.sub("", LABEL.sub("", text))).strip("_")


def _series(file: Path) -> tuple[Path, str]:
    """What planes of one volume have in common: the folder, and the name but for its last number."""
    return file.parent, re.sub(r"\d+(?=\D*$)", "#", file.stem)


def _number(file: Path) -> int:
    numbers = re.findall(r"\d+", file.stem)
    return int(numbers[-1]) if numbers else 0


def _is_plane(file: Path) -> bool:
    if file.suffix.lower() in _HDF5:
        return False
    if file.suffix.lower() == ".png":
        return True
    with closing(io.open_lazily(file)) as volume:
        return volume.space == "YX"


def _gap(planes: Sequence[Path]) -> str:
    """The first number that is missing between planes; '' if none is."""
    numbers = [_number(file) for file in planes]
    lost = sorted({*range(numbers[0], numbers[-1])} - {*numbers}) if numbers else []
    return f"number {lost[0]} is missing" if lost else ""


def _volume(name: str, path: Path) -> tuple[str, str]:
    """Which of the paper's volumes it is, and its split."""
    last = re.search(r"(?<!\d)0*([12])$", name)
    if not last:
        raise UserError(
            f"{path}: is this V1, on which the paper trains, or V2? Its name ends in neither 1 nor 2; rename "
            "the picture and its labels, such as V1_im and V1_seg"
        )
    return f"V{last[1]}", _SPLITS[last[1]]


def _question(names: Sequence[str], root: Path) -> str:
    return (
        f"{root}: which of these are pictures, and which are labels? Their names do not say: "
        f"{io.first_few(names)}; call a picture V1_im, its labels V1_seg, and the others V2_im and V2_seg"
    )


def _inside(one: _Stack) -> Place | None:
    """The labels in the file of a picture."""
    if one.path.suffix.lower() not in _HDF5:
        return None
    import h5py

    try:
        with h5py.File(one.path, "r") as file:
            return Place(one.path, "label") if {"image", "label"} <= set(file) else None
    except OSError as error:
        raise ImageReadError(
            f"{one.path}: cannot be read as HDF5 ({one.path.stat().st_size} bytes): {error}; it may be "
            "damaged or truncated: unpack the set again"
        ) from error
