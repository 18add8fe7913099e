"""The rank correlation of scores without labels with those that have them."""

import pytest

from nucleizoo.comparison.columns import SCORES
from nucleizoo.comparison.label_free import FEWEST, likenesses

DICE = next(column for column in SCORES if column.key == "dice")
ERROR = next(column for column in SCORES if column.key == "count_error")


def rows(**scores):
    return [dict(zip(scores, values, strict=True)) for values in zip(*scores.values(), strict=True)]


def found(rows, true=DICE):
    return {one.column.key: (one.rho, one.runs) for one in likenesses(rows, true)}


def test_one_is_the_same_order_whether_more_or_less_is_better():
    runs = rows(
        dice=[0.1, 0.2, 0.3, 0.4, 0.5], count_error=[9, 7, 5, 3, 1],
        sizes=[0.0, 0.1, 0.7, 0.8, 0.9], offset=[5, 4, 3, 2, 1], polarity=[0.9, 0.8, 0.5, 0.2, 0.1],
    )  # fmt: skip
    order = {"sizes": 1, "offset": 1, "polarity": -1}
    for true in (DICE, ERROR):
        assert found(runs, true) == {key: (pytest.approx(rho), 5) for key, rho in order.items()}


def test_it_is_spearmans_one_minus_six_sums_of_squared_rank_differences():
    runs = rows(dice=[1, 2, 3, 4, 5, 6], solidity=[1, 3, 2, 4, 6, 5])  # four differences of 1
    assert found(runs)["solidity"] == (pytest.approx(1 - 6 * 4 / (6 * 35)), 6)


def test_runs_that_lack_a_score_are_left_out_and_few_runs_say_nothing():
    runs = [*rows(dice=range(FEWEST), sizes=range(FEWEST)), {"dice": 0.3}]
    assert found(runs)["sizes"] == (pytest.approx(1), FEWEST)
    assert not found(runs[1:])


def test_a_score_that_is_the_same_for_all_has_no_order():
    assert found(rows(dice=[1, 2, 3, 4, 5], offset=[0] * 5))["offset"] == (None, 5)
