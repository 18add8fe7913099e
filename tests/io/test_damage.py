"""Damage is told from what another try, another user or a larger machine would not meet."""

import errno
import os
import subprocess
import sys

import h5py
import numpy as np
import pytest
import tifffile

from nucleizoo import io
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

    (tmp_path / "zarr.json").touch()
    monkeypatch.setattr(zarr, "open_array", refuse)
    with pytest.raises(ImageReadError, match=rf"{tmp_path}: may not be read .*chmod"):
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


# --- in memory and by parts, what a file is refused for has its own message


LOCK = """
import fcntl, sys
file = open(sys.argv[1], "r+b")
fcntl.flock(file, fcntl.LOCK_EX)
print(flush=True)
input()
"""

STOPPED = """
import h5py, os, sys
file = h5py.File(sys.argv[1], "w", libver="latest")
file["image"] = [[1]]
file.flush()
os._exit(0)
"""


def refused(path, *words, **settings):
    """The file is refused in both ways of reading, and not as one that may be damaged."""
    for read in (io.read, open_lazily):
        with pytest.raises(ImageReadError) as caught:
            read(path, **settings)
        message = str(caught.value)
        assert all(word in message for word in (path.name, *words)) and "may be damaged" not in message, (
            message
        )


def test_chunks_of_hdf5_that_were_never_written_are_named_in_memory_too(tmp_path):
    path = tmp_path / "half.h5"
    with h5py.File(path, "w") as file:
        data = file.create_dataset("image", (64, 64), "u1", chunks=(16, 16), fillvalue=9)
        data[:32] = 1
        file.create_dataset("plain", (64, 64), "u1")  # without chunks, not written at all
    for name, count in (("image", "8 chunks (chunk 2.0 (yx 32:48, 0:16)"), ("plain", "1 chunk (chunk 0.0")):
        refused(path, count, "EMPTY_CHUNKS", dataset=name)
    assert (io.read(path, missing=True).data[32:] == 9).all()


@pytest.mark.parametrize("suffix", [".h5", ".npy", ".tif", ".png"])
def test_a_file_that_may_not_be_read_is_told_as_that(tmp_path, monkeypatch, suffix):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(b"content")

    def refuse(*_, **__):
        raise PermissionError(errno.EACCES, "Permission denied")

    for module, name in ((h5py, "File"), (io.npy, "_check_objects"), (io.tiff, "check_pages")):
        monkeypatch.setattr(module, name, refuse)
    monkeypatch.setitem(io.files._READERS, ".png", refuse)
    with pytest.raises(ImageReadError, match=rf"a{suffix}: .*Permission denied.*chmod"):
        io.read(path)


def test_a_locked_hdf5_file_is_told_as_open_elsewhere(path, monkeypatch):
    monkeypatch.setenv("HDF5_USE_FILE_LOCKING", "TRUE")
    words = [sys.executable, "-c", LOCK, str(path)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        other.stdout.readline()
        refused(path, "another program", "close", "HDF5_USE_FILE_LOCKING")
        other.stdin.close()
    assert io.read(path).data.shape == VOLUME.shape


def test_an_hdf5_file_whose_writer_was_stopped_is_told_as_that(tmp_path):
    path = tmp_path / "a.h5"
    subprocess.run([sys.executable, "-c", STOPPED, str(path)], check=True)
    refused(path, "being written", "h5clear")


def test_python_objects_are_told_as_those_of_cellpose(tmp_path):
    path = tmp_path / "a_seg.npy"
    np.save(path, {"masks": VOLUME[0]}, allow_pickle=True)
    refused(path, "Python objects", "Cellpose", "move")


def test_types_that_are_no_numbers_are_named(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        h5py.h5d.create(file.id, b"times", h5py.h5t.UNIX_D32LE, h5py.h5s.create_simple((4, 4)))
        file["pair"] = np.zeros((4, 4), [("a", "u1"), ("b", "f4")])
    refused(tmp_path / "a.h5", "'/times'", "type", "integers", dataset="times")
    refused(tmp_path / "a.h5", "type", "integers", dataset="pair")


@pytest.mark.parametrize(
    "error", [MemoryError("no 6.7 GiB"), OSError(errno.ENOMEM, "Cannot allocate memory")]
)
@pytest.mark.parametrize("suffix", [".h5", ".npy", ".png"])
def test_too_little_memory_is_not_called_damage(tmp_path, monkeypatch, error, suffix):
    path = tmp_path / f"a{suffix}"
    if suffix == ".h5":
        with h5py.File(path, "w") as file:
            file["image"] = VOLUME
    elif suffix == ".npy":
        np.save(path, VOLUME)
    else:
        path.write_bytes(b"content")

    def fail(*_):
        raise error

    monkeypatch.setattr(io.LazyVolume, "_loaded", fail)
    monkeypatch.setitem(io.files._READERS, ".png", fail)
    with pytest.raises(io.TooManyVoxels, match=rf"a{suffix}: .*memory.*--blocks"):
        io.read(path)


def test_the_limit_of_a_file_counts_bytes(tmp_path, monkeypatch):
    monkeypatch.setattr("nucleizoo.io.volume.MAX_BYTES", 4800)
    for name, dtype in (("byte", "u1"), ("float", "f4")):
        np.save(tmp_path / f"{name}.npy", np.ones((30, 40), dtype))
        io.read(tmp_path / f"{name}.npy")
    np.save(tmp_path / "double.npy", np.ones((30, 40)))
    with pytest.raises(io.TooManyVoxels, match=r"30x40 values of float64.* 9\.6 kB.*--blocks"):
        io.read(tmp_path / "double.npy")
