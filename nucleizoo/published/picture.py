"""Read an item in the form in which it is written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nucleizoo.core.errors import UserError
from nucleizoo.io import Volume
from nucleizoo.preprocess import as_labels, check_same_shape
from nucleizoo.published.item import Item


@dataclass(frozen=True, eq=False)
class Picture:
    """What an item holds.

    Attributes:
        image: uint8, uint16 or float32, depending on the type in its file, one axis per letter of `axes`.
        axes: 'YX' or 'ZYX', with C before Y in colour pictures; grey ones that are stored as colour
            are grey.
        spacing: micrometres along those axes of ZYX that exist; () when unknown.
        labels: int32, without channels; None when not annotated.
        markers: as labels.
    """

    image: NDArray[Any]
    axes: str
    spacing: tuple[float, ...]
    labels: NDArray[np.int32] | None
    markers: NDArray[np.int32] | None


def picture(item: Item, spacing: tuple[float, ...] = ()) -> Picture:
    """Read an item.

    Args:
        item: to be read.
        spacing: voxel size of its set; the item's own has precedence over it, and it over the file's.

    Raises:
        UserError: when a file cannot be read, image, labels and markers have different shapes, or the image
            is its labels.
    """
    labels = item.read_labels() if item.is_labelled else None
    volume = item.image.read()
    image, axes = _plain(volume, is_flat=labels is not None and labels.ndim == 2)
    space = axes.replace("C", "")
    size = item.spacing or spacing or volume.spacing
    shape = tuple(n for n, axis in zip(image.shape, axes, strict=True) if axis != "C")
    markers = None if item.markers is None else as_labels(item.markers.read("label"), str(item.markers.path))
    for found, place in ((labels, item.labels), (markers, item.markers)):
        if found is not None:
            path = place.path if place else item.masks[0].parent
            check_same_shape(path, [found.shape], item.image.path, [shape], "unpack the set again")
    if labels is not None and labels.any() and np.array_equal(image, labels):
        raise UserError(
            f"{item.image.path}: is equal to its labels, so one of both is not what it is called; unpack the "
            "set again"
        )
    return Picture(image, axes, size[-len(space) :] if len(size) >= len(space) else (), labels, markers)


def _plain(volume: Volume, is_flat: bool) -> tuple[NDArray[Any], str]:
    """Values and axes for a file: depth is Z, channels stand before Y, grey has none."""
    data, axes = volume.data, volume.axes
    if is_flat and axes == "TYX" and len(data) in (3, 4):  # colours, saved as pages
        data, axes = np.moveaxis(data[:3], 0, -1), "YXC"
    if "T" in axes and "Z" not in axes:
        axes = axes.replace("T", "Z")  # sets have single pictures and volumes, so a stack is depth
    if "T" in axes:
        raise UserError(f"a stack of volumes (axes {axes}) cannot be read; known data sets have none")
    if "C" in axes:
        if all(np.array_equal(data[..., 0], data[..., i]) for i in range(1, data.shape[-1])):
            data, axes = data[..., 0], axes.replace("C", "")
        else:
            data, axes = np.moveaxis(data, -1, -3), axes.replace("C", "").replace("Y", "CY")
    return _storable(data), axes


def _storable(data: NDArray[Any]) -> NDArray[Any]:
    """Convert to uint8, uint16 or float32, which is exact for integers up to 2**24.

    The type in the file decides, not its values, so that the files of a set stay of one type.
    """
    if data.dtype == bool:
        return data.astype(np.uint8)
    return data if data.dtype in (np.uint8, np.uint16) else data.astype(np.float32, copy=False)
