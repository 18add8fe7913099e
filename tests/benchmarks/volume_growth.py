"""Time and memory of prediction by blocks against the size of the volume, with a network that costs nothing.

python tests/benchmarks/volume_growth.py 512 1024 2048     volumes of 255 planes of so many pixels squared

Each is predicted and decoded (`bcd`) from HDF5 to HDF5 by `nucleizoo predict --blocks --max-memory 3`, in
one process with one thread. Processor time is told beside the clock's, for other work disturbs it less.
"""

import os
import sys
import tempfile
import time
from pathlib import Path

import h5py
import numpy as np
from scipy import ndimage

sys.path.insert(0, str(Path(__file__).parents[1]))
from free_run import finished, make, predicting, tiled

from nucleizoo.ops.ellipsoids import place

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


def measured(words, folder):
    """Seconds by the clock and of the processor, peak bytes, and nuclei found."""
    begun, used = time.perf_counter(), os.times()
    code, peak = finished(predicting([*words, "--output", folder]))
    now = os.times()
    if code:
        sys.exit(f"predict ended with {code}")
    with h5py.File(folder / "brain_label.h5") as file:
        count = int(file["label"].attrs["nuclei"])
    processor = now.children_user - used.children_user + now.children_system - used.children_system
    return time.perf_counter() - begun, processor, peak, count


def main(sides):
    tile = nuclei()
    print("| volume | voxels, millions | clock, s | processor, s | a million voxels | peak memory | nuclei |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        words = make(folder, CONFIG)
        words += ["--input", folder / "brain.h5", "--blocks", "--max-memory", LIMIT, "--format", "h5"]
        for side in sides:
            shape = (DEPTH, side, side)
            tiled(folder / "brain.h5", tile, shape, "u1", chunks=(32, 128, 128), compression="lzf")
            show(shape, *measured(words, folder / f"out_{side}"))


def show(shape, clock, processor, peak, count):
    """Print a row."""
    million = np.prod(shape) / 1e6
    cells = [
        "x".join(map(str, shape)), f"{million:.0f}", f"{clock:.0f}", f"{processor:.0f}",
        f"{processor / million:.3f}", f"{peak / 1e9:.2f} GB", count,
    ]  # fmt: skip
    print("|", " | ".join(map(str, cells)), "|", flush=True)


if __name__ == "__main__":
    main([int(word) for word in sys.argv[1:]] or [256, 512])
