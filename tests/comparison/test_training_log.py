import json

import pytest

from nucleizoo.comparison.training_log import History
from nucleizoo.runs import Run


def history(tmp_path, *lines):
    (tmp_path / "log.jsonl").write_text(
        "\n".join(one if isinstance(one, str) else json.dumps(one) for one in lines)
    )
    return History.of(Run(tmp_path, None))


def row(iteration, seconds, **groups):
    return {"iteration": iteration, "seconds": seconds, **groups}


def test_seconds_of_a_training_in_pieces_add_up(tmp_path):
    parts = [row(10, 5.0), row(20, 9.0), row(30, 2.0), row(40, 4.5), row(50, 0.5)]
    assert history(tmp_path, *parts).seconds == pytest.approx(9 + 4.5 + 0.5)


def test_curves_hold_what_was_logged_and_is_a_number(tmp_path):
    told = history(
        tmp_path,
        row(1, 1, loss={"a": 3.0, "b": float("nan")}),
        '{"iteration": 2, "lo',
        row(2, 2, loss={"a": 2.0, "b": 1.0}),
        row(2, 2, truth={"dice": 0.5}),
    )
    assert told.losses == {"a": [(1, 3.0), (2, 2.0)], "b": [(2, 1.0)]}
    assert told.scores == {"dice": [(2, 0.5)]} and told.steps == 2


def test_a_run_without_a_log_has_no_history(tmp_path):
    assert History.of(Run(tmp_path, None)) == History(0, 0.0, {}, {})
