"""The content of a file, and limits for every format."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from nucleizoo.core.errors import ImageReadError
from nucleizoo.core.format import storage
from nucleizoo.io.other_formats import check_content

MAX_VOXELS = 2**31
"""Values that one file may declare."""

MAX_BYTES = 2**33
"""Bytes that the values of one file may take as they are stored, of whatever type."""

MAX_RATIO = 2000
"""Times its size that a file, or a part of it, may unpack to, if that is large; zlib reaches 1032."""

_LARGE = 2**28
"""Bytes that any file may unpack to."""

SMALLER = "add --blocks in prediction, or split it into smaller files"
"""What to do with a file that is too large for memory."""

DATASET_KEY = "the key DATASET (labels: LABEL_DATASET; evaluate --dataset, compare --label-dataset)"
"""How one of several datasets in a file is named."""

SPATIAL = "ZYX"

Check = Callable[[tuple[int, ...], DTypeLike], None]
"""Called by every format with the shape and dtype that a file declares, before it is decoded."""


@dataclass(frozen=True, eq=False)
class Volume:
    """The content of one image file.

    Attributes:
        data: bool, integer or float array, values as they are stored.
        axes: one letter per axis, in the order "TZYXC" with Y and X always there. T is any stack of
            pictures other than depth, also one of unknown kind.
        spacing: voxel size in micrometres of the axes Z (where there is one), Y and X; () if unknown.

    Raises:
        ValueError: when axes, data and spacing do not fit each other.

    Example:
        >>> Volume(np.zeros((5, 64, 64)), "ZYX", (1.0, 0.2, 0.2)).spatial
        'ZYX'
    """

    data: NDArray[Any]
    axes: str
    spacing: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if self.axes != "".join(a for a in "TZYXC" if a in self.axes) or "YX" not in self.axes:
            raise ValueError(f"axes must be letters of TZYXC in this order, with Y and X; got '{self.axes}'")
        if len(self.axes) != self.data.ndim:
            raise ValueError(f"axes '{self.axes}' do not fit an array of shape {self.data.shape}")
        if len(self.spacing) not in (0, len(self.spatial)) or not all(0 < s < math.inf for s in self.spacing):
            raise ValueError(
                f"spacing must have a value above 0 for each of {self.spatial}, got {self.spacing}"
            )

    @property
    def spatial(self) -> str:
        """The axes that `spacing` belongs to: 'YX' or 'ZYX'."""
        return "".join(a for a in SPATIAL if a in self.axes)


class TooManyVoxels(ImageReadError):
    """A file declares more values than may be read at once."""


def check(
    path: Path, max_voxels: int, shape: tuple[int, ...], dtype: DTypeLike, *, sparse: bool = False
) -> None:
    """Refuse what cannot be a picture or would not fit in memory.

    Args:
        path: of the file or Zarr folder.
        max_voxels: values that it may have.
        shape: that it declares.
        dtype: that it declares.
        sparse: whether what is empty may have been left out, so that little is stored of much.

    Raises:
        TooManyVoxels: for more values than `max_voxels`, more bytes than `MAX_BYTES`, or far more than the
            file holds.
        ImageReadError: as `check_picture`.
    """
    check_picture(path, shape, dtype)
    size, values = "x".join(map(str, shape)), math.prod(shape)
    if values > max_voxels:
        raise TooManyVoxels(
            f"{path}: declares {size} values, more than the {max_voxels} that are read at once; {SMALLER}"
        )
    count = values * np.dtype(dtype).itemsize
    if count > MAX_BYTES:
        raise TooManyVoxels(
            f"{path}: declares {size} values of {np.dtype(dtype)}, which are {storage(count)}, more than the "
            f"{storage(MAX_BYTES)} that are read at once; {SMALLER}"
        )
    if not sparse and count > _LARGE and is_suspicious(stored := _stored(path), count):
        raise TooManyVoxels(
            f"{path}: declares {size} values, which are {storage(count)}, but is stored in "
            f"{storage(stored)}; so much is not unpacked at once: {SMALLER}, if it is what it should be"
        )


def _stored(path: Path) -> int:
    """Bytes of a file, or of all files in a folder."""
    files = [path] if path.is_file() else path.rglob("*")
    return sum(file.stat().st_size for file in files if file.is_file())


def is_suspicious(stored: int, unpacked: int) -> bool:
    """Whether bytes unpack to far more than compression of a picture explains."""
    return unpacked > max(_LARGE, MAX_RATIO * stored)


def check_picture(path: Path, shape: tuple[int, ...], dtype: DTypeLike) -> None:
    """Refuse what cannot be a picture.

    Raises:
        ImageReadError: for no values, or values that are not real numbers.
    """
    dtype = np.dtype(dtype)
    if dtype.kind not in "buif":
        raise ImageReadError(f"{path}: its values are of type '{dtype}'; save it as integers or floats")
    size = "x".join(map(str, shape)) or "one number"
    if len(shape) < 2:
        raise ImageReadError(f"{path}: holds {size}, not a picture; save an array of 2 or more axes")
    if 0 in shape:
        raise ImageReadError(f"{path}: is empty, its shape is {size}; save it again or remove it")


def is_broken_link(path: Path) -> bool:
    """Whether a path is a link to what does not exist."""
    return path.is_symlink() and not path.exists()


def check_file(path: Path) -> None:
    """Refuse what is no file with content.

    Raises:
        ImageReadError: when it is missing, empty, a folder or a device, or is not what its name says.
    """
    if is_broken_link(path):
        raise ImageReadError(
            f"{path}: is a broken link (to {os.readlink(path)}); restore its file, or remove it"
        )
    if not path.exists():
        raise ImageReadError(f"{path}: there is no such file; check the path")
    if not path.is_file():
        raise ImageReadError(f"{path}: is a folder or device, not a file; name one image file")
    if path.stat().st_size == 0:
        raise ImageReadError(f"{path}: is an empty file (0 bytes); copy it again or remove it")
    check_content(path)


def from_array(data: NDArray[Any], axes: str, spacing: tuple[float, ...] = ()) -> Volume:
    """Put an array whose axes are in any order into that of `Volume`.

    Args:
        data: any shape.
        axes: one letter per axis; S are colour samples; letters other than S, C, Z, Y and X are stacks of
            pictures and become one axis T.
        spacing: see `Volume`.

    Raises:
        ValueError: without Y and X, or with both C and S.
    """
    stacks = [i for i, letter in enumerate(axes) if letter not in "ZYXCS"]
    rest = [axes.index(letter) for letter in "ZYXCS" if letter in axes]
    if "Y" not in axes or "X" not in axes or len(stacks) + len(rest) != data.ndim:
        raise ValueError(f"its axes '{axes}' are not those of a picture")
    if "C" in axes and "S" in axes:
        raise ValueError("it has both channels and colours; save one channel, or one colour picture")
    data = data.transpose(*stacks, *rest)
    if stacks:
        data = data.reshape(-1, *data.shape[len(stacks) :])
    letters = "T" * bool(stacks) + "".join(axes[i] for i in rest).replace("S", "C")
    native = np.ascontiguousarray(data, dtype=data.dtype.newbyteorder("="))
    return Volume(native, letters, spacing)


def planes_of(axes: str, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Chunks of one plane, for values that are stored without chunks."""
    return tuple(n if axis in "YXS" else 1 for axis, n in zip(axes, shape, strict=True))
