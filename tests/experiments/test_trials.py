"""Trials: what is planned, checked before training, trained, taken as it is, and scored."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import tifffile

from nucleizoo import api
from nucleizoo.core.errors import ConfigError, RunError, UserError
from nucleizoo.experiments import trials
from nucleizoo.inference.segmenter import Segmentation, Segmenter
from nucleizoo.metrics import folders
from nucleizoo.training import session

TOY = Path(__file__).parents[2] / "configs" / "toy" / "adgan_2d.yaml"
FAST = [
    "SYSTEM.WORKERS", "0", "SOLVER.TOTAL", "1", "MONITOR.SNAPSHOT", "0", "MONITOR.TENSORBOARD", "False",
    "MONITOR.VALIDATE", "0",
]  # fmt: skip


def plan(load, variants, seeds):
    return trials.plan({name: load(pairs) for name, pairs in variants.items()}, seeds)


@pytest.fixture
def load(toy_images):
    """Gives the toy configuration with pairs."""
    root = ["DATASET.ROOT", str(toy_images / "images")]
    return lambda pairs: api.load_config(TOY, [*FAST, *root, *pairs])


def stamp(out):
    return {file: file.stat().st_mtime_ns for file in sorted(out.rglob("weights.safetensors"))}


def test_every_variant_gets_every_seed_from_its_own_on(load):
    planned = plan(load, {"a": (), "b": ("SYSTEM.SEED", "3", "SOLVER.LR", "0.5")}, 2)
    assert [(one.variant, one.seed) for one in planned] == [("a", 10), ("a", 11), ("b", 3), ("b", 4)]
    assert [one.config.SYSTEM.SEED for one in planned] == [10, 11, 3, 4]
    assert [one.config.SOLVER.LR for one in planned] == [2e-4, 2e-4, 0.5, 0.5]
    with pytest.raises(UserError, match=r"SEEDS .*\b1\b.*\b0\b"):
        plan(load, {"a": ()}, 0)


def test_scores_are_those_of_the_labels_that_predict_writes_and_a_second_time_nothing_is_trained(
    load, toy_images, tmp_path, monkeypatch
):
    planned = plan(load, {"a": (), "b": ("METHOD.CYCLE.WEIGHT", "0")}, 1)
    results = list(trials.perform(planned, toy_images, tmp_path))
    for result in results:
        labels = tmp_path / "labels" / result.trial.variant
        list(api.predict(result.trial.run(tmp_path), [toy_images / "images"], labels))
        alone = folders.compare(labels, toy_images / "labels")
        assert result.score("pixels.dice") == alone["pixels"]["dice"]
        assert set(result.scores["images"]) == set(alone["images"]) == {"cell0", "cell1", "cell2"}
        written = json.loads(result.trial.scores(tmp_path).read_text())
        assert written["objects"]["f1"] == result.score("objects.f1")
    before = stamp(tmp_path)
    assert len(before) == 2
    monkeypatch.setattr(session, "train", lambda *a, **k: pytest.fail("trained again"))
    again = list(trials.perform(planned, toy_images, tmp_path))
    assert [one.scores for one in again] == [one.scores for one in results]
    assert stamp(tmp_path) == before


def test_planes_of_a_stack_are_pictures_of_their_own_however_they_are_numbered(load, tmp_path, monkeypatch):
    rng, axes = np.random.default_rng(0), {"imagej": True, "metadata": {"axes": "TYX"}}
    found = np.zeros((4, 40, 40), np.uint16)
    found[:, 4:14, 4:14], found[:, 20:32, 20:32] = 1, 2  # in every plane from 1, as predictions are
    through = found + 2 * np.arange(4, dtype=np.uint16)[:, None, None] * (found > 0)
    picture = (20 + 200 * (found > 0) + rng.integers(0, 9, found.shape)).astype(np.uint8)
    for name, stack in (("images", picture), ("labels", through)):
        (tmp_path / name).mkdir()
        tifffile.imwrite(tmp_path / name / "film.tif", stack, **axes)
    seen = Segmentation(found[0].astype(np.int32), lambda: None)
    monkeypatch.setattr(Segmenter, "segment", lambda *_: seen)
    planned = plan(load, {"a": ("MONITOR.VALIDATE", "0")}, 1)
    (result,) = trials.perform(planned, tmp_path, tmp_path / "out")
    assert result.score("objects.f1") == result.score("pixels.dice") == 1


def test_sizes_left_empty_are_measured_once_and_a_finished_run_is_taken_as_it_is(
    load, toy_images, tmp_path, monkeypatch
):
    empty = [word for name in ("SEMI_AXIS", "COUNT") for word in (f"DATASET.SOURCE.{name}", "[]")]
    planned = plan(load, {"a": empty, "b": [*empty, "METHOD.CYCLE.WEIGHT", "0"]}, 1)
    results = list(trials.perform(planned, toy_images, tmp_path))
    monkeypatch.setattr(session, "train", lambda *a, **k: pytest.fail("trained again"))
    assert [one.scores for one in trials.perform(planned, toy_images, tmp_path)] == [
        r.scores for r in results
    ]
    changed = plan(load, {"a": ("DATASET.SOURCE.COUNT", "[2, 3]")}, 1)
    with pytest.raises(RunError, match=r"DATASET.SOURCE.COUNT"):
        list(trials.perform(changed, toy_images, tmp_path))


def test_a_trial_of_one_variant_does_not_pass_for_one_of_another(load, toy_images, tmp_path):
    list(trials.perform(plan(load, {"a": ()}, 1), toy_images, tmp_path))
    changed = plan(load, {"b": (), "a": ("METHOD.CYCLE.WEIGHT", "3")}, 1)
    with pytest.raises(RunError, match=r"METHOD\.CYCLE\.WEIGHT: 3\.0 .*20\.0"):
        list(trials.perform(changed, toy_images, tmp_path))
    assert not (tmp_path / "runs" / "b").exists()


@pytest.mark.parametrize(("pairs", "told"), [
    ("DATASET.SOURCE.SEMI_AXIS [300,400]", "300"),
    ("DATASET.SIZE [34,34]", r"DATASET\.SIZE .*\b4\b.*\b8\b"),
    ("INFERENCE.DECODER.NAME ternary", r"ternary.*INFERENCE\.DECODER\.NAME"),
])  # fmt: skip
def test_a_mistake_in_the_last_variant_shows_before_the_first_is_trained(
    load, toy_images, tmp_path, pairs, told
):
    planned = plan(load, {"good": (), "bad": pairs.split()}, 1)
    with pytest.raises(UserError, match=told):
        list(trials.perform(planned, toy_images, tmp_path))
    assert not list(tmp_path.iterdir())


def test_a_method_that_finds_no_nuclei_is_refused(toy_images, tmp_path):
    cfg = TOY.parent / "cyclegan_2d.yaml"
    words = [*FAST, "DATASET.SOURCE.NAME", "simulated_em", "DATASET.IMAGE.NAME", "simulated_exm"]
    planned = plan(lambda pairs: api.load_config(cfg, [*words, *pairs]), {"a": ()}, 1)
    with pytest.raises(ConfigError, match=r"METHOD 'cyclegan' .*nuclei"):
        list(trials.perform(planned, toy_images, tmp_path))


def test_a_training_that_is_told_to_stop_stops_the_trials(load, toy_images, tmp_path, monkeypatch):
    planned = plan(load, {"a": (), "b": ()}, 1)
    train = session.train

    def stopped(config, out, **how):
        run = train(config, out, **how)
        for file in (*run.checkpoints(), run.path / "log.jsonl"):
            file.unlink()
        return run

    monkeypatch.setattr(session, "train", stopped)
    with pytest.raises(KeyboardInterrupt):
        list(trials.perform(planned, toy_images, tmp_path))
    assert [file.parts[-3] for file in stamp(tmp_path)] == ["a"]


def test_data_must_have_labels_a_picture_for_each_and_equal_shapes(load, toy_images, tmp_path):
    planned = plan(load, {"a": ()}, 1)

    def refused(told):
        with pytest.raises(UserError, match=told):
            list(trials.perform(planned, tmp_path / "data", tmp_path / "out"))

    shutil.copytree(toy_images / "images", tmp_path / "data" / "images")
    refused("no folder 'labels'")
    (tmp_path / "data" / "labels").mkdir()
    refused(r"labels: .*\.png \.jpg")
    tifffile.imwrite(tmp_path / "data" / "labels" / "cell1_label.tif", np.ones((60, 64), np.uint16))
    refused(r"cell1_label\.tif.* 60x64.*cell1\.png.* 64x64")
    tifffile.imwrite(tmp_path / "data" / "labels" / "other.tif", np.ones((64, 64), np.uint16))
    (tmp_path / "data" / "labels" / "cell1_label.tif").unlink()
    refused(r"images .*\bother\b")
    assert not (tmp_path / "out").exists()
