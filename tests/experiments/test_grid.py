"""Grids: what a file means, in which order it is trained, and what is left when it is begun again."""

import csv
from itertools import pairwise
from pathlib import Path

import pytest
from support.naming import names

from nucleizoo import api, cli
from nucleizoo.core.errors import ConfigError, DivergedError, ForeignFileError, UserError
from nucleizoo.experiments.grid_file import GridFile
from nucleizoo.experiments.pipeline import load_config
from nucleizoo.training import session

CONFIGS = Path(__file__).parents[2] / "configs"
SHIPPED = sorted((CONFIGS / "grids").glob("*.yaml"))
FAST = {
    "SYSTEM.WORKERS": 0, "SOLVER.TOTAL": 1, "MONITOR.SNAPSHOT": 0, "MONITOR.TENSORBOARD": False,
}  # fmt: skip
FOLDERS = {"IMAGES": "images", "LABELS": "labels"}


@pytest.fixture
def grid(toy_images, tmp_path, monkeypatch):
    """A file: a threshold and two seeds of a toy, on the same pictures as two sets; other keys go over it."""
    import yaml

    monkeypatch.setenv("NUCLEIZOO_DATA", str(toy_images))
    keys = {
        "CONFIGS": [str(CONFIGS / "threshold_2d.yaml"), str(CONFIGS / "toy" / "adgan_2d.yaml")],
        "SEEDS": [5, 6],
        "ROOT": "images",
        "SETTINGS": FAST,
        "SETS": {"one": FOLDERS, "two": FOLDERS | {"BORDER": 2}},
        "OUT": str(tmp_path / "out"),
        "RESULTS": str(tmp_path / "results"),
    }

    def write(**more):
        file = tmp_path / "grid.yaml"
        file.write_text(yaml.safe_dump({k: v for k, v in (keys | more).items() if v is not None}))
        return file

    return write


def rows(tmp_path, name):
    with (tmp_path / "results" / f"{name}.csv").open() as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(("more", "told"), [
    ({"SEED": [1]}, r"no key SEED; did you mean SEEDS"),
    ({"SEEDS": [1, 1]}, r"SEEDS .*\[1, 1\]"),
    ({"SEEDS": 3}, r"SEEDS must be a list"),
    ({"SETS": None}, r"SETS is missing"),
    ({"SETS": {"one": {"IMAGES": "images"}}}, r"SETS\.one: LABELS is missing"),
    ({"SETS": {"one": {"IMAGES": "i", "LABELS": "l", "BORDER": "wide"}}}, r"BORDER .*'wide'"),
    ({"SETS": {"one": FOLDERS | {"ROWS": ["labels"]}}}, r"SETS\.one\.ROWS"),
    ({"SETS": {"one": FOLDERS | {"ROWS": {"Mine": "volumes"}}}}, r"'Mine'.*stack0"),
    ({"CONFIGS": [{"a.yaml": 1}]}, r"CONFIGS .*\[FIRST, SECOND\]"),
    ({"CONFIGS": ["adgan"]}, r"no model is called 'adgan'"),
    ({"CONFIGS": [str(CONFIGS / "toy" / "adgan_2d.yaml")] * 2}, r"adgan_2d twice"),
])  # fmt: skip
def test_a_mistake_in_the_file_names_its_key(grid, more, told):
    with pytest.raises(UserError, match=told):
        list(api.open_grid(grid(**more)).perform())


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.stem)
def test_a_grid_that_ships_names_configurations_and_begins_with_its_command(file):
    told = GridFile.read(file)
    assert len(told.systems) > 8 and told.models == ["nuclei_2d"] and list(told.seeds) == [10, 11, 12]
    for files in told.systems:
        assert all(one.is_file() for one in files)
        for first, second in pairwise(files):
            assert load_config(second).DATASET.SOURCE.RUN == f"runs/{first.stem}"
    text = file.read_text()
    assert text.startswith("# ") and f"nucleizoo compare --grid configs/grids/{file.name} --dry-run" in text


def test_one_seed_of_all_comes_before_the_next_and_what_learns_nothing_has_one(grid, toy_images, tmp_path):
    opened = api.open_grid(grid())
    assert [(one.name, one.seed, one.total) for one in opened.progress()] == [
        ("threshold_2d", 5, 0), ("adgan_2d", 5, 1), ("adgan_2d", 6, 1),
    ]  # fmt: skip
    trial = opened.trials(6)[0]
    assert opened.place(trial) == tmp_path / "out" / "adgan_2d_seed6"
    assert trial.config.DATASET.ROOT == str(toy_images / "images")


