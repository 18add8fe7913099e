"""Pipelines: which pair is for which stage, and whose run the second one uses."""

from pathlib import Path

import pytest

from nucleizoo import api, cli
from nucleizoo.core.errors import ConfigError
from nucleizoo.experiments import trials
from nucleizoo.experiments.pipeline import following

TOY = Path(__file__).parents[2] / "configs" / "toy"
FIRST, SECOND = "cyclegan_2d", "segment"
FAST = [
    "SYSTEM.WORKERS", "0", "SOLVER.TOTAL", "1", "MONITOR.SNAPSHOT", "0", "MONITOR.TENSORBOARD", "False",
]  # fmt: skip


@pytest.fixture
def files(tmp_path):
    """A pipeline: its second stage learns from what the first translates."""
    second = tmp_path / f"{SECOND}.yaml"
    second.write_text(
        f"_BASE_: {TOY / 'supervised_2d.yaml'}\n"
        f"DATASET: {{SOURCE: {{NAME: translated, RUN: runs/{FIRST}, COUNT: 2}}, IMAGE: {{NAME: images}}}}\n"
        "TARGET: {NAME: mask}\nINFERENCE: {DECODER: {NAME: components}}\n"
    )
    return [TOY / f"{FIRST}.yaml", second]


def test_a_pair_is_for_all_stages_that_have_the_key(files):
    pairs = ["SOLVER.TOTAL", "7", "METHOD.POOL", "9", "METHOD.NETWORK.WIDTH", "12"]
    stages = api.load_pipeline(files, pairs)
    first, second = stages.values()
    assert [*stages] == [FIRST, SECOND] and first.SOLVER.TOTAL == second.SOLVER.TOTAL == 7
    assert first.METHOD.POOL == 9 and second.METHOD.NETWORK.WIDTH == 12


@pytest.mark.parametrize("pairs", [["METHOD.NETWORK.WIDHT", "12"], ["SOLVER.TOTAL", "many"]])
def test_a_mistake_in_the_second_stage_shows_before_the_first_is_trained(files, tmp_path, monkeypatch, pairs):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["train", "--cfg", *map(str, files), *FAST, *pairs]) == 2
    files[1].write_text(files[1].read_text() + "SOLVER: {TOTLA: 3}\n")
    assert cli.main(["train", "--cfg", *map(str, files), *FAST]) == 2
    assert not (tmp_path / "runs").exists()


def test_two_files_of_one_name_would_be_one_run(files):
    with pytest.raises(ConfigError, match=SECOND):
        api.load_pipeline([files[1], files[1]])


def test_a_second_stage_that_uses_nothing_of_the_first_is_refused(files):
    first, second = api.load_pipeline(files).values()
    assert following(second, FIRST, Path("a/b")).DATASET.SOURCE.RUN == "a/b"
    with pytest.raises(ConfigError, match=rf"DATASET\.SOURCE\.RUN runs/{SECOND}\b"):
        following(first, SECOND, Path("a"))


def test_every_seed_of_a_pipeline_learns_from_the_first_stage_of_its_own_seed(files, toy_images, tmp_path):
    stages = api.load_pipeline(files, [*FAST, "DATASET.ROOT", str(toy_images / "images")])

    def place(one):
        return tmp_path / f"{one.variant}_seed{one.seed}"

    planned = [trials.staged(stages, seed, place) for seed in (3, 4)]
    runs = list(trials.train(planned, place))
    assert [run.path.name for run in runs] == [f"{SECOND}_seed3", f"{SECOND}_seed4"]
    for run, seed in zip(runs, (3, 4), strict=True):
        first = tmp_path / f"{FIRST}_seed{seed}"
        assert run.config.SYSTEM.SEED == seed and run.config.DATASET.SOURCE.RUN == str(first)
        assert (first / "weights.safetensors").is_file()
    stamps = {file: file.stat().st_mtime_ns for file in tmp_path.rglob("weights.safetensors")}
    assert [run.is_finished for run in trials.train(planned, place)] == [True, True] and len(stamps) == 4
    assert all(file.stat().st_mtime_ns == stamp for file, stamp in stamps.items())
    pairs, _ = api.find_pairs(toy_images / "images", toy_images / "labels")
    made = api.compare([run.path for run in runs], pairs, tmp_path / "report")
    assert "| segment | 2 |" in made.page.with_name("report.md").read_text()
