"""What it costs to prepare a batch: to be held against the time of a training step."""

import numpy as np
import pytest

from nucleizoo import AUGMENTS, DATASETS, TARGETS, Dataset, DataSpec, Sample
from nucleizoo.core.plugins import load_plugins
from nucleizoo.training.batches import Batches

load_plugins()


class Noise(Dataset):
    """Crops of one picture in memory, as `folder` cuts them."""

    gives = frozenset({"image"})

    def __init__(self):
        self.picture = np.random.default_rng(0).random((1, 700, 1100), np.float32) * 2 - 1

    def sample(self, rng, size):
        y, x = (rng.integers(0, n - s + 1) for n, s in zip(self.picture.shape[1:], size, strict=True))
        return Sample(self.picture[:, y : y + size[0], x : x + size[1]].copy())


@pytest.mark.benchmark(group="one batch of crops, augmentation and synthetic masks")
@pytest.mark.parametrize(
    ("size", "batch", "semi_axis", "count", "target"),
    [
        ((128, 128), 4, (6.0, 10.0), (3.0, 30.0), "mask"),
        ((256, 256), 8, (13.0, 18.0), (5.0, 40.0), "mask"),
        ((256, 256), 8, (13.0, 18.0), (10.0, 40.0), "ternary"),
    ],
)
def test_batch(benchmark, size, batch, semi_axis, count, target):
    masks = DATASETS.recipe("synthetic", semi_axis=semi_axis, count=count)(DataSpec(2))
    batches = Batches(
        Noise(), masks, AUGMENTS.recipe("simple")(), TARGETS.recipe(target)(), size=size, batch=batch, seed=0
    )
    iterations = iter(range(10**6))
    benchmark.pedantic(lambda: batches[next(iterations)], rounds=30, warmup_rounds=2)
