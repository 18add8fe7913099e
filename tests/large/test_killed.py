"""A volume larger than the memory that is allowed: predicted, killed in the middle, gone on with."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest

from nucleizoo import build
from nucleizoo.api import load_config
from nucleizoo.ops.ellipsoids import place
from nucleizoo.runs import Run

ROOT = Path(__file__).parents[2]
LIMIT = 0.75
SHAPE = (64, 1088, 1536)

PLUGIN = '''"""A method whose map is the picture."""
import torch
from nucleizoo import METHODS, Group, Method


@METHODS.register("bright")
class Bright(Method):
    """The map is the picture."""

    def __init__(self, task):
        super().__init__(task)
        self.weight = torch.nn.Parameter(torch.ones(1))

    def groups(self):
        return {"all": Group((self.weight,))}

    def forward(self, image):
        return (image * self.weight + 1) / 2
'''

CONFIG = """
SYSTEM: {DEVICE: cpu, PRECISION: fp32}
DATASET: {SIZE: [16, 64, 64], IMAGE: {SCALING: {NAME: dtype}}}
METHOD: {NAME: bright}
TARGET: {NAME: ternary}
INFERENCE: {WINDOW: [16, 128, 128], OVERLAP: 0.0, DECODER: {NAME: ternary, CORE: 0.9, SMOOTH: 0.0}}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A run whose network costs nothing, and a volume that is larger than the memory allowed."""
    folder = tmp_path_factory.mktemp("large")
    (folder / "bright.py").write_text(PLUGIN)
    (folder / "c.yaml").write_text(CONFIG)
    config = load_config(folder / "c.yaml", plugins=[str(folder / "bright.py")])
    method = build.method(config)
    Run.create(folder / "run", config).save({"iteration": 1}, dict(method.state_dict()))
    labels = place(np.random.default_rng(0), (64, 136, 192), semi_axis=(8, 14), count=(60, 60), gap=0)
    brightness = np.random.default_rng(1).uniform(0.8, 1, labels.max() + 1) * (
        np.arange(labels.max() + 1) > 0
    )
    tile = brightness[labels]
    with h5py.File(folder / "brain.h5", "w") as file:
        data = file.create_dataset("image", SHAPE, "f8", chunks=(16, 136, 192), compression="lzf")
        for y in range(0, SHAPE[1], 136):
            data[:, y : y + 136] = np.tile(tile, (1, 1, SHAPE[2] // 192))
        assert data.nbytes > LIMIT * 1e9
    return folder


def command(folder, out, *more):
    words = ["--run", folder / "run", "--plugin", folder / "bright.py", "--input", folder / "brain.h5"]
    words = ["tools/predict.py", *words, "--output", out, "--max-memory", LIMIT, "--format", "h5", *more]
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen([sys.executable, *map(str, words)], cwd=ROOT, env=env, stderr=subprocess.DEVNULL)


def finished(process):
    """Exit code, and the most memory that it had, in bytes; that of a child counts its parent's otherwise."""
    status, most = Path(f"/proc/{process.pid}/status"), 0
    while process.poll() is None:
        if found := re.search(r"VmHWM:\s+(\d+) kB", status.read_text() if status.exists() else ""):
            most = max(most, 1024 * int(found[1]))
        time.sleep(0.02)
    return process.returncode, most


def killed_when(process, there):
    while not there():
        assert process.poll() is None, "it ended before it could be killed"
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs signals, and memory of others")
def test_a_volume_larger_than_memory_survives_two_kills(folder):
    code, peak = finished(command(folder, folder / "whole"))
    assert code == 0 and 0 < peak < LIMIT * 1e9
    scratch = folder / "killed" / ".brain_blocks"
    killed_when(command(folder, folder / "killed"), (scratch / "predicted.json").exists)
    grown = lambda: len(list((scratch / "growth").glob("*.npz"))) > 3  # noqa: E731
    killed_when(command(folder, folder / "killed", "--resume"), grown)
    assert not (folder / "killed" / "brain_label.h5").exists()
    code, peak = finished(command(folder, folder / "killed", "--resume"))
    assert code == 0 and 0 < peak < LIMIT * 1e9
    with (
        h5py.File(folder / "whole/brain_label.h5") as one,
        h5py.File(folder / "killed/brain_label.h5") as other,
    ):
        assert one["label"].attrs["nuclei"] > 1000 and other["label"].attrs["complete"] == 1
        for z in range(0, SHAPE[0], 16):
            np.testing.assert_array_equal(one["label"][z : z + 16], other["label"][z : z + 16])
    assert not scratch.exists()
