"""The four commands end to end, on toys."""

import csv
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
import yaml
from PIL import Image
from support.naming import names

from nucleizoo import api
from nucleizoo.cli import main

ROOT = Path(__file__).parents[1]
TOY = ROOT / "configs" / "toy"
TOOLS = ("train", "predict", "evaluate", "compare", "sample", "estimate", "data", "figure", "list")


def process(*command):
    """Run Python on a command; what it says on both channels, and its exit code."""
    done = subprocess.run(
        [sys.executable, *map(str, command)],
        capture_output=True, text=True, timeout=300, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


@pytest.fixture(scope="module", params=["adgan_2d", "adgan_ins_2d", "adgan_3d"])
def trained(request, toy_images, tmp_path_factory):
    """Folders of a run and of the pictures that it was trained on, by the command line."""
    pictures = toy_images / ("volumes" if request.param == "adgan_3d" else "images")
    out = tmp_path_factory.mktemp("runs") / request.param
    words = ["--cfg", str(TOY / f"{request.param}.yaml"), "--out", str(out), "SYSTEM.WORKERS", "0"]
    assert main(["train", *words, "DATASET.ROOT", str(pictures), "SYSTEM.PRECISION", "fp32"]) == 0
    return out, pictures


def predict(run, source, output, *more):
    words = ["--run", run, "--input", source, "--output", output, *more]
    return main(["predict", *map(str, words)])


def content(folder):
    return sorted(file.name for file in folder.iterdir())


def test_a_training_leaves_a_whole_run_folder(trained):
    run, _ = trained
    files = {re.sub(r"\d{3,}.*", "N", name) for name in content(run)}
    assert files == {
        "checkpoints", "config.yaml", "events.out.tfevents.N", "files.json", "log.jsonl", "run.json",
        "snapshots", "weights.safetensors",
    }  # fmt: skip
    assert content(run / "checkpoints") == ["iteration_00000004.pt", "iteration_00000006.pt"]
    assert content(run / "snapshots") == ["panel_00000003.png", "panel_00000006.png"]
    rows = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    assert [row["iteration"] for row in rows if "loss" in row] == [2, 4, 6]
    assert [set(row["unlabelled"]) for row in rows if "unlabelled" in row] == [
        {"agreement", "polarity", "stability", "sizes", "solidity", "offset"}
    ]
    assert all(
        np.isfinite(list(row["loss"].values())).all() and len(row["loss"]) == 6
        for row in rows
        if "loss" in row
    )


def test_labels_have_name_shape_and_type_of_the_promise(trained, tmp_path, capsys):
    run, pictures = trained
    assert predict(run, pictures, tmp_path) == 0
    said = capsys.readouterr().out.splitlines()
    assert content(tmp_path) == [f"{file.stem}_label.tif" for file in sorted(pictures.iterdir())]
    for file, line in zip(sorted(pictures.iterdir()), said, strict=True):
        labels = tifffile.imread(tmp_path / f"{file.stem}_label.tif")
        shape = (12, 32, 32) if file.suffix == ".tif" else (64, 64)
        assert labels.shape == shape and labels.dtype in (np.uint16, np.uint32)
        count = labels.max()
        assert set(np.unique(labels)) == set(range(count + 1))
        assert line == f"{file} -> {tmp_path / f'{file.stem}_label.tif'}: {count} nuclei"


def test_overlays_are_pictures_beside_the_labels(trained, tmp_path):
    run, pictures = trained
    first = sorted(pictures.iterdir())[0]
    assert predict(run, first, tmp_path, "--overlay") == 0
    assert content(tmp_path) == [f"{first.stem}_label.tif", f"{first.stem}_overlay.png"]
    assert np.asarray(Image.open(tmp_path / f"{first.stem}_overlay.png")).shape[2] == 3


@pytest.mark.parametrize("to", ["maps", "source", "image"])
def test_maps_and_translations_have_the_shape_of_the_picture(trained, toy_images, tmp_path, to):
    run, pictures = trained
    if to == "image":
        pictures = toy_images / ("labels" if pictures.name == "images" else "volume_labels")
    assert predict(run, pictures, tmp_path, "--to", to) == 0
    assert content(tmp_path) == [f"{file.stem}_{to}.tif" for file in sorted(pictures.iterdir())]
    low, high = (0, 1) if to == "maps" else (-1, 1)
    for file in tmp_path.iterdir():
        made = tifffile.imread(file)
        assert made.shape == ((12, 32, 32) if "volume" in pictures.name else (64, 64))
        assert made.dtype == np.float32 and low <= made.min() < made.max() <= high


def test_predictions_repeat_to_the_bit(trained, tmp_path):
    run, pictures = trained
    for name in ("one", "two"):
        assert predict(run, pictures, tmp_path / name, "--to", "maps") == 0
    for file in (tmp_path / "one").iterdir():
        np.testing.assert_array_equal(tifffile.imread(file), tifffile.imread(tmp_path / "two" / file.name))


def test_a_stack_of_pictures_gives_a_stack(trained, toy_images, tmp_path):
    run, pictures = trained
    if pictures.name != "images":
        pytest.skip("a run for volumes")
    planes = np.stack([np.asarray(Image.open(file)) for file in sorted(pictures.iterdir())])
    tifffile.imwrite(tmp_path / "stack.tif", planes, photometric="minisblack")
    for to, kind in (("labels", "label"), ("maps", "maps"), ("source", "source")):
        assert predict(run, tmp_path / "stack.tif", tmp_path / "out", "--to", to) == 0
        assert tifffile.imread(tmp_path / "out" / f"stack_{kind}.tif").shape == (3, 64, 64)
    assert predict(run, tmp_path / "stack.tif", tmp_path / "over", "--overlay") == 0
    overlays = [f"stack_{i:04d}_overlay.png" for i in range(3)]
    assert content(tmp_path / "over") == [*overlays, "stack_label.tif"]


@pytest.mark.parametrize("axes", ["TZYX", "ZYX"])
def test_every_axis_of_a_file_comes_back(trained, tmp_path, axes):
    run, _ = trained
    noise = np.random.default_rng(0).integers(0, 255, (2, 5, 32, 36)[4 - len(axes) :])
    tifffile.imwrite(tmp_path / "many.tif", noise.astype(np.uint8), imagej=True, metadata={"axes": axes})
    for to, kind in (("labels", "label"), ("maps", "maps"), ("source", "source")):
        assert predict(run, tmp_path / "many.tif", tmp_path / "out", "--to", to) == 0
        assert tifffile.imread(tmp_path / "out" / f"many_{kind}.tif").shape == noise.shape


def test_names_in_capitals_are_files_not_keys(trained, tmp_path, monkeypatch):
    run, pictures = trained
    monkeypatch.chdir(tmp_path)
    first = sorted(pictures.iterdir())[0]
    (tmp_path / "DATA").mkdir()
    for place in ("IMG_1.TIF", "DATA/IMG_2.TIF"):
        picture = tifffile.imread(first) if first.suffix == ".tif" else np.asarray(Image.open(first))
        tifffile.imwrite(tmp_path / place, picture)
    words = ["--run", str(run), "--output", "out", "--input", "IMG_1.TIF", "DATA"]
    assert main(["predict", *words, "INFERENCE.OVERLAP", "0.25"]) == 0
    assert content(tmp_path / "out") == ["IMG_1_label.tif", "IMG_2_label.tif"]


def test_scores_of_a_perfect_and_of_half_a_prediction(toy_images, tmp_path, capsys):
    truth, perfect, half = toy_images / "labels", tmp_path / "perfect", tmp_path / "half"
    perfect.mkdir(), half.mkdir()
    for file in truth.iterdir():
        labels = tifffile.imread(file)
        tifffile.imwrite(perfect / f"{file.stem}_label.tif", labels)
        odd = np.arange(labels.size).reshape(labels.shape) % 2  # every second pixel, a little more or less
        tifffile.imwrite(half / file.name, (labels * odd).astype(np.uint16))
    words = ["evaluate", "--truth", str(truth), "--json", str(tmp_path / "scores.json"), "--pred"]
    assert main([*words, str(perfect)]) == 0
    assert re.search(r"pixels.* 1\.0000 +1\.0000 +1\.0000", capsys.readouterr().out)
    scores = json.loads((tmp_path / "scores.json").read_text())
    assert set(scores["images"]) == {"cell0", "cell1", "cell2"} and scores["missing"] == []
    assert main([*words, str(half)]) == 0
    pixels = json.loads((tmp_path / "scores.json").read_text())["pixels"]
    assert pixels["precision"] == 1.0 and pixels["recall"] == pytest.approx(0.5, abs=0.05)
    assert pixels["dice"] == pytest.approx(2 * 0.5 / 1.5, abs=0.05)


def test_a_truth_without_prediction_is_named_and_not_forgotten(toy_images, tmp_path, capsys):
    labels = toy_images / "labels"
    tifffile.imwrite(tmp_path / "cell1_label.tif", tifffile.imread(labels / "cell1.tif"))
    assert main(["evaluate", "--pred", str(tmp_path), "--truth", str(labels)]) == 1
    said = capsys.readouterr()
    assert "1 images" in said.out
    names(said.err, "prediction", "cell0", "cell2")


def test_scores_and_drawn_errors_go_to_a_folder(toy_images, tmp_path, capsys):
    truth, out = toy_images / "labels", tmp_path / "scores"
    words = ["evaluate", "--pred", str(truth), "--truth", str(truth), "--out", str(out), "--border", "8"]
    assert main([*words, "--images", str(toy_images / "images")]) == 0
    assert re.search(r"Cell Tracking Challenge +1.0000 +1.0000 +1.0000", capsys.readouterr().out)
    with (out / "images.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["image"] for row in rows] == ["cell0", "cell1", "cell2"]
    assert all(float(row["objects_by_iou.mean_ap"]) == float(row["tracking.seg"]) == 1 for row in rows)
    assert "resolution" in json.loads((out / "metrics.json").read_text())["definitions"]
    drawn = np.asarray(Image.open(out / "cell0_errors.png"))
    green = (0, 158, 115)
    assert (drawn == green).all(-1).sum() > 50
    assert main(words) == 0  # without pictures, on black
    assert (np.asarray(Image.open(out / "cell0_errors.png")) == green).all(-1).sum() > 50


def test_one_damaged_file_among_many_is_named_and_the_others_are_scored(toy_images, tmp_path, capsys):
    truth = toy_images / "labels"
    for file in truth.iterdir():
        (tmp_path / f"{file.stem}_label.tif").write_bytes(file.read_bytes())
    (tmp_path / "cell1_label.tif").write_bytes(b"II*\0 no more")
    tifffile.imwrite(tmp_path / "extra_label.tif", np.ones((8, 8), np.uint16))
    assert main(["evaluate", "--pred", str(tmp_path), "--truth", str(truth)]) == 1
    said = capsys.readouterr()
    assert "2 images" in said.out
    names(said.err, "cell1_label.tif", "truth", "extra")


def test_images_without_a_truth_or_a_prediction_have_defined_scores(toy_images, tmp_path):
    for name in ("empty", "full"):
        (tmp_path / name).mkdir()
    tifffile.imwrite(tmp_path / "empty" / "a.tif", np.zeros((16, 16), np.uint16))
    tifffile.imwrite(tmp_path / "full" / "a.tif", np.full((16, 16), 2**31 - 1, np.uint32))
    for pred, truth, wanted in (("empty", "full", 0), ("full", "empty", 0), ("empty", "empty", 1)):
        file = tmp_path / "scores.json"
        words = ["--pred", str(tmp_path / pred), "--truth", str(tmp_path / truth), "--json", str(file)]
        assert main(["evaluate", *words]) == 0
        scores = json.loads(file.read_text())
        assert scores["pixels"]["dice"] == scores["objects"]["f1"] == scores["ranked"]["ap50"] == wanted
        assert scores["tracking"]["det"] == wanted
    assert scores["counting"]["ratio"] == 1


def squares(folder, name, *planes):
    """A label file; a plane is a mapping of numbers to the rows that they fill."""
    folder.mkdir(exist_ok=True)
    stack = np.zeros((len(planes), 12, 8), np.uint16)
    for plane, rows in zip(stack, planes, strict=True):
        for number, (first, last) in rows.items():
            plane[first:last] = number
    tifffile.imwrite(folder / name, stack[0] if len(planes) == 1 else stack)
    return folder


def test_planes_of_a_stack_are_scored_apart_when_asked(tmp_path):
    truth = squares(tmp_path / "truth", "a.tif", {1: (0, 4), 2: (6, 10)}, {1: (2, 6)})
    found = squares(tmp_path / "found", "a_label.tif", {1: (0, 4), 2: (6, 10)}, {2: (2, 6)})
    assert api.evaluate(found, truth)["counting"]["true"] == 2
    apart = api.evaluate(found, truth, planes=True)
    assert apart["objects"]["f1"] == 1 and apart["counting"]["true"] == 3


def test_confidences_rank_nuclei_where_prediction_wrote_tables(tmp_path, capsys):
    truth = squares(tmp_path / "truth", "a.tif", {1: (0, 3)})
    found = squares(tmp_path / "found", "a_label.tif", {1: (0, 3), 2: (4, 12)})  # the larger one is wrong
    assert "ranked_by_confidence" not in api.evaluate(found, truth)
    table = found / "a_nuclei.csv"
    table.write_text("picture,label,confidence\n0,1,0.9\n0,2,0.6\n")
    scores = api.evaluate(found, truth)
    assert scores["ranked"]["ap50"] == 0.5 and scores["ranked_by_confidence"]["ap50"] == 1
    table.write_text("picture,label,confidence\n0,1,0.9\n")
    assert main(["evaluate", "--pred", str(found), "--truth", str(truth)]) == 1
    names(capsys.readouterr().err, "a_nuclei.csv", "--table")


def test_estimated_settings_are_a_configuration(toy_images, tmp_path, capsys):
    picture = tmp_path / "measured.png"
    assert main(["estimate", str(toy_images / "images"), "--picture", str(picture)]) == 0
    said = yaml.safe_load(capsys.readouterr().out)
    low, high = said["DATASET"]["SOURCE"]["SEMI_AXIS"]
    assert 2 < low <= high < 32 and np.asarray(Image.open(picture)).ndim == 3
    file = tmp_path / "mine.yaml"
    file.write_text(yaml.safe_dump({"_BASE_": str(TOY / "adgan_2d.yaml")} | said))
    assert api.load_config(file).DATASET.SOURCE.SEMI_AXIS == (low, high)
    flat = tmp_path / "flat.tif"
    tifffile.imwrite(flat, np.zeros((32, 32), np.uint8))
    assert main(["estimate", str(flat)]) == 2
    names(capsys.readouterr().err, "no nucleus")


def test_the_list_names_kinds_entries_keys_and_papers(capsys):
    assert main(["list"]) == 0
    said = capsys.readouterr().out
    assert all(kind in said for kind in ("METHODS", "GENERATORS", "SCALINGS")) and "adgan" in said
    assert main(["list", "METHODS.adgan"]) == 0
    said = capsys.readouterr().out
    assert all(word in said for word in ("ALIGNED", "POOL", "RECONSTRUCTION", "AD-GAN", "2021"))
    assert main(["list", "datasets"]) == 0
    assert "synthetic" in capsys.readouterr().out


def test_several_configurations_are_trained_in_order(toy_images, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    files = [str(TOY / "adgan_2d.yaml"), str(TOY / "adgan_ins_2d.yaml")]
    words = ["DATASET.ROOT", str(toy_images / "images"), "SOLVER.TOTAL", "1", "SYSTEM.WORKERS", "0"]
    assert main(["train", "--cfg", *files, *words]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "run folder: runs/adgan_2d", "run folder: runs/adgan_ins_2d",
    ]  # fmt: skip


def test_one_training_in_a_process_of_its_own(toy_images, tmp_path):
    command = (ROOT / "tools" / "train.py", "--cfg", TOY / "adgan_2d.yaml", "--out", tmp_path / "run")
    code, out, err = process(*command, "DATASET.ROOT", toy_images / "images")
    assert code == 0, err
    assert out == f"run folder: {tmp_path / 'run'}\n"
    lines = err.splitlines()
    names(lines[0], "6 steps", tmp_path / "run")
    assert [line.split()[0] for line in lines[1:]] == ["2/6", "4/6", "6/6", "6"]
    names(lines[-1], "labels", "stability")
    assert "\r" not in err and "\x1b" not in err


@pytest.mark.parametrize("tool", TOOLS)
def test_help_shows_an_example_and_does_not_wait_for_torch(tool):
    code, out, err = process("-X", "importtime", ROOT / "tools" / f"{tool}.py", "--help")
    assert code == 0 and f"example:\n  nucleizoo {tool}" in out
    imported = {line.split("|")[-1].strip() for line in err.splitlines()}
    assert "nucleizoo.cli" in imported
    assert not imported & {"torch", "numpy", "scipy", "skimage", "tensorboard"}


def test_the_command_alone_shows_the_four(capsys):
    with pytest.raises(SystemExit) as left:
        main(["--help"])
    said = capsys.readouterr().out
    assert left.value.code == 0 and all(tool in said for tool in TOOLS)
