"""Time and memory of prediction by blocks against the size of the volume, with a network that costs nothing.

Volumes of 255 planes, the last as large as NucExM, are predicted and decoded (`bcd`) from HDF5 to HDF5 by
`nucleizoo predict --blocks --max-memory 3`, in one process with one thread. Processor time is kept beside the
clock's, for other work disturbs it less.
"""

import os

import h5py
import numpy as np
import pytest
from scipy import ndimage
from support.free_run import finished, make, own_plugin, predicting, tiled

from nucleizoo.ops.synthesis.ellipsoids import place

DEPTH, TILE, LIMIT = 255, 256, 3
CONFIG = """
SYSTEM: {DEVICE: cpu, PRECISION: fp32}
DATASET: {SIZE: [16, 64, 64], IMAGE: {SCALING: {NAME: dtype}}}
METHOD: {NAME: bright}
TARGET: {NAME: bcd}
INFERENCE:
  WINDOW: [32, 128, 128]
  DECODER: {NAME: bcd, SEED_BINARY: 0.8, SEED_CONTOUR: 1.0, FOREGROUND: 0.2, FOREGROUND_DISTANCE: -0.7}
"""


@pytest.fixture(scope="module")
def nuclei():
    """A tile of soft nuclei, uint8: the depth of a voxel in its nucleus, 6 voxels and more being 254."""
    labels = place(
        np.random.default_rng(0), (DEPTH, TILE, TILE), semi_axis=(8, 14), count=(1200, 1200), gap=0
    )
    depth = np.zeros(labels.shape)
    for label, box in enumerate(ndimage.find_objects(labels), 1):
        inside = ndimage.distance_transform_edt(np.pad(labels[box] == label, 1))[1:-1, 1:-1, 1:-1]
        depth[box] = np.maximum(depth[box], inside)
    return np.clip(depth / 6 * 255, 0, 254).astype(np.uint8)


def processor():
    """Seconds that the children of this process had of the processor."""
    now = os.times()
    return now.children_user + now.children_system


@pytest.mark.benchmark(group="from file to labels, 255 planes, HDF5, uint8, a network that costs nothing")
@pytest.mark.parametrize("side", [512, 1024, 2048])
def test_growth(benchmark, tmp_path, nuclei, side):
    with own_plugin():
        words = make(tmp_path, CONFIG)
    words += ["--input", tmp_path / "brain.h5", "--blocks", "--max-memory", LIMIT, "--format", "h5"]
    tiled(tmp_path / "brain.h5", nuclei, (DEPTH, side, side), "u1", chunks=(32, 128, 128), compression="lzf")
    used = processor()
    code, peak = benchmark.pedantic(
        lambda: finished(predicting([*words, "--output", tmp_path / "out"])), rounds=1
    )
    assert code == 0
    with h5py.File(tmp_path / "out" / "brain_label.h5") as file:
        count = int(file["label"].attrs["nuclei"])
    benchmark.extra_info |= {"processor": processor() - used, "peak": peak, "nuclei": count}
