"""Check whether a folder contains a complete data set."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nucleizoo.core.errors import UserError
from nucleizoo.published.folder import opened
from nucleizoo.published.item import SPLITS, Item
from nucleizoo.published.picture import picture


@dataclass(frozen=True)
class Counts:
    """Counts of one split.

    Attributes:
        images: pictures or volumes.
        labels: annotated pictures, volumes or planes, by kind of truth.
        markers: pictures with a dot in each nucleus.
    """

    images: int
    labels: dict[str, int]
    markers: int


@dataclass(frozen=True)
class Report:
    """What a check found.

    Attributes:
        name: of the set; the layout's name for a set that is not in the table.
        root: folder in which the set begins.
        counts: by split.
        looks: the first picture of each split, in words.
        problems: what is missing or wrong, one line each; empty for a good folder.
    """

    name: str
    root: Path
    counts: dict[str, Counts]
    looks: tuple[str, ...]
    problems: tuple[str, ...]


def check(folder: str | Path, name: str = "") -> Report:
    """Count images and labels, list what is missing, and read the first picture of each split.

    Args:
        folder: an unpacked data set.
        name: the expected set; '' recognises it.

    Raises:
        UserError: when it is not a known data set.
    """
    place = opened(folder, name)
    found = {truth: place.listing(truth) for truth in place.layout.truths}
    frames = place.listing(whole=True).items
    problems = [f"missing: {file}" for file in found["gt"].missing]
    problems += [] if frames else ["it contains no image of this set"]
    looks: dict[str, None] = {}
    for first in _firsts([item for listing in found.values() for item in listing.items]):
        try:
            looks[_look(first, place.spacing)] = None
        except UserError as error:
            problems.append(str(error))
    counts = {
        split: Counts(
            sum(item.split == split for item in frames),
            {truth: _labelled(listing.items, split) for truth, listing in found.items()},
            sum(item.split == split and item.markers is not None for item in frames),
        )
        for split in SPLITS
    }
    title = place.dataset.name if place.dataset else place.layout.name
    return Report(title, place.root, counts, tuple(looks), tuple(problems))


def _labelled(items: tuple[Item, ...], split: str) -> int:
    return sum(item.is_labelled and item.split == split for item in items)


def _firsts(items: list[Item]) -> list[Item]:
    """The first of each split, with and without labels."""
    firsts: dict[tuple[str, bool], Item] = {}
    for item in items:
        firsts.setdefault((item.split, item.is_labelled), item)
    return list(firsts.values())


def _look(item: Item, spacing: tuple[float, ...]) -> str:
    seen = picture(item, spacing)
    size = " x ".join(f"{step:g}" for step in seen.spacing)
    size = f"{size} um" if size else "voxel size unknown"
    nuclei = "" if seen.labels is None else f", {_count(seen.labels)} nuclei"
    shape = "x".join(map(str, seen.image.shape))
    return f"{item.name} ({item.split}): {shape} {seen.image.dtype}, {size}{nuclei}"


def _count(labels: NDArray[np.int32]) -> int:
    """How many nuclei there are; plane by plane, for large volumes."""
    return len(set().union(*(np.unique(plane).tolist() for plane in labels)) - {0})
