import numpy as np
import pytest

from nucleizoo.metrics.objects import ObjectScore, score


def bars(*spans):
    """A row of labelled bars, each (label, first, last + 1)."""
    row = np.zeros(60, np.int32)
    for label, start, stop in spans:
        row[start:stop] = label
    return row


@pytest.mark.parametrize(
    ("shift", "found"),
    [(0, True), (3, True), (4, False), (10, False)],
)
def test_a_bar_of_ten_is_found_while_it_overlaps_by_more_than_half_of_the_union(shift, found):
    # overlap 10 - shift, union 10 + shift: 7/13 = 0.54 at 3, 6/14 = 0.43 at 4
    got = score(bars((3, shift, shift + 10)), bars((9, 0, 10)))
    assert got == ObjectScore(int(found), int(not found), int(not found))


def test_exactly_half_is_not_a_match_so_that_matches_are_one_to_one():
    truth, halves = bars((1, 0, 10)), bars((1, 0, 5), (2, 5, 10))
    assert score(halves, truth) == ObjectScore(0, 2, 1)
    assert score(truth, halves) == ObjectScore(0, 1, 2)


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
    with pytest.raises(ValueError, match="differ in shape"):
        score(np.zeros((2, 2), int), np.zeros((2, 3), int))


def test_average_precision_is_the_share_of_hits_among_all():
    assert ObjectScore(6, 1, 3).ap == 0.6
    assert ObjectScore(0, 0, 0).ap == 1.0
