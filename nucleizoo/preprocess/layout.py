"""Turn the values of a file into channels, labels, pictures and volumes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nucleizoo.core.errors import ImageReadError
from nucleizoo.io import Volume
from nucleizoo.ops.image.intensity import luminance
from nucleizoo.preprocess.scan import Stack

_MAX_LABEL = 2**31 - 1


@dataclass(frozen=True)
class Choice:
    """Which channels of a file are used.

    Attributes:
        index: the only channel to read; None reads all.
        is_luminance: whether colours become grey.
        refusal: if set, all channels are read and one is used; if they differ, this is the error message.
    """

    index: int | None = None
    is_luminance: bool = False
    refusal: str = ""

    def of(self, data: NDArray[Any]) -> NDArray[Any]:
        """Select the channels that are used, from any part of a file: (read, ...) -> (used, ...).

        Raises:
            ImageReadError: when they should be equal and are not.
        """
        if self.is_luminance:
            return np.asarray(luminance(np.moveaxis(data, 0, -1))[None])
        if not self.refusal:
            return data
        if not all(np.array_equal(data[0], other) for other in data[1:]):
            raise ImageReadError(self.refusal)
        return data[:1]


def choose(name: str, count: int, channel: str, wanted: int) -> Choice:
    """Decide which channels of a file are used, whether it is in memory or read part by part.

    With 'auto', colour is treated as grey if all its channels are equal. For a file that is read part by
    part this is not known beforehand: every part is checked when it is read, and the first one in colour
    is refused with the same message. Training reads the whole file before it starts; so does prediction
    by blocks, unless the scaling does not depend on the intensities.

    Args:
        name: the file, for messages.
        count: number of channels in the file.
        channel: 'auto', 'all', 'luminance' or an index; see `Reader`.
        wanted: number of channels needed.

    Raises:
        ImageReadError: when the file does not have the channels asked for.
    """
    if channel == "luminance" and count in (1, 3):
        return Choice(is_luminance=count == 3)
    if channel.isdigit() and int(channel) < count:
        return Choice(int(channel))
    if channel == "all" or (channel == "auto" and wanted > 1):
        if count != wanted:
            raise ImageReadError(
                f"{name}: has {count} channels, but needs {wanted}; set DATASET.CHANNELS or the key CHANNEL"
            )
        return Choice()
    choices = ["'luminance'"] * (count == 3) + [f"'{i}'" for i in range(count)]
    problem = f"has {count} channels" + ("" if channel == "auto" else f", which '{channel}' does not fit")
    key = "the key CHANNEL (in prediction DATASET.IMAGE.CHANNEL, in estimate --channel)"
    refusal = f"{name}: {problem}; set {key} to {', '.join(choices)}"
    if channel == "auto":
        return Choice(refusal=refusal if count > 1 else "")
    raise ImageReadError(refusal)


def channels_first(volume: Volume, name: str, channel: str, wanted: int) -> NDArray[Any]:
    """The channels that are used, as the first axis.

    Args:
        volume: content of a file.
        name: the file, for messages.
        channel: see `choose`.
        wanted: see `choose`.

    Returns:
        (wanted, ...) in the file's dtype.

    Raises:
        ImageReadError: when the file does not have the channels asked for, or the choice is ambiguous.
    """
    data = np.moveaxis(volume.data, -1, 0) if "C" in volume.axes else volume.data[None]
    choice = choose(name, len(data), channel, wanted)
    return choice.of(data if choice.index is None else data[choice.index][None])


def unscaled(name: str, error: ValueError) -> ImageReadError:
    """The refusal of a file whose intensities a scaling cannot use."""
    return ImageReadError(f"{name}: {error}; see the key SCALING (in prediction DATASET.IMAGE.SCALING)")


def check_finite(data: NDArray[Any], axes: str, name: str, start: Sequence[int] = ()) -> None:
    """Refuse NaN and infinite values.

    Args:
        data: of a file, channels first.
        axes: letters of the other axes.
        name: the file, for messages.
        start: where the data begin in the file; () if they are the whole file.

    Raises:
        ImageReadError: when there is one, with its position.
    """
    if data.dtype.kind != "f" or (finite := np.isfinite(data)).all():
        return
    place = np.unravel_index(int(finite.argmin()), data.shape)[1:]
    places = zip(axes.lower(), place, start or (0,) * len(place), strict=True)
    where = ", ".join(f"{axis} {first + index}" for axis, index, first in places)
    raise ImageReadError(
        f"{name}: contains NaN or infinite values, such as at {where} (counted from 0); repair or remove it"
    )


def as_labels(volume: Volume, name: str) -> NDArray[np.int32]:
    """The content of a file as instance ids, without its channel axis.

    Raises:
        ImageReadError: for colours, fractions, or values that are not ids.
    """
    data = volume.data[..., 0] if "C" in volume.axes else volume.data
    if "C" in volume.axes and not (volume.data == data[..., None]).all():
        raise ImageReadError(f"{name}: is in colour; labels must be one integer per voxel: save 16-bit TIFF")
    return as_ids(data, name)


def as_ids(data: NDArray[Any], name: str) -> NDArray[np.int32]:
    """Values of any shape as instance ids.

    Raises:
        ImageReadError: for fractions, or values that are not ids.
    """
    if data.dtype.kind == "f" and not (np.isfinite(data).all() and (data == np.rint(data)).all()):
        raise ImageReadError(
            f"{name}: contains fractions; labels must be integers: is this an image or a map?"
        )
    low, high = data.min(), data.max()
    if low < 0 or high > _MAX_LABEL:
        mend = "" if low < 0 else "; number them from 1, as numpy.unique(labels, return_inverse=True) does"
        raise ImageReadError(
            f"{name}: contains values from {low} to {high}; labels must be 0 to {_MAX_LABEL}{mend}"
        )
    return data.astype(np.int32)


def check_same_shape(
    file: Path,
    found: Sequence[tuple[int, ...]],
    other: Path | str,
    wanted: Sequence[tuple[int, ...]],
    advice: str = "give files of the same picture",
) -> None:
    """Refuse a file whose pictures have not the shapes of another's, such as labels of their image.

    Args:
        file: that is refused.
        found: (*S) of each of its pictures.
        other: the file that it belongs to, for the message.
        wanted: (*S) of each of that one's.
        advice: what to do.

    Raises:
        ImageReadError: when they differ in number or shape.
    """
    if [*found] != [*wanted]:
        raise ImageReadError(
            f"{file} has {_told(found)}, but {other} has {_told(wanted)}; they must be equal: {advice}"
        )


def _told(shapes: Sequence[tuple[int, ...]]) -> str:
    """Shapes in words: 'shape 64x64', '20 pictures of 64x64'."""
    kinds = " and ".join(sorted({"x".join(map(str, shape)) for shape in shapes}))
    return f"shape {kinds}" if len(shapes) == 1 else f"{len(shapes)} pictures of {kinds}"


def pictures(data: NDArray[Any], axes: str, dims: int, name: str) -> list[NDArray[Any]]:
    """Split a stack into pictures.

    Args:
        data: (C, ...) with the axes of the file behind the channels.
        axes: the file's letters; see `Volume`.
        dims: 2 makes every plane a picture of its own; 3 needs depth, and treats T as depth where
            there is no Z.
        name: the file, for messages.

    Returns:
        Each (C, *S), a view.

    Raises:
        ImageReadError: for a 2D picture where volumes are needed.
    """
    if dims > len(axes.replace("C", "")):
        raise ImageReadError(
            f"{name}: is a 2D picture of {data.shape[-2]}x{data.shape[-1]}, but volumes are needed; "
            "give files with a z axis, or a DATASET.SIZE of two values"
        )
    stack = data.reshape(len(data), -1, *data.shape[-dims:])
    return [stack[:, i] for i in range(stack.shape[1])]


def stack_of(volume: Volume, dims: int) -> Stack:
    """The axes of a file besides those of the pictures that `pictures` finds in it."""
    axes = volume.axes.replace("C", "")
    return Stack(axes[:-dims], volume.data.shape[: len(axes) - dims], volume.spacing[:-dims])
