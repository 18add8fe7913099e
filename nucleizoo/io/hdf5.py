"""HDF5: data are read only from the file itself, and a full disk is reported when writing."""

from __future__ import annotations

import errno
import io
from collections.abc import Iterable
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from nucleizoo.core.errors import ImageReadError
from nucleizoo.io.axes import axes_of
from nucleizoo.io.hdf5_chunks import absent, decoding, guarded
from nucleizoo.io.hdf5_metadata import names_of, spacing_of
from nucleizoo.io.lazy_volume import LazyVolume
from nucleizoo.io.volume import DATASET_KEY, planes_of

SUFFIXES = (".h5", ".hdf5")

_LOCKED = (errno.EAGAIN, errno.ENOLCK)
"""Error numbers of a file that another program has locked, and of a disk without locks."""


def open_array(path: Path, dataset: str = "", usual: str = "image") -> LazyVolume:
    """Open one dataset.

    An HDF5 file can refer to any other file on the machine, by links, external storage and virtual
    datasets; all of them are refused.

    Raises:
        ImageReadError: when there is no such dataset, its values are in other files, or another program has
            locked the file.
        Exception: whatever h5py raises on a damaged file.
    """
    with ExitStack() as until_opened:
        file = until_opened.enter_context(_file(path))
        data = _dataset(path, file, dataset, usual)
        name = f"{path}:{data.name}"
        axes = axes_of(name, names_of(name, data), data.shape)
        chunks = data.chunks or planes_of(axes, data.shape)
        opened = LazyVolume(
            name, axes, data.shape, data.dtype, spacing_of(name, data, axes), chunks, guarded(data),
            lambda: absent(name, data, chunks), decoding=decoding(data), close=file.close,
        )  # fmt: skip
        until_opened.pop_all()
    return opened


def _file(path: Path) -> Any:
    """The file, open to be read.

    Raises:
        ImageReadError: when another program has it open for writing.
        Exception: whatever h5py raises on a damaged file.
    """
    try:
        return h5py.File(path, "r")
    except OSError as error:
        if error.errno in _LOCKED:
            raise ImageReadError(
                f"{path}: is locked, since it is open in another program; close it there. On a network share "
                "without locks, set the environment variable HDF5_USE_FILE_LOCKING to FALSE"
            ) from error
        if _is_half_written(path):
            raise ImageReadError(
                f"{path}: is marked as being written; close it in the program that writes it or, if that was "
                "stopped, write it again (h5clear -s removes the mark)"
            ) from error
        raise


def _is_half_written(path: Path) -> bool:
    """Whether the file's first block, from version 3 on, says that a program is writing it."""
    with path.open("rb") as file:
        start = file.read(12)
    return start[:8] == b"\x89HDF\r\n\x1a\n" and start[8:9] >= b"\3" and start[11:] > b"\0"


def _dataset(path: Path, file: Any, dataset: str, usual: str) -> Any:
    """One dataset of an open file, all of whose values are in it."""
    data = _open(path, file, dataset or _choose(path, file, usual))
    if data.shape is None:
        raise ImageReadError(f"{path}: '{data.name}' is empty; save it again or remove the file")
    _check_type(path, data)
    _check_filters(path, data)
    return data


def _check_type(path: Path, data: Any) -> None:
    try:
        np.dtype(data.dtype)
    except TypeError as error:
        raise ImageReadError(
            f"{path}: '{data.name}' has values of a type that NumPy does not know ({error}); save it as "
            "integers or floats"
        ) from error


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
    found: dict[str, int] = {}
    # visits what lies in this file only: it does not follow soft or external links
    file.visititems(
        lambda name, item: found.update({name: item.ndim}) if isinstance(item, h5py.Dataset) else None
    )
    names = [name for name, axes in found.items() if axes > 1] or list(found)  # scales of axes have one
    if not names:
        raise ImageReadError(
            f"{path}: contains no dataset (links are not followed); save it again or remove it"
        )
    if len(names) > 1:
        raise ImageReadError(
            f"{path}: no dataset is called '{usual}', {_inside(names)}; name one with {DATASET_KEY}"
        )
    return names[0]


def _open(path: Path, file: Any, name: str) -> Any:
    """The dataset, if every step of its path and its values are in this file."""
    item = file
    for step in filter(None, name.split("/")):
        link = item.get(step, getlink=True) if isinstance(item, h5py.Group) else None
        if link is None:
            raise ImageReadError(f"{path}: no dataset is called '{name}', {_inside(file)}; set {DATASET_KEY}")
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
