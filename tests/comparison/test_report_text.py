"""Sentences and numbers as a reader meets them."""

from types import SimpleNamespace

import pytest

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
        entries.append(Entry(SimpleNamespace(name=name, runs=[None]), [], [], [], figures, per_image))
    return Result.of(entries, [str(i) for i in range(len(values))])


def test_the_best_is_named_with_its_lead_and_the_test():
    told = result({"b": [0.5] * 8, "a": [0.7] * 8, "c": [0.1] * 8})
    assert report_text.verdict(told) == (
        "a finds nuclei best: its F1 is 0.700, 0.200 above that of b (mean over 8 images)."
    )
    assert (
        report_text.support(told) == "The paired test supports this (p = 0.023)."
    )  # 2 / 2**8, times three tests
    assert report_text.caution(told) == (
        "There is one seed of each model: trained again, scores may move by several points."
    )


def test_a_lead_that_may_be_chance_is_called_so():
    mixed = result({"a": [0.9, 0.1, 0.9, 0.1, 0.9, 0.2], "b": [0.1, 0.9, 0.1, 0.9, 0.1, 0.9]})
    assert "does not support this (p = " in report_text.support(mixed)
    few = result({"a": [0.9] * 5, "b": [0.1] * 5})
    assert "no test can tell with so few images (5; 6 are the least)" in report_text.support(few)


def test_ties_nothing_found_and_one_model_have_their_own_sentences():
    tie = result({"a": [0.5] * 6, "b": [0.5] * 6})
    assert "equally well" in report_text.verdict(tie) and report_text.support(tie) == ""
    assert report_text.verdict(result({"a": [0.0] * 6, "b": [0.0] * 6})).startswith("No model finds nuclei")
    alone = result({"a": [0.5]})
    assert "(mean over 1 image)" in report_text.verdict(alone) and report_text.support(alone) == ""


def test_another_winner_by_pixels_is_mentioned():
    told = result({"a": [0.7] * 6, "b": [0.5] * 6}, dice={"a": 0.6, "b": 0.8})
    assert report_text.caution(told).startswith("By Dice, which counts pixels and not nuclei, b is ahead.")


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
