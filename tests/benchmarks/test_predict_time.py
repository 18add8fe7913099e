"""`nucleizoo predict` with the models that ship, from command to files, and loading torch alone.

Nuclei of about 24 pixels, of 24 voxels of the plane in volumes, soft and noisy; what size they have is found.
"""

import subprocess
import sys

import imageio.v3 as imageio
import numpy as np
import pytest
import tifffile
from scipy import ndimage
from support.free_run import ROOT, finished

from nucleizoo.ops.synthesis.ellipsoids import place

INPUTS = {
    "1024x1024": ((1024, 1024), 280),
    "4000x6000": ((4000, 6000), 6500),
    "128x512x512": ((128, 512, 512), 900),
}
"""Shape, and nuclei."""


def write(path, shape, count):
    """A picture or volume of nuclei, uint8."""
    rng = np.random.default_rng(0)
    labels = place(rng, shape, semi_axis=(10, 14), count=(count, count), gap=2)
    light = ndimage.gaussian_filter((labels > 0).astype(np.float32), 1)
    seen = 20 + 120 * light + 8 * rng.standard_normal(shape, dtype=np.float32)
    (imageio if len(shape) == 2 else tifffile).imwrite(path, np.clip(seen, 0, 255).astype(np.uint8))


@pytest.mark.benchmark(group="predict at once, from command to files")
@pytest.mark.parametrize("name", INPUTS)
def test_predict(benchmark, tmp_path, name):
    path = tmp_path / f"nuclei.{'png' if len(INPUTS[name][0]) == 2 else 'tif'}"
    write(path, *INPUTS[name])
    words = [sys.executable, "tools/predict.py", "--input", path, "--output", tmp_path / "out"]
    code, peak = benchmark.pedantic(
        lambda: finished(subprocess.Popen(list(map(str, words)), cwd=ROOT)), rounds=1, warmup_rounds=0
    )
    assert code == 0
    benchmark.extra_info["peak"] = peak


@pytest.mark.benchmark(group="predict at once, from command to files")
def test_loading_torch(benchmark):
    benchmark.pedantic(lambda: subprocess.run([sys.executable, "-c", "import torch"], check=True), rounds=3)
