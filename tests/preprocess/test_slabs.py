"""Intensities that are scaled plane by plane, of files whose chunks are deeper than one plane."""

import collections
import itertools

import h5py
import numpy as np
import pytest

from nucleizoo.contracts import DataSpec
from nucleizoo.core.errors import UserError
from nucleizoo.core.plugins import load_plugins
from nucleizoo.io import open_lazily
from nucleizoo.kinds import SCALINGS
from nucleizoo.preprocess import Reader, Values, limits_of, slabs, values

load_plugins()
SHAPE, CHUNK = (11, 40, 50), (4, 16, 16)


def stored(folder, data, chunks):
    with h5py.File(folder / "a.h5", "w") as file:
        file.create_dataset("image", data=data, chunks=chunks)
    return folder / "a.h5"


def counted(volume):
    """A volume that counts how often each of its chunks is loaded."""
    loads, load = collections.Counter(), volume.load

    def counting(cut):
        loads.update(
            itertools.product(
                *(range(c.start // n, -(-c.stop // n)) for c, n in zip(cut, volume.chunks, strict=True))
            )
        )
        return load(cut)

    volume.load = counting
    return loads


@pytest.mark.parametrize("slab", [2**26, 0], ids=["at once", "by way of a file"])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("dims", [2, 3])
def test_every_chunk_is_loaded_once_and_the_limits_are_those_of_the_planes(
    tmp_path, monkeypatch, dims, channels, slab
):
    monkeypatch.setattr(values, "_SLAB_BYTES", slab)
    monkeypatch.setattr(values, "_READ_BYTES", 4000)
    data = np.random.default_rng(0).normal(300, 80, (*SHAPE, channels)).astype(np.float32)
    data[3] = 7  # a plane without contrast
    path = stored(tmp_path, data if channels > 1 else data[..., 0], CHUNK + (1,) * (channels > 1))
    volume = open_lazily(path)
    loads = counted(volume)
    scaling = SCALINGS.recipe("percentile", over="image", low=1, high=98)
    reader = Reader(DataSpec(dims, channels, ()), channel="all", scaling=scaling)
    low, high = limits_of(Values(lambda: volume, dims, reader), reader.scaling)
    assert len(loads) == 3 * 3 * 4 * channels and set(loads.values()) == {1}
    planes = np.moveaxis(data, -1, 0).reshape(channels, len(data), -1)
    truth = np.percentile(planes.astype(np.float32), (1, 98), axis=-1)
    np.testing.assert_array_equal(low, truth[0])
    np.testing.assert_array_equal(high, truth[1])


def test_a_disk_too_small_for_the_planes_is_told_with_what_they_need(tmp_path, monkeypatch):
    monkeypatch.setattr(values, "_SLAB_BYTES", 0)
    monkeypatch.setattr(slabs.tempfile, "TemporaryFile", lambda buffering: open("/dev/full", "r+b", 0))
    volume = open_lazily(stored(tmp_path, np.zeros(SHAPE, np.uint16), CHUNK))
    with pytest.raises(UserError, match=r"No space left.*\b0\.0 GB\b.*TMPDIR"):
        list(Values(lambda: volume, 3).planes())
