import re
import shutil

import pytest
from support.cuts import CONFIG, words

from nucleizoo import api
from nucleizoo.comparison import open_run
from nucleizoo.comparison.models import grouped
from nucleizoo.core.errors import UserError


def opened(*paths):
    return [open_run(path) for path in paths]


def test_runs_that_differ_in_their_seed_are_one_model(good, poor, cut):
    later = cut(-0.4, 3, "elsewhere", "MONITOR.LOG", "2", "SYSTEM.WORKERS", "1")
    models = grouped(opened(good[1], poor, later, good[0]))
    assert [(model.name, model.seeds) for model in models] == [("good", [1, 2, 3]), (poor.name, [1])]


def test_models_of_one_folder_name_bear_the_folders_above(good, poor, tmp_path):
    shutil.copytree(poor, tmp_path / "good_seed7")
    names = [model.name for model in grouped(opened(good[0], tmp_path / "good_seed7"))]
    assert names == [str(good[0]), str(tmp_path / "good_seed7")]


def test_one_training_does_not_pass_for_two(good, tmp_path):
    with pytest.raises(UserError, match=rf"{re.escape(str(good[0]))} .*{re.escape(str(good[0]))} .*seed"):
        grouped(opened(good[0], good[0]))
    shutil.copytree(good[0], tmp_path / "copy")
    with pytest.raises(UserError, match=rf"{re.escape(str(good[0]))} .*/copy .*seed"):
        grouped(opened(good[0], tmp_path / "copy"))


def test_an_unfinished_run_is_refused_and_one_without_checkpoints_is_not(good, tmp_path):
    whole = tmp_path / "whole"
    shutil.copytree(good[0], whole)
    shutil.rmtree(whole / "checkpoints")
    opened(whole)
    lines = (whole / "log.jsonl").read_text().splitlines()
    (whole / "log.jsonl").write_text("\n".join(lines[:2]))
    with pytest.raises(UserError, match=r"whole .*\b1 of 3\b.*--resume"):
        opened(whole)


def test_what_finds_no_nuclei_and_what_is_no_run_is_refused(cut, tmp_path, annotated):
    blind = cut(0, 1, "blind", "METHOD.BLIND", "true", "MONITOR.TRUTH", "")
    with pytest.raises(UserError, match=r"METHOD 'cut' .*translates"):
        opened(blind)
    with pytest.raises(UserError, match=r"config\.yaml.*--out"):
        opened(tmp_path)
    config = api.load_config(CONFIG, words(annotated, 0, 1, "METHOD.BLIND", "true"))
    with pytest.raises(UserError, match=r"METHOD 'cut' .*translates"):
        list(api.train_seeds({"blind": config}, 1, tmp_path))


def test_images_and_volumes_are_compared_apart(good, toy_images, cut):
    more = ["DATASET.ROOT", str(toy_images), "DATASET.IMAGE.PATH", "volumes", "DATASET.SIZE", "[8, 16, 16]"]
    deep = cut(-0.4, 1, "deep", *more, "MONITOR.TRUTH", "")
    with pytest.raises(UserError, match=r" images .*deep.* volumes"):
        grouped(opened(good[0], deep))
