"""A volume larger than the memory that is allowed: predicted, killed in the middle, resumed."""

import signal
import subprocess
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
from support.free_run import finished, make, own_plugin, predicting, tiled

from nucleizoo.ops.synthesis.ellipsoids import place

LIMIT = 0.75
SHAPE = (64, 1088, 1536)

CONFIG = """
SYSTEM: {DEVICE: cpu, PRECISION: fp32}
DATASET: {SIZE: [16, 64, 64], IMAGE: {SCALING: {NAME: dtype}}}
METHOD: {NAME: bright}
TARGET: {NAME: ternary}
INFERENCE: {WINDOW: [16, 128, 128], OVERLAP: 0.0, DECODER: {NAME: ternary, CORE: 0.9, SMOOTH: 0.0}}
"""


@pytest.fixture(scope="module", autouse=True)
def plugin():
    """For this file alone."""
    with own_plugin():
        yield


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A run whose network costs nothing, and a volume that is larger than the memory allowed."""
    folder = tmp_path_factory.mktemp("large")
    words = make(folder, CONFIG)
    labels = place(np.random.default_rng(0), (64, 136, 192), semi_axis=(8, 14), count=(60, 60), gap=0)
    brightness = np.random.default_rng(1).uniform(0.8, 1, labels.max() + 1) * (
        np.arange(labels.max() + 1) > 0
    )
    chunks = {"chunks": (16, 136, 192), "compression": "lzf"}
    assert tiled(folder / "brain.h5", brightness[labels], SHAPE, "f8", **chunks) > LIMIT * 1e9
    return folder, [*words, "--input", folder / "brain.h5", "--max-memory", LIMIT, "--format", "h5"]


def killed_when(process, there):
    while not there():
        assert process.poll() is None, "it ended before it could be killed"
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs signals, and memory of others")
def test_a_volume_larger_than_memory_survives_two_kills(prepared):
    folder, words = prepared

    def begin(out, *more):
        return predicting([*words, "--output", folder / out, *more], stderr=subprocess.DEVNULL)

    code, peak = finished(begin("whole"))
    assert code == 0 and 0 < peak < LIMIT * 1e9
    scratch = folder / "killed" / ".brain_blocks"
    killed_when(begin("killed"), lambda: any((scratch / "predict").glob("*.maps")))
    grown = lambda: len(list((scratch / "watershed").glob("*.npz"))) > 3  # noqa: E731
    killed_when(begin("killed", "--resume"), grown)
    assert not (folder / "killed" / "brain_label.h5").exists()
    code, peak = finished(begin("killed", "--resume"))
    assert code == 0 and 0 < peak < LIMIT * 1e9
    with (
        h5py.File(folder / "whole/brain_label.h5") as one,
        h5py.File(folder / "killed/brain_label.h5") as other,
    ):
        assert one["label"].attrs["nuclei"] > 1000 and other["label"].attrs["complete"] == 1
        for z in range(0, SHAPE[0], 16):
            np.testing.assert_array_equal(one["label"][z : z + 16], other["label"][z : z + 16])
    assert not scratch.exists()
