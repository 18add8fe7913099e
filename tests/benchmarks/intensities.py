"""How fast one core goes through a large volume for the range of its intensities.

python tests/benchmarks/intensities.py     needs 2 GB in the folder for temporary files

The volumes have 256x1024x1024 voxels: blurred noise with more noise on it, in chunks of 64 voxels a side. The
page cache holds them, so what is timed is decoding and counting, not the disk.
"""

import tempfile
import time
from pathlib import Path

import h5py
import numpy as np
from scipy import ndimage

from nucleizoo.blockwise.maps.intensities import Intensities, scan_block
from nucleizoo.blockwise.maps.volume import VolumeInput
from nucleizoo.blockwise.step import run_steps
from nucleizoo.contracts import DataSpec
from nucleizoo.core.plugins import load_plugins
from nucleizoo.kinds import SCALINGS
from nucleizoo.preprocess import Reader

SHAPE, CHUNKS = (256, 1024, 1024), (64, 64, 64)


def volume(dtype):
    noise = np.random.default_rng(0).random((64, 128, 128), np.float32)
    tile = np.tile(240 * ndimage.gaussian_filter(noise, 0.8, mode="wrap"), (4, 8, 8)).astype(np.uint8)
    for z in range(SHAPE[0]):
        tile[z] += np.random.default_rng(z).integers(0, 8, SHAPE[1:], np.uint8)
    return tile.astype(dtype)


def hdf5(path, data):
    with h5py.File(path := path.with_suffix(".h5"), "w") as file:
        file.create_dataset("image", data=data, chunks=CHUNKS, compression="gzip")
    return path


def zarr3(path, data):
    import zarr

    zarr.create_array(path := path.with_suffix(".zarr"), data=data, chunks=CHUNKS)
    return path


def seconds(path, over, scratch):
    scaling = SCALINGS.recipe("percentile", over=over)
    seen = VolumeInput(path, Reader(DataSpec(3, 1, ()), scaling=scaling))
    steps = Intensities(seen, scan_block(seen), scratch)
    told, begin = steps.seconds(), time.process_time()
    units = sum(1 for _ in run_steps(steps.steps))
    return time.process_time() - begin, told, units


if __name__ == "__main__":
    load_plugins()
    for dtype in ("u1", "u2", "f4"):
        data = volume(dtype)
        for store in (hdf5, zarr3):
            with tempfile.TemporaryDirectory() as folder:
                path = store(Path(folder) / "a", data)
                for over in ("volume", "image"):
                    took, told, units = seconds(path, over, Path(folder) / over)
                    speed = f"{data.size / took / 1e6:.0f} million voxels a second"
                    name = f"{store.__name__} {dtype} over {over}"
                    print(f"{name}: {units} units, {took:.2f} s (told {told:.2f}), {speed}", flush=True)
