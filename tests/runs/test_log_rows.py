import json

import pytest

from nucleizoo.runs import log_rows

GOOD = [
    {"iteration": 1, "seconds": 0.5, "loss": {"a": 3.0, "b": float("nan")}},
    {"iteration": 2, "seconds": 1, "truth": {"dice": 1}},
    {"iteration": 2, "seconds": 1.5},
]


@pytest.mark.parametrize("line", [
    b"\xff\xfe", b"[" * 100_000, b"{" * 5, b'{"iteration": 2, "lo', b"[1, 2]", b"3", b"null", b"",
    b"\x00" * 50, b'{"iteration": "2", "seconds": 1.0}', b'{"iteration": 2}', b'{"seconds": 2}',
    b'{"iteration": 1e999, "seconds": 1}',
    b'{"iteration": 2, "seconds": NaN}', b'{"iteration": 2, "seconds": 1' + b"0" * 400 + b"}",
    b'{"iteration": 2, "seconds": 1, "loss": 3}', b'{"iteration": 2, "seconds": 1, "loss": {"a": "3"}}',
    b'{"iteration": true, "seconds": 1}', "\u2028\x85\x0c".encode(),
], ids=range(19))  # fmt: skip
def test_damaged_lines_are_left_out_and_the_others_read(tmp_path, line):
    lines = [json.dumps(row).encode() for row in GOOD]
    (tmp_path / "log.jsonl").write_bytes(b"\n".join([lines[0], line, *lines[1:], line]))
    assert json.dumps([*log_rows.read(tmp_path)]) == json.dumps(GOOD)


def test_without_a_log_there_are_no_rows(tmp_path):
    assert not [*log_rows.read(tmp_path)]
