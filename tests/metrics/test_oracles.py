"""Our definitions against stardist's and py-ctcmetrics' code, where these are installed."""

from collections import Counter

import numpy as np
import pytest
import tifffile
from shapes import balls

from nucleizoo.metrics import objects, tracking
from nucleizoo.metrics.overlap import Overlap


@pytest.fixture(params=[(90, 100), (20, 40, 50)], ids=["2d", "3d"])
def pairs(request):
    rng = np.random.default_rng(0)
    return [balls(rng, request.param, 30) for _ in range(8)]


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
