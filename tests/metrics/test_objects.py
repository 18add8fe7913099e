import numpy as np
import pytest
from support.shapes import bars

from nucleizoo.metrics.objects import ObjectScore, match, ranked_ap, score
from nucleizoo.metrics.overlap import Overlap


@pytest.mark.parametrize(
    ("shift", "found"),
    [(0, True), (3, True), (4, False), (10, False)],
)
def test_a_bar_of_ten_is_found_while_it_overlaps_by_more_than_half_of_the_union(shift, found):
    # overlap 10 - shift, union 10 + shift: 7/13 = 0.54 at 3, 6/14 = 0.43 at 4
    got = score(bars((3, shift, shift + 10)), bars((9, 0, 10)))
    assert got == ObjectScore(int(found), int(not found), int(not found))


def test_at_exactly_half_a_nucleus_is_matched_once():
    truth, halves = bars((1, 0, 10)), bars((1, 0, 5), (2, 5, 10))
    assert score(halves, truth) == ObjectScore(1, 1, 0)
    assert score(truth, halves) == ObjectScore(1, 0, 1)
    assert score(truth, halves, 0.51) == ObjectScore(0, 1, 2)


def test_merged_nuclei_cost_what_is_lost():
    merged, truth = bars((1, 0, 20)), bars((1, 0, 13), (2, 13, 20))
    assert score(merged, truth) == ObjectScore(1, 0, 1)  # 13/20 is a match, 7/20 is none


def test_numbers_of_labels_do_not_matter():
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 30, (20, 20)).repeat(5, 0).repeat(5, 1).astype(np.int32)
    other = np.append(0, rng.permutation(29) * 1000 + 2**30).astype(np.int32)[truth]
    assert score(other, truth) == ObjectScore(29, 0, 0)


def test_nothing_in_nothing_is_perfect_and_something_in_nothing_is_not():
    empty, one = bars(), bars((1, 0, 5))
    assert score(empty, empty).f1 == 1.0
    assert score(one, empty).f1 == score(empty, one).f1 == 0.0
    assert score(empty, one).precision == 0.0


def test_pooling_counts_all_nuclei_at_once():
    whole = ObjectScore.pooled([ObjectScore(3, 1, 0), ObjectScore(1, 0, 3)])
    assert whole == ObjectScore(4, 1, 3)
    assert whole.f1 == pytest.approx(8 / 12) and whole.precision == 0.8 and whole.recall == 4 / 7


def test_shapes_must_agree():
    with pytest.raises(ValueError, match=r"\(2, 2\).*\(2, 3\)"):
        score(np.zeros((2, 2), int), np.zeros((2, 3), int))


def test_average_precision_is_the_share_of_hits_among_all():
    assert ObjectScore(6, 1, 3).ap == 0.6
    assert ObjectScore(0, 0, 0).ap == 1.0


def test_below_a_half_the_most_nuclei_are_matched_and_none_twice():
    # 1 overlaps 1 (10/19) and 2 (4/20), 2 overlaps 1 alone (5/15): without the best pair two are matched
    truth, prediction = bars((1, 0, 15), (2, 15, 25)), bars((2, 0, 5), (1, 5, 19))
    table = Overlap.of(prediction, truth)
    assert score(prediction, truth, 0.15) == ObjectScore(2, 0, 0)
    pairs = match(table, 0.15)
    assert len(set(table.found[pairs])) == len(set(table.true[pairs])) == len(pairs) == 2
    for iou in (0.0, 1.1):
        with pytest.raises(ValueError, match=f"IoU .*{iou}"):
            match(table, iou)


def test_ranked_average_precision_by_hand():
    # by size: 20 wide wrong, 12 wide right, 10 wide right, of three true nuclei
    prediction = bars((1, 0, 20), (2, 25, 37), (3, 40, 50))
    table = Overlap.of(prediction, bars((1, 25, 37), (2, 40, 50), (3, 52, 60)))
    # precision is at most 2/3 for recalls up to 2/3 (67 of 101 samples: 0.00 to 0.66), then nothing
    assert ranked_ap([table]) == pytest.approx(67 / 101 * 2 / 3)
    assert ranked_ap([table], scores=[np.array([0.1, 0.9, 0.8])]) == pytest.approx(67 / 101)
    assert ranked_ap([table], 1.0, scores=[np.array([0.1, 0.9, 0.8])]) == pytest.approx(67 / 101)


def test_ranking_goes_over_all_images():
    right, wrong = (
        Overlap.of(bars((1, 0, 9)), bars((1, 0, 9))),
        Overlap.of(bars((1, 0, 20)), bars((1, 30, 40))),
    )
    assert ranked_ap([right, wrong]) == pytest.approx(51 / 101 * 1 / 2)  # the larger, wrong one comes first
    assert ranked_ap([right, right]) == 1.0


def test_ranked_average_precision_of_nothing():
    empty, full = bars(), bars((1, 0, 9))
    assert ranked_ap([Overlap.of(empty, empty)]) == 1.0
    assert ranked_ap([Overlap.of(empty, full)]) == ranked_ap([Overlap.of(full, empty)]) == 0.0
    with pytest.raises(ValueError, match=r"ranked_ap .*score"):
        ranked_ap([Overlap.of(full, full)], scores=[np.zeros(2)])
