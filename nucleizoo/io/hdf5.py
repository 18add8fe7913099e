"""HDF5: data are read only from the file itself, and a full disk is reported when writing."""

from __future__ import annotations

import io
import math
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from nucleizoo.core.errors import ImageReadError
from nucleizoo.io.chunks import check_claim, grid_of
from nucleizoo.io.volume import SPATIAL, Check, Volume, from_array, guess_axes

_SPACING_ATTRIBUTES = ("voxel_size_um_zyx", "element_size_um", "resolution")
"""Attributes that give a voxel size in micrometres, in axis order."""


def read(path: Path, allowed: Check, dataset: str = "", usual: str = "image") -> Volume:
    """Read one dataset.

    An HDF5 file can refer to any other file on the machine, by links, external storage and virtual
    datasets; all of them are refused.

    Raises:
        ImageReadError: when there is no such dataset, or its values are in other files.
        Exception: whatever h5py raises on a damaged file.
    """
    with h5py.File(path, "r") as file:
        data = dataset_of(path, file, dataset, usual)
        allowed(data.shape, data.dtype)
        axes = guess_axes(path, data.shape)
        return from_array(data[()], axes, spacing_of(data, axes))


def dataset_of(path: Path, file: Any, dataset: str = "", usual: str = "image") -> Any:
    """One dataset of an open file, all of whose values are in it; see `read`.

    Raises:
        ImageReadError: when there is no such dataset, or its values are in other files.
    """
    data = _open(path, file, dataset or _choose(path, file, usual))
    if data.shape is None:
        raise ImageReadError(f"{path}: '{data.name}' is empty; save it again or remove the file")
    _check_filters(path, data)
    return data


def _check_filters(path: Path, data: Any) -> None:
    """Refuse a compression whose filter is not installed; otherwise every chunk would look damaged."""
    made = data.id.get_create_plist()
    for index in range(made.get_nfilters()):
        number, _, _, name = made.get_filter(index)
        if not h5py.h5z.filter_avail(number):
            raise ImageReadError(
                f"{path}: '{data.name}' is compressed with filter {number} ({name.decode() or 'no name'}), "
                "which HDF5 does not find on this machine; install it, for example 'pip install "
                "hdf5plugin' and the environment variable HDF5_PLUGIN_PATH, or save the data with gzip"
            )


def _choose(path: Path, file: Any, usual: str) -> str:
    """The dataset called `usual`, or the only one."""
    if file.get(usual, getlink=True) is not None:
        return usual
    names: list[str] = []
    # visits what lies in this file only: it does not follow soft or external links
    file.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
    if not names:
        raise ImageReadError(
            f"{path}: contains no dataset (links are not followed); save it again or remove it"
        )
    if len(names) > 1:
        raise ImageReadError(
            f"{path}: no dataset is called '{usual}', {_inside(names)}; name one with the key DATASET "
            "(labels: LABEL_DATASET, --dataset)"
        )
    return names[0]


def _open(path: Path, file: Any, name: str) -> Any:
    """The dataset, if every step of its path and its values are in this file."""
    item = file
    for step in filter(None, name.split("/")):
        link = item.get(step, getlink=True) if isinstance(item, h5py.Group) else None
        if link is None:
            raise ImageReadError(
                f"{path}: no dataset is called '{name}', {_inside(file)}; set the key DATASET "
                "(labels: LABEL_DATASET, --dataset)"
            )
        if not isinstance(link, h5py.HardLink):
            raise ImageReadError(f"{path}: '{name}' is a link, which is not followed; copy the data itself")
        item = item[step]
    if not isinstance(item, h5py.Dataset):
        raise ImageReadError(f"{path}: '{name}' is a group, {_inside(item)}; set the key DATASET")
    if item.external or item.is_virtual:
        raise ImageReadError(
            f"{path}: '{name}' has its values in other files, which are not opened; copy them into this one"
        )
    return item


def _inside(names: Iterable[str]) -> str:
    """What the file contains instead, for messages."""
    first = list(islice(names, 11))
    return f"it contains {', '.join(first[:10])}{', ...' * (len(first) > 10)}" if first else "it is empty"


def absent(name: str, data: Any, chunks: tuple[int, ...]) -> tuple[int, Iterable[tuple[int, ...]]]:
    """The number of chunks of a dataset that were never written, and their positions.

    Args:
        name: for messages.
        data: a dataset.
        chunks: its own, or a substitute where it has none; then either all or none exist.

    Raises:
        ImageReadError: for a shape that claims far more chunks than there are.
    """
    count = math.prod(-(-n // c) for n, c in zip(data.shape, chunks, strict=True))
    there = int(data.id.get_num_chunks()) if data.chunks else count * bool(data.id.get_storage_size())
    if there >= count:
        return 0, ()
    check_claim(name, count, lambda: there)
    written: set[tuple[int, ...]] = set()

    def note(chunk: Any) -> None:
        written.add(tuple(o // c for o, c in zip(chunk.chunk_offset, chunks, strict=True)))

    if data.chunks:
        data.id.chunk_iter(note)
    return count - there, (place for place in grid_of(data.shape, chunks) if place not in written)


def decoding(data: Any) -> int:
    """Bytes that decoding a chunk takes at most: before and after a filter; 0 without filters."""
    filters = data.id.get_create_plist().get_nfilters()
    return 2 * math.prod(data.chunks) * int(data.dtype.itemsize) if filters else 0


def spacing_of(data: Any, axes: str) -> tuple[float, ...]:
    """Voxel size in micrometres from the first attribute that gives one for these axes, else ()."""
    count = sum(axis in SPATIAL for axis in axes)
    for name in _SPACING_ATTRIBUTES:
        values = np.asarray(data.attrs.get(name, ()))
        if values.dtype.kind in "uif" and values.ndim == 1 and values.size in (count, 3):
            values = values.astype(float)[-count:]
            if np.isfinite(values).all() and (values > 0).all():
                return tuple(values.tolist())
    return ()


class Disk(io.FileIO):
    """A file that HDF5 can always close: it accepts all writes, and reports a failed one later.

    HDF5 keeps a file open that it could not write, tries again when the process ends, and crashes it. So it
    must not see an error: this file keeps the first one, discards what is written from then on, and raises
    the error in `check` or at the end of a `with`.
    """

    _failure: OSError | None = None

    def write(self, data: Any) -> int:
        """Write a whole buffer, and return its length."""
        with memoryview(data) as whole, whole.cast("B") as raw:
            try:
                written = 0
                while self._failure is None and written < len(raw):
                    written += super().write(raw[written:])
            except OSError as error:
                self._failure = error
            return len(raw)

    def truncate(self, size: int | None = None) -> int:
        """Shorten or extend the file."""
        try:
            return super().truncate(size)
        except OSError as error:
            self._failure = self._failure or error
            return self.tell() if size is None else size

    def check(self) -> None:
        """Raise the first error, if there was one.

        Raises:
            OSError: when something could not be written.
        """
        if self._failure is not None:
            raise self._failure

    def __exit__(self, *error: object) -> None:
        """Close, and check."""
        self.close()
        self.check()
