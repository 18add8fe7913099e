from support.shapes import bars

from nucleizoo.metrics.errors import Errors
from nucleizoo.metrics.overlap import Overlap


def sorted_out(prediction, truth):
    errors = Errors.of(Overlap.of(prediction, truth))
    return {name: values.tolist() for name, values in vars(errors).items() if values.size}


def test_each_kind_of_error_by_its_name():
    truth = bars((1, 0, 10), (2, 12, 16), (3, 20, 24), (4, 24, 28), (5, 30, 40))
    prediction = bars((11, 0, 9), (12, 20, 28), (13, 30, 34), (14, 34, 38), (15, 50, 55))
    assert sorted_out(prediction, truth) == {
        "matched": [11], "missed": [2], "merged": [12], "swallowed": [3, 4], "fragments": [13, 14],
        "split": [5], "invented": [15],
    }  # fmt: skip


def test_a_large_part_and_a_crumb_are_one_split_nucleus():
    said = sorted_out(bars((1, 0, 8), (2, 8, 10)), bars((1, 0, 10)))
    assert said == {"fragments": [1, 2], "split": [1]}


def test_a_shift_too_far_is_missed_and_invented():
    assert sorted_out(bars((1, 8, 18)), bars((1, 0, 10))) == {"invented": [1], "missed": [1]}
    assert sorted_out(bars(), bars()) == {}
