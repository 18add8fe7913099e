"""What a sample of CySGAN costs to vary: to be held against the time of a training step."""

import numpy as np
import pytest
import torch

from nucleizoo import AUGMENTS, Sample
from nucleizoo.core.plugins import load_plugins

load_plugins()

ALONE = ("rescale", "elastic", "intensity", "missing_parts", "missing_section", "misalignment",
         "motion_blur", "cut_blur", "cut_noise", "flip")  # fmt: skip


@pytest.fixture(autouse=True)
def one_thread():
    """As in a worker."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def timed(benchmark, size, labelled=True, **settings):
    """Many samples at random, as in training."""
    augment = AUGMENTS.recipe("microscopy", **settings)()
    reach = augment.reach(size)
    rng = np.random.default_rng(0)
    image = rng.random((1, *reach), dtype=np.float32) * 2 - 1
    labels = rng.integers(0, 60, reach).astype(np.int32) if labelled else None
    seeds = iter(range(10**6))
    benchmark.pedantic(
        lambda: augment(Sample(image, labels), np.random.default_rng(next(seeds)), size),
        rounds=100,
        warmup_rounds=3,
    )


@pytest.mark.benchmark(group="CySGAN's augmentation")
@pytest.mark.parametrize("labelled", [True, False])
@pytest.mark.parametrize("size", [(256, 256), (17, 129, 129), (32, 96, 96)], ids=str)
def test_everything(benchmark, size, labelled):
    timed(benchmark, size, labelled)


@pytest.mark.benchmark(group="one transform of CySGAN's augmentation, always, 32x96x96")
@pytest.mark.parametrize("name", ["none", *ALONE])
def test_alone(benchmark, name):
    off = dict.fromkeys((*ALONE, "rotate"), 0.0)
    timed(benchmark, (32, 96, 96), **off | ({name: 1.0} if name != "none" else {}))
