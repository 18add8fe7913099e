"""Our definitions against stardist's and py-ctcmetrics' code: typed results, and the code where installed.

The typed ones are of stardist 0.9.2 and py-ctcmetrics 1.3.3 with numpy 2.4.6, given by the calls of the last
two tests for every pair of the fixture (`pip install stardist py-ctcmetrics`).
"""

from collections import Counter

import numpy as np
import pytest
import tifffile
from support.shapes import balls

from nucleizoo.metrics import objects, tracking
from nucleizoo.metrics.overlap import Overlap

FOUND = {  # nuclei predicted and true
    2: ([26, 24, 28, 26, 27, 26, 25, 23], [30, 30, 30, 29, 29, 30, 29, 30]),
    3: ([26, 27, 24, 22, 28, 26, 28, 26], [30, 30, 29, 29, 29, 27, 30, 30]),
}
HITS = {  # matches by axes and IoU
    (2, 0.1): [26, 24, 28, 24, 27, 25, 24, 22],
    (2, 0.3): [25, 21, 26, 19, 24, 23, 21, 21],
    (2, 0.5): [18, 18, 19, 12, 16, 18, 14, 16],
    (2, 0.7): [2, 8, 7, 5, 4, 5, 7, 4],
    (2, 0.9): [0] * 8,
    (3, 0.1): [23, 25, 23, 19, 26, 23, 27, 21],
    (3, 0.3): [15, 17, 12, 12, 18, 19, 19, 17],
    (3, 0.5): [5, 7, 7, 6, 7, 14, 8, 8],
    (3, 0.7): [1, 1, 3, 1, 0, 5, 3, 2],
    (3, 0.9): [0] * 8,
}
SEG = {
    2: [0.458387, 0.447134, 0.493368, 0.389112, 0.441247, 0.437839, 0.387737, 0.394761],
    3: [0.245955, 0.275853, 0.226331, 0.228676, 0.243526, 0.417822, 0.285041, 0.245846],
}
DET = {
    2: [0.826667, 0.743333, 0.786667, 0.72069, 0.741379, 0.773333, 0.596552, 0.706667],
    3: [0.533333, 0.603333, 0.448276, 0.468966, 0.489655, 0.737037, 0.546667, 0.513333],
}


@pytest.fixture(params=[(90, 100), (20, 40, 50)], ids=["2d", "3d"])
def pairs(request):
    rng = np.random.default_rng(0)
    return [balls(rng, request.param, 30) for _ in range(8)]


@pytest.mark.parametrize("iou", [0.1, 0.3, 0.5, 0.7, 0.9])
def test_counts_are_those_that_stardist_gave(pairs, iou):
    axes = pairs[0][0].ndim
    scores = [objects.score(prediction, truth, iou) for prediction, truth in pairs]
    assert [score.tp for score in scores] == HITS[axes, iou]
    assert ([s.tp + s.fp for s in scores], [s.tp + s.fn for s in scores]) == FOUND[axes]


def test_seg_and_det_are_those_that_the_challenges_code_gave(pairs):
    axes = pairs[0][0].ndim
    tables = [Overlap.of(prediction, truth) for prediction, truth in pairs]
    assert [tracking.seg([table]) for table in tables] == pytest.approx(SEG[axes], abs=1e-6)
    assert [tracking.det([table]) for table in tables] == pytest.approx(DET[axes], abs=1e-6)


@pytest.mark.parametrize("iou", [0.1, 0.3, 0.5, 0.7, 0.9])
def test_counts_are_stardists(pairs, iou):
    matching = pytest.importorskip("stardist.matching").matching
    for prediction, truth in pairs:
        theirs = matching(truth, prediction, thresh=iou)
        ours = objects.score(prediction, truth, iou)
        assert (ours.tp, ours.fp, ours.fn) == (theirs.tp, theirs.fp, theirs.fn)
        assert ours.ap == pytest.approx(theirs.accuracy)


def test_seg_and_det_are_those_of_the_cell_tracking_challenge(pairs, tmp_path):
    match = pytest.importorskip("ctc_metrics.utils.representations").match
    technical = pytest.importorskip("ctc_metrics.metrics.technical")
    for prediction, truth in pairs:
        files = []
        for name, labels in (("truth.tif", truth), ("prediction.tif", prediction)):
            files.append(str(tmp_path / name))
            tifffile.imwrite(files[-1], labels.astype(np.uint16))
        true, found, matched, by, ious = match(*files)
        claims = Counter(np.asarray(by).tolist())
        table = Overlap.of(prediction, truth)
        assert tracking.seg([table]) == pytest.approx(technical.seg.seg([true], [ious]))
        theirs = technical.det.det(
            NS=sum(n - 1 for n in claims.values()), FN=len(true) - len(matched),
            FP=len(found) - len(claims), num_vertices=len(true),
        )  # fmt: skip
        assert tracking.det([table]) == pytest.approx(theirs)