def test_a_grid_scores_every_training_on_every_set_and_trains_nothing_twice(
    grid, tmp_path, monkeypatch, capsys
):
    command = ["compare", "--grid", str(grid(SEEDS=[5]))]
    assert cli.main([*command, "--finished"]) == 2 and "no finished run" in capsys.readouterr().err
    assert cli.main(command) == 0
    for name in ("one", "two"):
        assert (tmp_path / "out" / f"report_{name}" / "report.html").is_file()
        found = rows(tmp_path, name)
        assert {(row["model"], row["seed"], row["images"]) for row in found} == {
            ("threshold_2d", "5", "3"), ("adgan_2d", "5", "3"),
        }  # fmt: skip
        assert [float(row["steps"]) for row in found if row["model"] == "adgan_2d"] == [1]
    (threshold,) = [row for row in found if row["model"] == "threshold_2d"]
    assert float(threshold["dice"]) > 0.8 and threshold["solidity"] == ""
    capsys.readouterr()
    assert cli.main([*command, "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert "threshold_2d, seed 5: nothing to train" in said and said.count("finished, took") == 1
    assert said.splitlines()[-1] == "0 of 2 trainings to do"
    monkeypatch.setattr(session, "train", lambda *a, **k: pytest.fail("trained again"))
    assert cli.main(command) == 0
    assert [row["dice"] for row in rows(tmp_path, "two")] == [row["dice"] for row in found]


def test_what_fails_is_told_and_the_others_go_on(grid, tmp_path, monkeypatch, capsys):
    train = session.train

    def failing(config, out, **how):
        if config.SYSTEM.SEED == 5 and config.SOLVER.TOTAL:
            raise DivergedError("a loss is not finite")
        return train(config, out, **how)

    monkeypatch.setattr(session, "train", failing)
    only = {"one": FOLDERS | {"ROWS": {"Mine": "labels"}}}
    assert cli.main(["compare", "--grid", str(grid(SETS=only))]) == 1
    assert "failed: adgan_2d_seed5: a loss is not finite" in capsys.readouterr().err
    assert {(row["model"], row["seed"]) for row in rows(tmp_path, "one")} == {
        ("threshold_2d", "5"), ("adgan_2d", "6"), ("Mine", ""),
    }  # fmt: skip


def test_a_report_that_somebody_changed_is_kept_and_the_trainings_go_on(grid, tmp_path, caplog):
    opened, seen = api.open_grid(grid(SEEDS=[5, 6, 7])), []
    with pytest.raises(ForeignFileError) as caught:
        for made in opened.perform():
            seen.append(made)
            page = tmp_path / "out" / "report_one" / "report.md"
            page.write_text(page.read_text() + "mine\n") if len(seen) == 2 else None
    names(caught.value, page, "changed", "kept")
    assert page.read_text().endswith("mine\n") and len(seen) == 2
    assert (tmp_path / "out" / "adgan_2d_seed7").is_dir()
    names(caplog.text, page, "no report yet", "go on")


def test_a_training_that_is_told_to_stop_stops_the_grid(grid, tmp_path, monkeypatch):
    train = session.train

    def stopped(config, out, **how):
        run = train(config, out, **how)
        for file in (*run.checkpoints(), run.path / "log.jsonl") if config.SOLVER.TOTAL else ():
            file.unlink()
        return run

    monkeypatch.setattr(session, "train", stopped)
    with pytest.raises(KeyboardInterrupt):
        list(api.open_grid(grid()).perform())
    assert (
        not (tmp_path / "out" / "adgan_2d_seed6").exists() and not (tmp_path / "results" / "one.csv").exists()
    )


def test_another_folder_takes_everything(grid, tmp_path):
    opened = api.open_grid(grid(), ["SOLVER.TOTAL", "3"], out=tmp_path / "trial")
    assert [one.total for one in opened.progress()] == [0, 3, 3]
    assert opened.file.out == opened.file.results == tmp_path / "trial"


def test_a_grid_and_what_its_file_has_are_not_given_together(grid, capsys):
    with pytest.raises(SystemExit):
        cli.main(["compare", "--grid", str(grid()), "--data", "annotated"])
    assert "leave out theirs" in capsys.readouterr().err


def test_a_configuration_that_is_wrong_shows_before_anything_is_trained(grid, tmp_path):
    with pytest.raises(ConfigError, match=r"METHOD\.WIDHT"):
        api.open_grid(grid(SETTINGS=FAST | {"METHOD.WIDHT": 3}))
    assert not (tmp_path / "out").exists()


def test_rows_of_trainings_made_elsewhere_stay_in_the_table(grid, tmp_path):
    file = grid(SETS={"one": {"IMAGES": "images", "LABELS": "labels"}})
    opened = api.open_grid(file)
    session.train(opened.trials(5)[1].config, opened.place(opened.trials(5)[1]))
    table = tmp_path / "results" / "one.csv"
    table.parent.mkdir()
    table.write_text(
        "model,seed,images,dice,count_error,commit\n"
        "adgan_2d,5,3,0.125,-1.0,a\n"  # made here anew
        "adgan_2d,6,3,0.25,-2.5,0012e34\n"
        "adgan_2d,7,3,0.375,0,a\n"  # no seed of this grid
        "removed,5,3,0.5,0,a\n"
    )
    list(opened.report())
    found = {(row["model"], row["seed"]): row for row in rows(tmp_path, "one")}
    assert set(found) == {
        ("adgan_2d", "5"),
        ("adgan_2d", "6"),
        ("threshold", "10"),
    }  # the floor is a row, too
    assert found["adgan_2d", "5"]["dice"] != "0.125"
    assert found["adgan_2d", "5"]["hardware"] and found["adgan_2d", "5"]["date"].startswith("20")
    elsewhere = found["adgan_2d", "6"]
    assert float(elsewhere["dice"]) == 0.25 and float(elsewhere["count_error"]) == -2.5
    assert elsewhere["f1"] == "" and elsewhere["commit"] == "0012e34"
    table.unlink()
    table.parent.rmdir()
    list(opened.report())
    assert ("adgan_2d", "5") in {(row["model"], row["seed"]) for row in rows(tmp_path, "one")}
