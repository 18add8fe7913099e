"""Rendering a crop of 32x96x96 voxels, which must take less than 50 ms on one core."""

import numpy as np
import pytest

from nucleizoo import build
from nucleizoo.api import load_config
from nucleizoo.contracts import DataSpec
from nucleizoo.core.plugins import load_plugins
from nucleizoo.kinds import DATASETS

load_plugins()
SIZE = (32, 96, 96)
LAW = {"semi_axis": (8.0, 12.0), "count": (25.0, 25.0), "patch": SIZE, "gap": 1}


@pytest.mark.parametrize("name", ["simulated_em", "simulated_exm"])
def test_rendering_alone(benchmark, name):
    source, rng = DATASETS.get(name)(DataSpec(3), **LAW), np.random.default_rng(0)
    labels = source.sample(rng, SIZE).labels
    benchmark(source.render, labels, rng)


@pytest.mark.parametrize("name", ["simulated_em", "simulated_exm"])
def test_placing_and_rendering(benchmark, name):
    source, rng = DATASETS.get(name)(DataSpec(3), **LAW), np.random.default_rng(0)
    benchmark(source.sample, rng, SIZE)


@pytest.mark.parametrize("config", ["nuclei_2d", "nuclei_3d"])
def test_a_crop_of_randomised_nuclei(benchmark, config):
    """Of which a step needs SOLVER.BATCH."""
    settings = load_config(f"configs/{config}.yaml")
    source, rng = build.source_dataset(settings), np.random.default_rng(0)
    benchmark(source.sample, rng, tuple(settings.DATASET.SIZE))
