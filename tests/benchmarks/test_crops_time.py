"""Crops from a large volume: how many a second, wherever it is; chunks of several sizes.

The volume has 128x512x512 voxels, uint8: blurred noise. The page cache holds it, so
what is timed is decoding, not the disk.
"""

import h5py
import numpy as np
import pytest
import tifffile
from scipy import ndimage

from nucleizoo.contracts import DataSpec
from nucleizoo.kinds import DATASETS, SCALINGS
from nucleizoo.preprocess import random_crop

SHAPE, SIZE = (128, 512, 512), (32, 96, 96)
WHOLE, FILED = 4.0, 0.0  # CACHE_GB


@pytest.fixture(scope="module")
def volume():
    noise = np.random.default_rng(0).random((64, 128, 128), np.float32)
    tile = (255 * ndimage.gaussian_filter(noise, 0.8, mode="wrap")).astype(np.uint8)
    return np.tile(tile, (2, 4, 4)) + np.random.default_rng(1).integers(0, 8, SHAPE).astype(np.uint8)


def hdf5(path, volume, side, **packed):
    with h5py.File(path / "a.h5", "w") as file:
        file.create_dataset("image", data=volume, chunks=(side,) * 3, **packed)


def zarr3(path, volume, side, **packed):
    zarr = pytest.importorskip("zarr")
    zarr.create_array(path / "a.zarr", data=volume, chunks=(side,) * 3, **packed)


def tiff(path, volume, side):
    tifffile.imwrite(path / "a.tif", volume, photometric="minisblack", metadata={"axes": "ZYX"})


def gzip_of_zarr():
    codecs = pytest.importorskip("zarr.codecs")
    return {"compressors": codecs.GzipCodec(level=4)}


WAYS = {
    "in memory": (tiff, WHOLE, [0], dict),
    "TIFF, plain, memory-mapped": (tiff, FILED, [0], dict),
    "HDF5, plain": (hdf5, FILED, [64], dict),
    "HDF5, gzip": (hdf5, FILED, [16, 32, 64, 128], lambda: {"compression": "gzip"}),
    "Zarr 3, plain": (zarr3, FILED, [64], lambda: {"compressors": None}),
    "Zarr 3, gzip": (zarr3, FILED, [64], gzip_of_zarr),
    "Zarr 3, zstd": (zarr3, FILED, [16, 32, 64, 128], dict),
}


def crops_of(source):
    rng = np.random.default_rng(0)
    return lambda: source.sample(rng, SIZE)


@pytest.mark.benchmark(group="crops of 32x96x96 from 128x512x512, uint8")
@pytest.mark.parametrize(("way", "side"), [(way, side) for way in WAYS for side in WAYS[way][2]])
def test_crops(benchmark, tmp_path, volume, way, side):
    write, cache, _, packed = WAYS[way]
    write(tmp_path, volume, side, **packed())
    part = DATASETS.recipe("images", cache_gb=cache, scaling=SCALINGS.recipe("dtype"))
    source = part(DataSpec(dims=3, root=tmp_path))
    benchmark.pedantic(crops_of(source), rounds=60, warmup_rounds=3)


@pytest.mark.benchmark(group="crops of 32x96x96 from 128x512x512, uint8")
def test_crops_of_a_volume_decoded_for_each(benchmark, tmp_path, volume):
    hdf5(tmp_path, volume, 64, compression="gzip")
    source = DATASETS.recipe("images", scaling=SCALINGS.recipe("dtype"))(DataSpec(dims=3, root=tmp_path))
    rng = np.random.default_rng(0)
    benchmark.pedantic(lambda: random_crop(source.read(tmp_path / "a.h5")[0], rng, SIZE), rounds=3)
