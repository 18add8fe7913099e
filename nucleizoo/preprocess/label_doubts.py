"""Doubts about labels: masks, class maps or pictures in their place, none at all, planes numbered separately.

Labels that raise a doubt are used as they are; a warning names their file.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from nucleizoo.ops.labels.components import parts

Labels = NDArray[np.int32]

PLANES = 16
"""Most planes in which pieces of labels are counted, evenly spread over a file."""

_CLASSES = 8
"""Up to this many numbers are taken for classes, more for intensities."""


def about(pictures: Sequence[Labels], remedy: str) -> str:
    """Why the pictures of a file, each (*S), may not be labels; '' if nothing is suspicious.

    Args:
        pictures: of one file, or some of its planes.
        remedy: what to do with a mask, one label for all nuclei, in several pieces that do not touch.
    """
    top = max(int(labels.max(initial=0)) for labels in pictures)
    if not top:
        return "holds no label, only 0; if there are nuclei in it, save the labels again"
    if all((labels == top).all() for labels in pictures):
        return f"has the label {top} everywhere; labels need a background of 0"
    if all(((labels == 0) | (labels == top)).all() for labels in pictures):
        return _about_mask(pictures, top, remedy)
    return _about_pieces(sampled(pictures)) or _about_background(sampled(pictures))


def _about_mask(pictures: Sequence[Labels], top: int, remedy: str) -> str:
    pieces = max(ndimage.label(labels, np.ones((3,) * labels.ndim))[1] for labels in pictures)
    if pieces < 2:
        return _about_background(sampled(pictures))
    return (
        f"its only label, {top}, is in {pieces} pieces that do not touch and counts as one nucleus; if this "
        f"is a mask, {remedy}"
    )


def sampled(pictures: Sequence[Labels]) -> list[Labels]:
    """Some of the planes (Y, X) of pictures (*S)."""
    planes = [plane for labels in pictures for plane in labels.reshape(-1, *labels.shape[-2:])]
    return planes[:: -(-len(planes) // PLANES)]


def _about_pieces(planes: Sequence[Labels]) -> str:
    """Whether labels are in pieces, as the values of a picture or of a class map are."""
    numbers, torn, total, pieces, voxels, size = set[int](), 0, 0, 0, 0, 0
    for plane in planes:
        where = plane > 0
        split = parts(plane)
        owner = np.zeros(split.max(initial=0) + 1, np.int64)
        owner[split[where]] = plane[where]
        names, counts = np.unique(owner[1:], return_counts=True)
        numbers |= {*names[: _CLASSES + 1].tolist()}
        torn, total, pieces = torn + int((counts > 1).sum()), total + names.size, pieces + owner.size - 1
        voxels, size = voxels + int(where.sum()), size + plane.size
    is_fine = pieces > 0 and voxels < 4 * pieces and 2 * voxels > size
    if total < 2 or not (2 * torn > total or pieces >= 3 * total or is_fine):
        return ""
    if len(numbers) <= _CLASSES:
        return (
            f"its {len(numbers)} numbers are in many pieces that do not touch, as classes of pixels are; "
            "labels must be one number per nucleus"
        )
    return (
        "its numbers are in many pieces that do not touch, as the intensities of a picture are, or "
        "labels after compression with loss; labels must be one number per nucleus"
    )


def _about_background(planes: Sequence[Labels]) -> str:
    """Whether one label surrounds everything, as a background that is not 0 does."""
    border = np.concatenate([
        np.concatenate([plane[0], plane[-1], plane[:, 0], plane[:, -1]]) for plane in planes
    ])  # fmt: skip
    most = int(np.bincount(np.unique(border, return_inverse=True)[1]).argmax())
    label = int(np.unique(border)[most])
    shares = [float(np.mean(border == label)), float(np.mean([np.mean(plane == label) for plane in planes]))]
    if not label or shares[0] < 0.9 or shares[1] < 0.5:
        return ""
    return f"its label {label} is nearly all around and covers {shares[1]:.0%}; the background must be 0"


def about_stack(labels: Labels, remedy: str) -> str:
    """Why labels (..., Y, X) may not be a volume; '' if nothing is suspicious, and for a single plane.

    Two planes or more have the labels 1 to n, none left out, and some label is in pieces that do not touch.

    Args:
        labels: of a volume.
        remedy: what to do with planes that are numbered separately.
    """
    planes = labels.reshape(-1, *labels.shape[-2:])
    filled = sum(bool(plane.any()) for plane in planes)
    if filled < 2 or not all(_is_numbered_from_1(plane) for plane in planes) or not _is_torn(labels):
        return ""
    return (
        "its planes are each numbered from 1, and one number in several planes counts as one nucleus; if "
        f"planes are separate pictures, {remedy}"
    )


def _is_numbered_from_1(plane: Labels) -> bool:
    names = np.unique(plane[plane > 0])
    return names.size == int(names.max(initial=0))


def _is_torn(labels: Labels) -> bool:
    """Whether some label is in several pieces."""
    touching = np.ones((3,) * labels.ndim)
    return any(
        ndimage.label(labels[where] == index, touching)[1] > 1
        for index, where in enumerate(ndimage.find_objects(labels), 1)
        if where is not None
    )
