"""Panels of pictures and distributions: numbers known beforehand, and commands end to end on toys."""

import csv
import importlib
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

pytest.importorskip("matplotlib")
pytest.importorskip("sklearn")

from support.naming import names

from nucleizoo import METHODS, api
from nucleizoo.cli import main
from nucleizoo.core.errors import UserError
from nucleizoo.figures import names as naming
from nucleizoo.figures import panel as panels

placing = importlib.import_module("nucleizoo.figures.sensitivity")
TOY = Path(__file__).parents[2] / "configs" / "toy"
FAST = [
    "SYSTEM.WORKERS", "0", "SOLVER.TOTAL", "2", "MONITOR.SNAPSHOT", "0", "MONITOR.TENSORBOARD", "False",
]  # fmt: skip
MATCHED = """
DATASET:
  SIZE: [32, 32]
  IMAGE: {NAME: images, PATH: dark}
  SOURCE:
    NAME: matched
    SOURCE: {NAME: labelled, IMAGES: images, LABELS: labels, SCALING: {NAME: dtype}}
    REFERENCE: {NAME: images, PATH: dark, SCALING: {NAME: dtype}}
TARGET: {NAME: mask}
METHOD: {NAME: supervised}
"""


@pytest.fixture(scope="module")
def run(toy_images, tmp_path_factory):
    """A run of the method that translates between images and masks."""
    out = tmp_path_factory.mktemp("panels") / "mine"
    root = ["DATASET.ROOT", str(toy_images / "images")]
    api.train(api.load_config(TOY / "cyclegan_2d.yaml", [*FAST, *root]), out)
    return out


def rows(file):
    with file.open() as text:
        return list(csv.DictReader(text))


def figure(*words):
    return main(["figure", *map(str, words)])


def shown(file):
    with Image.open(file) as picture:
        return np.asarray(picture.convert("RGB")).astype(int)


def test_names_are_what_differs(tmp_path):
    def told(*paths):
        return [*naming.distinct_names(tmp_path / path for path in paths)]

    assert told("a/n=5/seed_1", "a/n=9/seed_1") == ["n=5", "n=9"]
    assert told("x/a", "y/b/a", "y/c/a") == ["x", "y/b", "y/c"]
    assert told("runs/one", "runs/two") == ["one", "two"] and told("runs/one") == ["one"]
    assert len({*told("a", "a/b")}) == 2
    with pytest.raises(UserError, match="twice"):
        told("a", "b/../a")


def test_outlines_lie_on_the_edges_and_leave_the_picture():
    labels = np.zeros((20, 30), np.int32)
    labels[5:12, 4:20], labels[5:12, 20:28] = 7, 9
    made = panels.outlined(np.zeros(labels.shape, np.float32), labels)
    times = len(made) // 20
    is_grey = np.ptp(made.astype(int), axis=2) == 0
    assert times > 1 and is_grey[: 4 * times].all() and (made[0, 0] == 127).all()
    assert is_grey[8 * times, 10 * times]  # inside
    assert not is_grey[5 * times, 5 * times] and not is_grey[8 * times, 20 * times]
    assert (made[8 * times, 20 * times - 1] != made[8 * times, 20 * times]).any()


def test_neighbours_are_coloured_apart_and_the_background_is_black():
    labels = np.array([[0, 3, 3, 8, 8]] * 5, np.int32).repeat(4, 1)
    made = panels.coloured(labels)
    assert not made[:, :4].any() and (made[2, 8] != made[2, 16]).any()
    assert not panels.coloured(np.zeros((4, 4), np.int32)).any()


def test_generated_images_lie_under_the_outlines_of_their_masks(run, toy_images, tmp_path, monkeypatch):
    method = METHODS.get("cyclegan")
    monkeypatch.setattr(method, "to_image", lambda self, source: source / 2)
    words = ["generation", "--run", run, "--input", toy_images / "labels", "--out", tmp_path]
    assert figure(*words) == 0
    table = rows(tmp_path / "generation.csv")
    assert [row["labels"] for row in table] == ["cell0.tif", "cell1.tif", "cell2.tif"]
    for row in table:
        assert int(row["nuclei"]) > 0
        assert (float(row["inside"]), float(row["outside"])) == (0.75, 0.25)
    assert {127 + 64, 63} & set(np.unique(shown(tmp_path / "generation.png")))


def test_without_labels_crops_of_the_source_are_generated_from(run, tmp_path):
    assert figure("generation", "--run", run, "--out", tmp_path, "--count", 2) == 0
    table = rows(tmp_path / "generation.csv")
    assert [row["labels"] for row in table] == ["crop 0", "crop 1"]
    assert all(2 <= int(row["nuclei"]) <= 6 for row in table)


def test_a_crop_goes_there_and_back(run, tmp_path, monkeypatch):
    method = METHODS.get("cyclegan")
    monkeypatch.setattr(method, "to_source", lambda self, image: torch.full_like(image, 0.5))
    monkeypatch.setattr(method, "to_image", lambda self, source: 2 * source)
    assert figure("translation", "--run", run, "--out", tmp_path, "--count", 2) == 0
    table = rows(tmp_path / "translation.csv")
    assert [(row["domain"], row["crop"]) for row in table] == [
        ("image", "0"), ("image", "1"), ("source", "0"), ("source", "1"),
    ]  # fmt: skip
    assert {row["augmented"] for row in table} == {"0.0"}  # flips and rotations turn the clean crop too
    # images come back white: as far from clean as it is from 1; masks, which are -1 or 1, as 0.5
    for row in table[2:]:
        assert 0.25 <= float(row["reconstructed"]) <= 0.75


