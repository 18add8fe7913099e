import json
import logging
import re
import sys
import time

import numpy as np
import pytest
import torch
from PIL import Image
from support.naming import names
from support.toy_methods import Duo, batches, settings, trainer

from nucleizoo.contracts import Update
from nucleizoo.runs import Run
from nucleizoo.training.report import Report, mosaic


class Counted(Duo):
    """The loss 'step' is the number of the step, 'half' half of it."""

    def train_step(self, batch, clock):
        step = clock.iteration + 1
        yield Update("maker", {"step": step + 0 * self.made.sum(), "half": step / 2 + 0 * self.made.sum()})


@pytest.fixture
def run(tmp_path):
    return Run(tmp_path / "run", settings()).create()


def trained(run, total=6, start=0, every=2, tensorboard=False):
    report = Report(run, every, tensorboard)
    made = trainer(Counted(), [report], TOTAL=total)
    made.iteration = start
    made.train(batches(total - start))
    return report


def rows(run):
    return [json.loads(line) for line in (run.path / "log.jsonl").read_text().splitlines()]


def test_every_few_steps_the_losses_are_logged(run):
    trained(run, total=7, every=3)
    assert [row["iteration"] for row in rows(run)] == [3, 6, 7]
    assert rows(run)[0]["loss"] == {"step": 3.0, "half": 1.5}
    assert all(row["seconds"] >= 0 for row in rows(run))


def test_piped_output_is_plain_lines(run, caplog):
    caplog.set_level(logging.INFO)
    trained(run)
    said = [record.message for record in caplog.records]
    names(said[0], "cpu", "float32", "6 steps", run.path)
    assert [line.split()[0] for line in said[1:]] == ["2/6", "4/6", "6/6"]
    line = re.compile(r"4/6  [\d.]+ steps/s  \d+ s left  step 4.000 half 2.000")
    assert line.fullmatch(said[2])
    assert not any("\r" in one or "\x1b" in one for one in said)


def test_a_terminal_gets_a_bar_with_rate_time_left_and_losses(run, capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    trained(run)
    bar = capsys.readouterr().err.split("\r")[-1]
    assert "6/6" in bar and "step/s" in bar and "step 6.000 half 3.000" in bar


def test_a_resumed_log_has_every_iteration_once(run):
    trained(run, total=6)
    before = rows(run)
    with (run.path / "log.jsonl").open("a") as file:
        file.write('{"iteration": 8, "los')  # cut short by a crash
    trained(run, total=8, start=4)
    assert [row["iteration"] for row in rows(run)] == [2, 4, 6, 8]
    assert rows(run)[:2] == before[:2]


def test_the_seconds_of_a_resumed_training_go_on(run):
    trained(run, total=4)
    lines = [
        json.loads(line) | {"seconds": 100.0} for line in (run.path / "log.jsonl").read_text().splitlines()
    ]
    (run.path / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    trained(run, total=6, start=4)
    assert rows(run)[-1]["iteration"] == 6 and 100 <= rows(run)[-1]["seconds"] < 130


def test_other_numbers_are_logged_under_their_own_name(run):
    report = Report(run, 2, False)
    made = trainer(Counted(), [report])
    report.before_training(made)
    report.scalars(5, {"dice": 0.5}, "truth")
    report.close()
    assert rows(run)[0]["truth"] == {"dice": 0.5} and rows(run)[0]["iteration"] == 5


def events(run):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    loaded = accumulator.EventAccumulator(str(run.path))
    loaded.Reload()
    return loaded


def test_tensorboard_reads_the_events(run):
    report = trained(run, tensorboard=True)
    loaded = events(run)
    assert set(loaded.Tags()["scalars"]) == {"loss/step", "loss/half"}
    assert [(e.step, e.value) for e in loaded.Scalars("loss/half")] == [(2, 1.0), (4, 2.0), (6, 3.0)]
    assert report.events is not None


def test_a_resumed_run_replaces_the_events_it_writes_again(run):
    trained(run, total=6, tensorboard=True)
    time.sleep(1.1)  # TensorBoard reads files of events in the order of the seconds in their names
    trained(run, total=8, start=4, tensorboard=True)
    assert [e.step for e in events(run).Scalars("loss/step")] == [2, 4, 6, 8]


def test_without_tensorboard_there_is_a_hint_and_the_rest(run, caplog, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard.writer", None)
    trained(run, tensorboard=True)
    assert "pip install 'nucleizoo[tensorboard]'" in caplog.text
    assert len(rows(run)) == 3 and not list(run.path.glob("events.*"))


def test_a_panel_is_a_picture_file_and_an_event(run):
    report = Report(run, 2, True)
    made = trainer(Counted(made=1.0), [report])
    report.before_training(made)
    made.iteration = 3
    made.batch = {"image": torch.linspace(-1, 1, 7 * 16).reshape(7, 1, 4, 4)}
    report.panel(made)
    report.close()
    (file,) = (run.path / "snapshots").iterdir()
    assert file.name == "panel_00000003.png"
    assert np.asarray(Image.open(file)).shape == (2 * 6, 4 * 6)  # two kinds, four crops, framed
    loaded = events(run)
    assert [e.step for e in loaded.Images("panel")] == [3]
    assert (loaded.Images("panel")[0].height, loaded.Images("panel")[0].width) == (12, 24)


def test_a_mosaic_is_rows_of_framed_pictures():
    one = torch.tensor([[-1.0, 1.0], [0.0, 5.0]])  # what lies beyond the range is cut
    picture = mosaic({"first": torch.stack([one, -one])[:, None], "second": torch.zeros(2, 1, 2, 2)})
    assert picture.shape == (8, 8) and picture.dtype == np.uint8
    np.testing.assert_array_equal(picture[1:3, 1:3], [[0, 255], [128, 255]])
    np.testing.assert_array_equal(picture[1:3, 5:7], [[255, 0], [128, 0]])
    np.testing.assert_array_equal(picture[5:7, 1:3], 128)
    np.testing.assert_array_equal(picture[[0, 3, 4, 7]], 255)


def test_a_mosaic_of_volumes_shows_their_middle_planes():
    volume = torch.full((1, 1, 5, 2, 3), -1.0)
    volume[:, :, 2] = 0.0
    picture = mosaic({"volume": volume})
    assert picture.shape == (4, 5)
    np.testing.assert_array_equal(picture[1:3, 1:4], 128)


def test_a_mosaic_shows_three_maps_as_colours_beside_a_gray_picture():
    maps = torch.tensor([1.0, 0.0, -1.0]).reshape(1, 3, 1, 1, 1).expand(1, 3, 5, 2, 3)
    rows = {
        "gray": torch.zeros(1, 1, 5, 2, 3),
        "three": maps,
        "two": maps[:, :2],
        "four": maps[:, [0, 1, 2, 0]],
    }
    picture = mosaic(rows)
    assert picture.shape == (16, 5, 3)
    np.testing.assert_array_equal(picture[1:3, 1:4], 128)
    for top in (5, 9, 13):  # a second map alone leaves blue black
        np.testing.assert_array_equal(picture[top : top + 2, 1:4], np.broadcast_to([255, 128, 0], (2, 3, 3)))
    np.testing.assert_array_equal(picture[[0, 3, 4, 7]], 255)


def test_a_mosaic_of_half_precision_pictures():
    picture = mosaic({"image": torch.ones(1, 1, 2, 2, dtype=torch.bfloat16)})
    np.testing.assert_array_equal(picture, 255)
