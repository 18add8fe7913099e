"""Warnings about suspicious labels: a mask instead of labels, planes numbered separately."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Labels = NDArray[np.int32]


def about_truth(pictures: Sequence[Labels]) -> str:
    """Why the pictures of a file may not be labels; '' if nothing is suspicious.

    A mask has one label (*S) for all nuclei, in several pieces that do not touch.
    """
    top = max(int(labels.max(initial=0)) for labels in pictures)
    if not top or not all(((labels == 0) | (labels == top)).all() for labels in pictures):
        return ""
    pieces = max(ndimage.label(labels, np.ones((3,) * labels.ndim))[1] for labels in pictures)
    if pieces < 2:
        return ""
    return (
        f"its only label, {top}, is in {pieces} pieces that do not touch and counts as one nucleus; if this "
        "is a mask, give every nucleus a number of its own, as skimage.measure.label does"
    )


def about_stack(labels: Labels) -> str:
    """Why labels (..., Y, X) may not be a volume; '' if nothing is suspicious, and for a single plane.

    Two planes or more have the labels 1 to n, none left out, and some label is in pieces that do not touch.
    """
    planes = labels.reshape(-1, *labels.shape[-2:])
    filled = sum(bool(plane.any()) for plane in planes)
    if filled < 2 or not all(_is_numbered_from_1(plane) for plane in planes) or not _is_torn(labels):
        return ""
    return (
        "its planes are each numbered from 1, and one number in several planes counts as one nucleus; if "
        "planes are separate pictures, score them with --planes"
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
