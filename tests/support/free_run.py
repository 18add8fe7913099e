"""A trained run whose network costs nothing, volumes of nuclei for it, and the measure of a command."""

import os
import re
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np
import pytest

from nucleizoo import build
from nucleizoo.api import load_config
from nucleizoo.core.plugins import load_plugins
from nucleizoo.kinds import KINDS
from nucleizoo.ops.nn.norm_statistics import Statistics
from nucleizoo.runs import Run

ROOT = Path(__file__).parents[2]

PLUGIN = '''"""A method whose maps are the picture."""
import torch
from nucleizoo import METHODS, Group, Method


@METHODS.register("bright")
class Bright(Method):
    """Every map is the picture, in the map's range."""

    def __init__(self, task):
        super().__init__(task)
        self.weight = torch.nn.Parameter(torch.ones(1))

    def groups(self):
        return {"all": Group((self.weight,))}

    def forward(self, image):
        ranges = {"tanh": image, "sigmoid": (image * self.weight + 1) / 2}
        return torch.cat([ranges[channel.activation] for channel in self.task.target.channels], 1)
'''


@contextmanager
def own_plugin():
    """A block after which the plugins loaded in it are forgotten: of one name, a process loads one."""
    load_plugins()
    with pytest.MonkeyPatch.context() as patch:
        for registry in KINDS.values():
            for names in ("_entries", "_places"):
                patch.setattr(registry, names, dict(getattr(registry, names)))
        yield


def make(folder, config, plugin=PLUGIN):
    """Write a plugin, the configuration and the run to a folder; gives the words that name them."""
    (folder / "bright.py").write_text(plugin)
    (folder / "c.yaml").write_text(config)
    loaded = load_config(folder / "c.yaml", plugins=[str(folder / "bright.py")])
    method = build.method(loaded)
    Run(folder / "run", loaded).create().save({"iteration": 1}, dict(method.state_dict()), Statistics())
    return ["--run", folder / "run", "--plugin", folder / "bright.py"]


def tiled(path, tile, shape, dtype, **settings):
    """Write a volume that repeats a tile as deep as itself to the dataset 'image' of an HDF5 file."""
    _, height, width = tile.shape
    wide = np.tile(tile, (1, 1, -(-shape[2] // width)))[:, :, : shape[2]]
    with h5py.File(path, "w") as file:
        data = file.create_dataset("image", shape, dtype, **settings)
        for y in range(0, shape[1], height):
            data[:, y : y + height] = wide[:, : shape[1] - y]
        return data.nbytes


def predicting(words, **settings):
    """The command 'predict' with one thread, begun."""
    command = [sys.executable, "tools/predict.py", *map(str, words)]
    return subprocess.Popen(command, cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": "1"}, **settings)


def finished(process):
    """Exit code, and the most memory that it had, in bytes; that of a child counts its parent's otherwise."""
    status, most = Path(f"/proc/{process.pid}/status"), 0
    while process.poll() is None:
        if found := re.search(r"VmHWM:\s+(\d+) kB", status.read_text() if status.exists() else ""):
            most = max(most, 1024 * int(found[1]))
        time.sleep(0.02)
    return process.returncode, most
