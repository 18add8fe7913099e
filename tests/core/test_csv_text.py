import csv
import io

import pytest

from nucleizoo.core.csv_text import csv_text


def read(rows):
    return list(csv.DictReader(io.StringIO(csv_text(rows), newline="")))


@pytest.mark.parametrize("name", [
    "=HYPERLINK(1)", "+1+1", "@SUM(1)", "-2+3", "\t=1", "\r=1", "\n=1", "-", "=", '="a,b"', "\uff1d1+1",
    "-inf.tif", "+a b",
])  # fmt: skip
def test_no_text_begins_as_a_formula_does(name):
    assert [*read([{"image": name, "dice": 0.5}])[0].values()] == [f"'{name}", "0.5"]
    assert read([{name: 1}]) == [{f"'{name}": "1"}]


@pytest.mark.parametrize("value", [-0.5, -3, "-0.5", "+1", "-1e-05", "-inf", "a=1", "a-b", "'=1", "", " =1"])
def test_numbers_and_other_texts_stay(value):
    assert read([{"score": value, "image": "a"}])[0]["score"] == str(value)


def test_rows_may_lack_what_others_have():
    assert read([{"a": 1}, {"b": "x, y"}]) == [{"a": "1", "b": ""}, {"a": "", "b": "x, y"}]
