import numpy as np
import pytest
from support.shapes import bars

from nucleizoo.metrics.overlap import Overlap
from nucleizoo.metrics.tracking import det, inside, op_csb, seg


def test_seg_is_the_mean_jaccard_of_true_nuclei_and_extra_ones_are_free():
    truth = bars((1, 0, 10), (2, 20, 30), (3, 40, 50))
    table = Overlap.of(bars((1, 0, 8), (2, 24, 30), (3, 40, 45), (4, 52, 58)), truth)
    # 8/10; 6/10; exactly half covered is no match
    assert seg([table]) == pytest.approx((0.8 + 0.6 + 0) / 3)
    assert seg([table, Overlap.of(truth, truth)]) == pytest.approx((1.4 + 3) / 6)


def test_det_charges_five_for_a_merge_ten_for_a_miss_and_one_for_an_extra():
    truth = bars((1, 0, 10), (2, 10, 20), (3, 40, 50))
    merged = Overlap.of(bars((1, 0, 20), (2, 30, 34)), truth)
    assert det([merged]) == pytest.approx(1 - (5 + 10 + 1) / 30)
    assert op_csb([merged], [merged]) == pytest.approx((det([merged]) + seg([merged])) / 2)


def test_det_is_never_negative_and_defined_without_nuclei():
    many = bars(*((i + 1, 2 * i, 2 * i + 1) for i in range(5, 25)))
    assert det([Overlap.of(many, bars((1, 0, 4)))]) == 0
    assert det([Overlap.of(bars(), bars())]) == seg([Overlap.of(bars(), bars())]) == 1
    assert det([Overlap.of(many, bars())]) == 0


@pytest.mark.parametrize("planes", [(), (3,)])
def test_nuclei_wholly_in_the_border_of_the_plane_are_dropped_and_others_stay_whole(planes):
    labels = np.zeros((*planes, 20, 30), np.int32)
    labels[..., 0:4, 5:9], labels[..., 2:8, 12:15], labels[..., 10, 27:30] = 1, 2, 3
    kept = inside(labels, 5)
    assert set(np.unique(kept)) == {0, 2} and np.array_equal(kept == 2, labels == 2)
    assert inside(labels, 0) is labels
    for border in (10, -1):
        with pytest.raises(ValueError, match=f"border .*{border} "):
            inside(labels, border)
