"""All metrics of one volume: 128x256x256 voxels, 900 nuclei, one in ten lost and all of them moved.

make bench                                     all benchmarks
"""

import numpy as np
import pytest
import tifffile

from nucleizoo.metrics import pixels, summary
from nucleizoo.metrics.overlap import Overlap

SHAPE, COUNT = (128, 256, 256), 900


def volumes():
    """A prediction and a truth of balls on a grid, both int32."""
    rng = np.random.default_rng(0)
    grid = np.stack(np.meshgrid(range(8, 128, 14), range(10, 256, 25), range(10, 256, 25), indexing="ij"), -1)
    centres = grid.reshape(-1, 3)[:COUNT]
    ball = ((np.indices((13, 13, 13)) - 6) ** 2).sum(0) <= 36
    made = np.zeros((2, *SHAPE), np.int32)
    for name, centre in enumerate(centres, 1):
        for labels, middle in zip(made, (centre + rng.integers(-2, 3, 3), centre), strict=True):
            z, y, x = np.clip(middle - 6, 0, np.array(SHAPE) - 13)
            labels[z : z + 13, y : y + 13, x : x + 13][ball] = name
    made[0][made[0] % 10 == 0] = 0
    return made


def everything(prediction, truth):
    """What `nucleizoo evaluate` computes."""
    table = Overlap.of(prediction, truth)
    return summary.of_images([summary.Compared(pixels.score(prediction, truth), table, table, table)])


@pytest.mark.benchmark(group="metrics, 128x256x256, 900 nuclei")
def test_metrics(benchmark):
    scores = benchmark(everything, *volumes())
    assert scores["counting"]["true"] == COUNT


@pytest.mark.benchmark(group="metrics, 128x256x256, 900 nuclei")
def test_metrics_of_stardist(benchmark):
    """At one IoU."""
    matching = pytest.importorskip("stardist.matching").matching
    prediction, truth = volumes()
    benchmark(matching, truth, prediction)


@pytest.mark.benchmark(group="metrics, 128x256x256, 900 nuclei")
def test_metrics_of_ctcmetrics(benchmark, tmp_path):
    """Its matching alone, of which SEG and DET are made; it reads files, which are not compressed here."""
    match = pytest.importorskip("ctc_metrics.utils.representations").match
    files = [str(tmp_path / name) for name in ("truth.tif", "prediction.tif")]
    for file, labels in zip(files, reversed(volumes()), strict=True):
        tifffile.imwrite(file, labels.astype(np.uint16))
    benchmark(match, *files)
