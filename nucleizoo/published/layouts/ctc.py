"""Cell Tracking Challenge: `01/t000.tif`, `01_GT/SEG/man_seg000.tif`, `01_GT/TRA/man_track000.tif`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from nucleizoo.core.errors import UserError
from nucleizoo.published.item import SPLITS, Item, Listing, Place

SIGN = "[0-9][0-9]/t[0-9]*.tif"

_FRAME = re.compile(r"t(\d+)\.tif")
_WHOLE = re.compile(r"man_seg(\d+)\.tif")
_PLANE = re.compile(r"man_seg_(\d+)_(\d+)\.tif")
_DOTS = re.compile(r"man_track(\d+)\.tif")


def listing(root: Path, truth: str, whole: bool) -> Listing:
    """All frames of all sequences; sequence 01 is for training, the others for testing.

    Gold truth of volumes often covers only single planes: then a plane is an item of its own, unless
    whole frames are asked for or the whole frame is annotated.

    Args:
        root: folder of the sequences.
        truth: 'gt', gold truth, or 'st', silver truth.
        whole: list whole frames; their annotated planes are not items, but belong to them.
    """
    sequences = _sequences(root)
    items, missing = list[Item](), [*_absent(root, sequences)]
    for sequence in sequences:
        name, split = sequence.name, SPLITS[sequence.name != "01"]
        frames = _numbered(sequence, _FRAME)
        truths = root / f"{name}_{truth.upper()}" / "SEG"
        labels = _numbered(truths, _WHOLE)
        planes = {at: file for at, file in _numbered(truths, _PLANE).items() if at[:1] not in labels}
        dots = _numbered(root / f"{name}_GT" / "TRA", _DOTS)
        told = [number for number, *_ in (*labels, *planes, *dots)]
        missing += _gaps(name, frames)
        missing += [f"{name}/t{number}.tif" for number in told if (number,) not in frames]
        missing += _unmarked(name, frames, dots)
        if not labels and not planes:
            missing.append(f"{name}_{truth.upper()}/SEG/man_seg*.tif")
        for (frame,), path in frames.items():
            marks = Place(dots[frame,]) if (frame,) in dots else None
            where = Place(labels[frame,]) if (frame,) in labels else None
            flat = tuple((z, Place(label)) for (at, z), label in planes.items() if whole and at == frame)
            if whole or where or not planes:
                items.append(Item(f"{name}_t{frame}", split, Place(path), where, markers=marks, planes=flat))
        for (frame, z), label in ({} if whole else planes).items():
            if (frame,) in frames:
                items.append(
                    _plane(f"{name}_t{frame}_z{z}", split, frames[frame,], label, dots.get((frame,)), int(z))
                )
    return Listing(tuple(items), tuple(dict.fromkeys(missing)))


def unlabelled(root: Path, truth: str, whole: bool) -> Listing:
    """All frames of the challenge's own test data, without any truth, all to train on.

    Raises:
        UserError: for a folder with truth, which is of the training data: its archive has the same name.
    """
    if truths := sorted(folder.name for folder in root.glob("[0-9][0-9]_[GS]T")):
        raise UserError(
            f"{root}: has truth ({', '.join(truths)}), which the challenge's test data have not; it is of "
            "the training data, so call the folder, or --name, as these are called, without '-test'"
        )
    sequences = _sequences(root)
    items, missing = list[Item](), [*_absent(root, sequences)]
    for sequence in sequences:
        frames = _numbered(sequence, _FRAME)
        missing += _gaps(sequence.name, frames)
        items += [
            Item(f"test_{sequence.name}_t{frame}", "train", Place(path)) for (frame,), path in frames.items()
        ]
    return Listing(tuple(items), tuple(missing))


def _sequences(root: Path) -> list[Path]:
    """Folders of frames."""
    return sorted({file.parent for file in root.glob(SIGN)})


def _absent(root: Path, sequences: list[Path]) -> Iterator[str]:
    """Frames of sequences that are not there: every set has two, and truth belongs to one."""
    told = {folder.name[:2] for folder in root.glob("[0-9][0-9]_[GS]T")} | {"01", "02"}
    return (f"{name}/t*.tif" for name in sorted(told - {folder.name for folder in sequences}))


def _plane(name: str, split: str, image: Path, label: Path, dots: Path | None, z: int) -> Item:
    marks = Place(dots, plane=z) if dots else None
    return Item(name, split, Place(image, plane=z), Place(label), markers=marks)


def _numbered(folder: Path, pattern: re.Pattern[str]) -> dict[tuple[str, ...], Path]:
    """Files of a folder by the numbers in their names, in order; none if the folder is missing."""
    files = sorted(folder.iterdir()) if folder.is_dir() else []
    return {match.groups(): file for file in files if (match := pattern.fullmatch(file.name))}


def _unmarked(
    sequence: str, frames: dict[tuple[str, ...], Path], dots: dict[tuple[str, ...], Path]
) -> Iterator[str]:
    """Missing marker files: every frame should have one."""
    numbers = [number for (number,) in frames if (number,) not in dots] if dots else ["*"]
    return (f"{sequence}_GT/TRA/man_track{number}.tif" for number in numbers)


def _gaps(sequence: str, frames: dict[tuple[str, ...], Path]) -> Iterator[str]:
    """Frames missing between the first and the last."""
    digits = len(next(iter(frames))[0])
    last = max(int(frame) for (frame,) in frames)
    first = min(int(frame) for (frame,) in frames)
    numbers = (f"{number:0{digits}d}" for number in range(first, last))
    return (f"{sequence}/t{number}.tif" for number in numbers if (number,) not in frames)
