"""Our definitions against stardist's and py-ctcmetrics' code: typed results, and the code where installed.

The typed ones are of stardist 0.9.2 and py-ctcmetrics 1.3.3 with numpy 2.4.6, given by the calls of the last
three tests for every pair of the fixtures (`pip install stardist py-ctcmetrics`).
"""

from collections import Counter

import numpy as np
import pytest
import tifffile
from support.shapes import balls

from nucleizoo import api
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


BORDERS = {0: (0.298254, 0.552727), 9: (0.249146, 0.432353)}
"""Pixels of border -> SEG and DET of `sequence`."""


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


@pytest.fixture
def sequence(tmp_path):
    """Three volumes, with markers each, of which one has no nuclei and two have an annotated plane, in files.

    Gives the pairs that count for SEG and for DET.
    """
    rng = np.random.default_rng(3)
    volumes = [balls(rng, (12, 60, 70), count) for count in (30, 25, 0)]
    planes, marked = [], []
    for frame, (prediction, truth) in enumerate(volumes):
        dots = np.zeros_like(truth)
        for nucleus in np.unique(truth)[1:]:
            voxels = np.argwhere(truth == nucleus)
            dots[tuple(voxels[len(voxels) // 2])] = nucleus
        written = {f"found/02_t{frame}_label.tif": prediction, f"markers/02_t{frame}.tif": dots}
        marked.append((prediction, dots))
        if frame != 1:
            written[f"labels/02_t{frame}_z005.tif"] = truth[5]
            planes.append((prediction[5], truth[5]))
        for name, labels in written.items():
            (tmp_path / name).parent.mkdir(exist_ok=True)
            tifffile.imwrite(tmp_path / name, labels.astype(np.uint16), photometric="minisblack")
    return planes, marked


def tracked(folder, border):
    settings = {"markers": folder / "markers", "border": border}
    return api.evaluate(folder / "found", folder / "labels", **settings)["tracking"]


@pytest.mark.parametrize("border", BORDERS)
def test_planes_and_markers_in_files_score_what_the_challenges_code_gave(sequence, border, tmp_path):
    seg, det = BORDERS[border]
    wanted = {"seg": seg, "det": det, "op_csb": (seg + det) / 2}
    assert tracked(tmp_path, border) == pytest.approx(wanted, abs=1e-6)


@pytest.mark.parametrize("border", BORDERS)
def test_planes_and_markers_in_files_score_what_the_challenges_code_gives(sequence, border, tmp_path):
    representations = pytest.importorskip("ctc_metrics.utils.representations")
    technical = pytest.importorskip("ctc_metrics.metrics.technical")
    matches = []
    for pairs in sequence:
        matches.append([])
        for pair in pairs:
            files = [str(tmp_path / name) for name in ("truth.tif", "prediction.tif")]
            for file, labels in zip(files, reversed(pair), strict=True):
                middle = np.s_[..., border : labels.shape[-2] - border, border : labels.shape[-1] - border]
                seen = [nucleus for nucleus in np.unique(labels) if (labels[middle] == nucleus).any()]
                tifffile.imwrite(file, np.where(np.isin(labels, seen), labels, 0).astype(np.uint16))
            matches[-1].append(representations.match(*files))
    (true, _, _, _, ious), dots = (list(zip(*one, strict=True)) for one in matches)
    operations = representations.count_acyclic_graph_correction_operations(None, None, *dots[:4])
    found = tracked(tmp_path, border)
    assert found["seg"] == pytest.approx(technical.seg.seg(true, ious), rel=1e-12)
    assert found["det"] == pytest.approx(technical.det.det(**operations), rel=1e-12)