def test_masks_of_several_runs_stand_side_by_side(run, toy_images, tmp_path):
    twin = shutil.copytree(run, run.parent / "twin")
    assert figure("masks", run, twin, "--input", toy_images / "images", "--out", tmp_path) == 0
    table = rows(tmp_path / "masks.csv")
    assert [(row["run"], row["image"]) for row in table] == [
        (name, f"cell{i}.png") for name in ("mine", "twin") for i in range(3)
    ]
    assert [row["nuclei"] for row in table[:3]] == [row["nuclei"] for row in table[3:]]


@pytest.fixture
def matched(tmp_path):
    """A configuration that matches bright pictures to others, all of whose intensities are lower."""
    rng = np.random.default_rng(0)
    for name, low, high in (("images", 128, 256), ("dark", 0, 64)):
        (tmp_path / name).mkdir()
        for i in range(2):
            Image.fromarray(rng.integers(low, high, (64, 64), np.uint8)).save(tmp_path / name / f"{i}.png")
    (tmp_path / "labels").mkdir()
    for i in range(2):
        labels = np.zeros((64, 64), np.uint8)
        labels[8:20, 8:20] = 1
        Image.fromarray(labels).save(tmp_path / "labels" / f"{i}.png")
    (tmp_path / "matched.yaml").write_text(MATCHED)
    return tmp_path / "matched.yaml"


def test_matching_gives_the_source_the_histogram_of_the_reference(matched, tmp_path):
    assert figure("histograms", "--cfg", matched, "--out", tmp_path / "out", "DATASET.ROOT", tmp_path) == 0
    table = rows(tmp_path / "out" / "histograms.csv")
    bins, shares = np.array([float(row["intensity"]) for row in table]), {}
    for name in ("source", "reference", "matched"):
        shares[name] = np.array([float(row[name]) for row in table])
        cumulative = np.array([float(row[f"{name}, cumulative"]) for row in table])
        assert shares[name].sum() == pytest.approx(1, abs=1e-4)
        np.testing.assert_allclose(cumulative, shares[name].cumsum(), atol=1e-4)
    assert not shares["source"][bins < 0.5].any() and not shares["reference"][bins > 0.26].any()
    far = np.abs(shares["matched"].cumsum() - shares["reference"].cumsum()).max()
    assert far < 0.02
    assert len(np.unique(shown(tmp_path / "out" / "histograms.png"))) > 9


def test_a_configuration_that_matches_nothing_is_refused(tmp_path, capsys):
    assert figure("histograms", "--cfg", TOY / "adgan_2d.yaml", "--out", tmp_path) == 2
    names(capsys.readouterr().err, "DATASET.IMAGE", "'images'", "'synthetic'", "matched", "matched_images")


def test_what_cannot_translate_is_refused(run, toy_images, tmp_path, capsys):
    for kind in ("generation", "translation"):
        assert figure(kind, "--run", run, "--out", tmp_path, "--count", 0) == 2
        names(capsys.readouterr().err, "COUNT", "1", "0")


@pytest.mark.parametrize(("values", "places"), [
    ([(5, 10), (10, 20), (20, 40)], [10, 20, 40]),
    ([(5, 40), (20, 40)], [0, 1]),
    ([1, 0.5], [1, 0.5]),
])  # fmt: skip
def test_ranges_are_placed_by_their_ends_where_these_differ(values, places):
    assert placing._places(values)[0] == places


def test_every_configuration_is_a_line_with_its_own_scores(toy_images, tmp_path, monkeypatch):
    def perform(planned, data, out):
        for one in planned:
            high = one.config.DATASET.SOURCE.COUNT[1] / 40 + 0.5 * (one.config.METHOD.NAME == "adgan")
            yield placing.trials.Result(one, {"pixels": {"dice": high}, "objects": {"f1": high / 2}})

    monkeypatch.setattr(placing.trials, "perform", perform)
    words = ["--cfg", TOY / "adgan_2d.yaml", TOY / "udct_2d.yaml", "--key", "DATASET.SOURCE.COUNT"]
    words += ["--values", "[2, 4]", "[4, 8]", "--data", toy_images, "--out", tmp_path]
    assert figure("sensitivity", *words, "DATASET.ROOT", toy_images / "images") == 0
    found = [
        (row["configuration"], row["DATASET.SOURCE.COUNT"], float(row["Dice"]), float(row["object F1"]))
        for row in rows(tmp_path / "sensitivity.csv")
    ]
    assert found == [
        ("adgan_2d", "2-4", 0.6, 0.3), ("adgan_2d", "4-8", 0.7, 0.35),
        ("udct_2d", "2-4", 0.1, 0.05), ("udct_2d", "4-8", 0.2, 0.1),
    ]  # fmt: skip
    assert (tmp_path / "sensitivity.png").is_file()
