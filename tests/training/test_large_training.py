"""Trainings on volumes that are larger than the memory they may take."""

import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from nucleizoo.ops.synthesis.ellipsoids import place

ROOT = Path(__file__).parents[2]
SHAPE, TILE = (64, 1024, 1024), (32, 128, 128)
ALLOWED = 150e6
"""Bytes beyond what a training on a small volume takes; the large one has 200 MB, and 540 MB in memory."""

TRAINED = """
import sys
from pathlib import Path
import zarr  # so that its memory is not counted as that of the volume
from nucleizoo.api import load_config, train
from nucleizoo.ops.memory import peak

folder, peaks = Path(sys.argv[1]), []
for name in sys.argv[2:]:
    pairs = ["SYSTEM.WORKERS", "0", "SOLVER.TOTAL", "2", "DATASET.SIZE", "[8, 32, 32]"]
    pairs += ["MONITOR.SNAPSHOT", "0", "MONITOR.TENSORBOARD", "False"]
    pairs += ["DATASET.ROOT", str(folder), "DATASET.SOURCE.NAME", "labelled", "DATASET.SOURCE.IMAGES", name]
    pairs += ["DATASET.SOURCE.CACHE_GB", "0.05", "DATASET.SOURCE.MIN_LABELLED", "10"]
    train(load_config("configs/toy/supervised_2d.yaml", pairs), folder / f"run_{name}")
    peaks.append(peak())
print(*peaks)
"""


def tile():
    """Bright nuclei and their labels."""
    labels = place(np.random.default_rng(0), TILE, semi_axis=(5, 8), count=(60, 60))
    picture = np.where(labels, 200, 20) + np.random.default_rng(0).integers(0, 9, TILE)
    return {"image": picture.astype(np.uint8), "label": labels.astype(np.uint16)}


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory cannot be told here")
def test_training_from_hdf5_and_zarr_takes_little_memory_whatever_their_size(tmp_path):
    zarr = pytest.importorskip("zarr")
    group = zarr.open_group(tmp_path / "large.zarr", mode="w")
    with h5py.File(tmp_path / "small.h5", "w") as small, h5py.File(tmp_path / "large.h5", "w") as large:
        for name, data in tile().items():
            small[name] = data
            wide = np.tile(data, (1, 1, 8))
            made = [
                large.create_dataset(name, SHAPE, data.dtype, chunks=TILE, compression="lzf"),
                group.create_array(name, shape=SHAPE, dtype=data.dtype, chunks=TILE),
            ]
            for z, y in np.ndindex(2, 8):
                for array in made:
                    array[z * 32 : z * 32 + 32, y * 128 : y * 128 + 128] = wide
    words = [sys.executable, "-c", TRAINED, tmp_path, "small.h5", "large.h5", "large.zarr"]
    told = subprocess.run([*map(str, words)], cwd=ROOT, capture_output=True, text=True)
    assert told.returncode == 0, told.stderr
    least, *others = map(int, told.stdout.split()[-3:])
    assert all(peak - least < ALLOWED for peak in others), [least, *others]
