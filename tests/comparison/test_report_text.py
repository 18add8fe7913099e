"""What sentences name, and numbers as a reader meets them."""

import re
from types import SimpleNamespace

import pytest
from support.naming import names

from nucleizoo.comparison import report_text
from nucleizoo.comparison.columns import COSTS
from nucleizoo.comparison.result import Entry, Result
from nucleizoo.comparison.significance import Spread


def result(scores, dice=None):
    """Models by name with the F1 of every image, one seed each."""
    entries = []
    for name, values in scores.items():
        mean = sum(values) / len(values)
        figures = {"f1_per_image": Spread(mean, None), "dice": Spread((dice or {}).get(name, mean), None)}
        per_image = dict(zip(map(str, range(len(values))), values, strict=True))
        entries.append(
            Entry(SimpleNamespace(name=name, runs=[None], learns=True), [], [], [], figures, per_image)
        )
    return Result.of(entries, [str(i) for i in range(len(values))])


def test_the_best_is_named_with_its_lead_and_the_test():
    told = result({"m2": [0.5] * 8, "m1": [0.7] * 8, "m3": [0.1] * 8})
    verdict = report_text.verdict(told)
    names(verdict, "best", "0.700", "0.200", "8 images")
    assert re.findall(r"\bm\d", verdict) == ["m1", "m2"]
    names(report_text.support(told), "supports", "p = 0.023")  # 2 / 2**8, times three tests
    assert "not" not in report_text.support(told)
    names(report_text.caution(told), "seed", "each model")
    assert "Dice" not in report_text.caution(told)


def test_a_lead_that_may_be_chance_is_called_so():
    mixed = result({"m1": [0.9, 0.1, 0.9, 0.1, 0.9, 0.2], "m2": [0.1, 0.9, 0.1, 0.9, 0.1, 0.9]})
    names(report_text.support(mixed), "not support", "p =")
    few = report_text.support(result({"m1": [0.9] * 5, "m2": [0.1] * 5}))
    names(few, "images", "5", "6")
    assert "p =" not in few


def test_ties_nothing_found_and_one_model_have_their_own_sentences():
    tie = result({"m1": [0.5] * 6, "m2": [0.5] * 6})
    names(report_text.verdict(tie), "m1", "m2", "equally", "0.500", "6 images")
    names(report_text.verdict(result({"m1": [0.0] * 6, "m2": [0.0] * 6})), "No model", "0.000", "6 images")
    alone = result({"m1": [0.5]})
    names(report_text.verdict(alone), "m1", "0.500", "1 image")
    assert "best" not in report_text.verdict(alone)
    assert report_text.support(tie) == report_text.support(alone) == ""


def test_another_winner_by_pixels_is_mentioned():
    caution = report_text.caution(result({"m1": [0.7] * 6, "m2": [0.5] * 6}, dice={"m1": 0.6, "m2": 0.8}))
    names(caution, "Dice", "m2")
    assert "m1" not in caution


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        ("training_seconds", 7.4, "7 s"), ("training_seconds", 125, "2 min 5 s"),
        ("training_seconds", 7322, "2 h 2 min"), ("parameters", 999, "999"), ("parameters", 1234, "1.23 k"),
        ("parameters", 5421696, "5.42 M"), ("pixels_per_second", 123456, "123 k"),
        ("peak_bytes", 5.21e6, "5.2 MB"), ("peak_bytes", 1.234e9, "1,234 MB"), ("steps", 1200, "1,200"),
    ],
)  # fmt: skip
def test_numbers_have_two_or_three_digits_and_a_unit(key, value, text):
    (column,) = (column for column in COSTS if column.key == key)
    assert column.shown(value) == text
