"""Damage is told from what another try, another user or a larger machine would not meet."""

import errno
import os

import h5py
import numpy as np
import pytest
import tifffile

from nucleizoo.core.errors import ImageReadError
from nucleizoo.io import open_lazily, zarr

VOLUME = np.random.default_rng(0).integers(1, 60000, (7, 40, 50)).astype(np.uint16)


@pytest.fixture
def path(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("image", data=VOLUME, chunks=(4, 16, 16), compression="gzip")
    return tmp_path / "a.h5"


def failing(path, error):
    """The volume, of which damage is skipped, on a machine whose reads fail so."""
    opened = open_lazily(path, skip_damaged=True)

    def load(cut):
        raise error

    opened.load = load
    return opened


@pytest.mark.parametrize("name", ["EMFILE", "ENFILE", "ESTALE", "EACCES", "ENOMEM", "ETIMEDOUT", "ENOENT"])
def test_errors_of_the_machine_come_through_with_the_name_of_the_file(path, name):
    number = getattr(errno, name)
    kind = type(OSError(number, ""))
    with pytest.raises(kind) as found:
        failing(path, OSError(number, "as libraries call it")).whole()
    assert found.type is kind and found.value.errno == number and str(path) in found.value.filename


@pytest.mark.parametrize("error", [MemoryError("no 3 GiB"), TimeoutError("slow"), ModuleNotFoundError("b2")])
def test_so_do_those_without_a_number(path, error):
    with pytest.raises(type(error), match=r"a\.h5.*(3 GiB|slow|b2)"):
        failing(path, error).whole()


def test_a_broken_connection_on_the_second_look_comes_through_too(path):
    opened, errors = open_lazily(path, skip_damaged=True), iter([ValueError(), OSError(errno.ESTALE, "")])

    def load(cut):
        raise next(errors)

    opened.load = load
    with pytest.raises(OSError, match="Stale"):
        opened.whole()
    assert not opened.skipped


@pytest.mark.parametrize("error", [OSError(errno.EIO, "bad block"), OSError("filter failed"), KeyError(1)])
def test_a_bad_block_of_the_disk_is_damage(path, error):
    opened = failing(path, error)
    assert not opened.whole().any() and len(opened.skipped) == 2 * 3 * 4


@pytest.mark.skipif(not os.path.exists("/proc/self/mem"), reason="needs a file that cannot be read")
@pytest.mark.parametrize("other, is_damage", [("/proc/self/mem", True), ("/", False)])
def test_hdf5_tells_the_number_of_the_systems_error(path, other, is_damage):
    opened = open_lazily(path, skip_damaged=True)
    descriptors = [
        d for d in os.listdir("/proc/self/fd") if os.path.realpath(f"/proc/self/fd/{d}") == str(path)
    ]
    broken = os.open(other, os.O_RDONLY)  # reads give EIO, or EISDIR
    os.dup2(broken, int(descriptors[0]))
    os.close(broken)
    if is_damage:
        assert not opened.whole().any() and opened.skipped
    else:
        with pytest.raises(IsADirectoryError):
            opened.whole()


def test_files_that_may_not_be_opened_are_not_called_damaged(tmp_path, monkeypatch):
    def refuse(*_):
        raise PermissionError(errno.EACCES, "no")

    monkeypatch.setattr(zarr, "is_zarr", lambda path: True)
    monkeypatch.setattr(zarr, "open_array", refuse)
    with pytest.raises(PermissionError, match=str(tmp_path)):
        open_lazily(tmp_path)


def test_a_compression_that_is_not_installed_is_no_damage(path):
    stored = path.read_bytes()
    at = stored.index(b"\x01\x00\x08\x00\x01\x00\x01\x00deflate")  # the filter's number, in its message
    path.write_bytes(stored[:at] + (32001).to_bytes(2, "little") + stored[at + 2 :])
    with pytest.raises(ImageReadError, match=r"a\.h5: .*\b32001\b.*pip install hdf5plugin"):
        open_lazily(path, skip_damaged=True)


def test_neither_is_one_of_tiff(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, VOLUME, tile=(16, 16), compression="zlib", photometric="minisblack")
    with tifffile.TiffFile(path, mode="r+") as file:
        for page in file.pages:
            page.tags["Compression"].overwrite(34713)  # of a camera
    with pytest.raises(ImageReadError, match=r"a\.tif: .*NIKON_NEF.* save it"):
        open_lazily(path, skip_damaged=True)
