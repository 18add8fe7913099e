"""nucleizoo compare end to end, on a method that is a threshold."""

import csv
import errno
import json
import os
import re
import shutil

import numpy as np
import pytest
import tifffile
from support.cuts import CONFIG, words
from support.naming import names

from nucleizoo import io
from nucleizoo.cli import main
from nucleizoo.comparison.columns import COLUMNS


def compare(*words):
    return main(["compare", "--no-floor", *map(str, words)])


def rows(out):
    with (out / "report.csv").open(encoding="utf-8", newline="") as file:
        return {row["model"]: row for row in csv.DictReader(file)}


def content(out):
    """What the page draws."""
    page = (out / "report.html").read_text(encoding="utf-8")
    found = re.findall(r'<script id="content" type="application/json">(.*?)</script>', page, re.S)
    assert len(found) == 1
    return json.loads(found[0])


@pytest.fixture(scope="module")
def report(good, poor, annotated, tmp_path_factory):
    """The folder of a report on two models."""
    out = tmp_path_factory.mktemp("report") / "new" / "folder"
    assert compare(*good, poor, "--data", annotated, "--out", out) == 0
    return out


def test_scores_are_those_of_predict_and_evaluate(report, good, poor, annotated, tmp_path):
    told = {}
    for run in (*good, poor):
        assert main(["predict", "--run", str(run), "--input", str(annotated / "images"),
                     "--output", str(tmp_path / run.name)]) == 0  # fmt: skip
        json_file = tmp_path / "scores.json"
        words = ["--pred", str(tmp_path / run.name), "--truth", str(annotated / "labels")]
        assert main(["evaluate", *words, "--json", str(json_file)]) == 0
        told[run] = json.loads(json_file.read_text())
    found = rows(report)
    assert list(found) == ["good", poor.name] and found["good"]["seeds"] == "2"
    for key, path in {"precision": "pixels.precision", "recall": "pixels.recall", "dice": "pixels.dice",
                      "dice_pooled": "pixels.dice_pooled", "f1": "objects.f1",
                      "ap": "objects.ap", "mean_ap": "objects_by_iou.mean_ap", "ap50": "ranked.ap50",
                      "ap50_per_image": "ranked_per_image.ap50", "seg": "tracking.seg",
                      "det": "tracking.det", "op_csb": "tracking.op_csb",
                      "count_error": "counting.error"}.items():  # fmt: skip
        section, name = path.split(".")
        seeds = [told[run][section][name] for run in good]
        assert float(found["good"][key]) == pytest.approx(np.mean(seeds), rel=1e-5)
        assert float(found["good"][f"{key}_sd"]) == pytest.approx(np.std(seeds, ddof=1), rel=1e-4, abs=1e-9)
        assert float(found[poor.name][key]) == pytest.approx(told[poor][section][name], rel=1e-5)
        assert found[poor.name][f"{key}_sd"] == ""
    by_image = [np.mean([one["objects"]["f1"] for one in told[run]["images"].values()]) for run in good]
    assert float(found["good"]["f1_per_image"]) == pytest.approx(np.mean(by_image), rel=1e-5)


def test_costs_are_counted(report):
    row = rows(report)["good"]
    assert float(row["parameters"]) == 7 and float(row["parameters_needed"]) == 1 and float(row["steps"]) == 3
    assert float(row["pixels_per_second"]) > 1000 and float(row["training_seconds"]) >= 0
    assert float(row["peak_bytes"]) >= 0


def test_the_verdict_names_the_better_model_and_what_the_test_says(report, poor):
    told = content(report)
    gap = float(rows(report)["good"]["f1_per_image"]) - float(rows(report)[poor.name]["f1_per_image"])
    names(told["verdict"], "best", f"{gap:.3f}", "8 images")
    assert re.search(rf"\bgood\b.* {re.escape(poor.name)}", told["verdict"])
    (test,) = told["tests"]
    assert test["models"] == ["good", poor.name] and test["supported"]
    better, worse, images = test["values"][1:4]
    assert images == 8 and worse == 0 and test["values"][4] == pytest.approx(2 / 2**better)
    names(told["caution"], "supports", "p =", "seed", poor.name)


def test_markdown_has_the_same_leaderboard_and_says_what_it_is(report, poor):
    text = (report / "report.md").read_text(encoding="utf-8")
    table = [line for line in text.splitlines() if line.startswith("| ")]
    assert table[0].count("|") == len(COLUMNS) + 4
    assert f"{float(rows(report)['good']['dice']):.3f} \u00b1" in table[2]
    assert "\\<b\\>poor\\|&amp;'" in table[3]
    names(text.lower(), "resolution", "label files", "over seeds")
    assert all(f"- {column.title}: {column.meaning}" in text for column in COLUMNS)


def test_the_page_needs_nothing_but_itself_and_survives_any_name(report, poor):
    page = (report / "report.html").read_text(encoding="utf-8")
    assert page.count("<script") == page.count("</script>") == 2 and poor.name not in page
    assert not re.search(r"""(src|href)=["']?(?!data:)\w""", page.split('id="content"')[0])
    assert "http://" not in page.replace("http://www.w3.org/2000/svg", "") and "https://" not in page
    assert content(report)["models"][1]["name"] == poor.name


def test_the_gallery_begins_with_the_worst_image(report):
    cards = content(report)["gallery"]
    means = [card["mean"] for card in cards]
    assert len(cards) == 8 and means == sorted(means)
    assert all(len(card["models"]) == 2 and card["size"] == "64 x 48 pixels" for card in cards)
    assert all(card["picture"].startswith("data:image/png;base64,") for card in cards)


def test_curves_come_from_the_logs_of_all_seeds(report):
    good, _ = content(report)["models"]
    assert [iteration for iteration, _ in good["losses"]["nothing"][1]] == [1, 2, 3]
    assert len(good["truths"]["dice"]) == 2 and good["truths"]["object_f1"][0][-1][0] == 3


def test_a_damaged_image_is_named_and_left_out_for_all(good, poor, annotated, tmp_path, capsys):
    shutil.copytree(annotated, tmp_path / "data")
    (tmp_path / "data/images/cell3.tif").write_bytes(b"II*\0 no more")
    tifffile.imwrite(tmp_path / "data/labels/cell5.tif", np.ones((9, 9), np.uint16))
    (tmp_path / "data/images/cell6.tif").unlink()
    assert compare(good[0], poor, "--data", tmp_path / "data", "--out", tmp_path / "out") == 1
    said = capsys.readouterr().err
    names(said, "left out", "cell3.tif", "cell5.tif", "9x9", "48x64", "cell6")
    assert content(tmp_path / "out")["images"] == ["cell0", "cell1", "cell2", "cell4", "cell7"]
    assert len(content(tmp_path / "out")["failed"]) == 2
    assert "too few images" in (tmp_path / "out/report.md").read_text()


def test_an_image_smaller_than_the_border_is_named_and_left_out(good, poor, annotated, tmp_path, capsys):
    shutil.copytree(annotated, tmp_path / "data")
    for name in ("images", "labels"):
        file = tmp_path / "data" / name / "cell3.tif"
        tifffile.imwrite(file, tifffile.imread(file)[:20, :20])
    out = tmp_path / "out"
    assert compare(good[0], poor, "--data", tmp_path / "data", "--out", out, "--border", 10) == 1
    said = capsys.readouterr().err
    names(said, "left out", "cell3.tif", "border", "10")
    assert content(out)["images"] == [f"cell{i}" for i in range(8) if i != 3]
    for border in (24, -3):
        assert compare(good[0], "--data", annotated, "--out", out, "--border", border) == 2
        names(capsys.readouterr().err, "cell0.tif", "border", border)


def test_overrides_hold_for_all_runs_and_cannot_touch_the_training(good, annotated, tmp_path, capsys):
    data = ["--images", annotated / "images", "--truth", annotated / "labels", "--out", tmp_path]
    assert compare(good[0], *data, "INFERENCE.DECODER.MIN_SIZE", "1000000") == 0
    said = capsys.readouterr().out
    assert said.startswith("No model") and rows(tmp_path)["good"]["dice"] == "0"
    assert compare(good[0], *data, "METHOD.LEVEL", "0.1") == 2
    names(capsys.readouterr().err, "METHOD.LEVEL", "INFERENCE", "DATASET.IMAGE")


def test_empty_truth_and_empty_predictions_have_a_report(good, poor, annotated, tmp_path, capsys):
    for name in ("images", "labels"):
        (tmp_path / name).mkdir()
    for i in range(2):
        dark = 10 + np.eye(20, 30, dtype=np.uint8)
        tifffile.imwrite(tmp_path / "images" / f"{i}.tif", dark)
        tifffile.imwrite(tmp_path / "labels" / f"{i}.tif", np.zeros((20, 30), np.uint8))
    assert compare(good[0], poor, "--data", tmp_path, "--out", tmp_path / "out") == 0
    assert "equally" in capsys.readouterr().out
    assert rows(tmp_path / "out")["good"]["f1"] == "1"
    card = content(tmp_path / "out")["gallery"][0]
    assert "no nuclei" in card["true"] and "nothing" in card["models"][0]["counts"]


def test_a_folder_that_cannot_be_written_is_told_before_the_work(good, annotated, tmp_path, capsys):
    (tmp_path / "file").write_text("no folder")
    assert compare(good[0], "--data", annotated, "--out", tmp_path / "file") == 2
    assert str(tmp_path / "file") in capsys.readouterr().err


def test_a_full_disk_leaves_the_report_that_was_there(good, annotated, tmp_path, capsys, monkeypatch):
    command = [good[0], "--data", annotated, "--out", tmp_path]
    assert compare(*command) == 0
    old = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    calls = []

    def full(number):
        calls.append(number)
        if len(calls) == 3:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    assert compare(*command) == 2
    names(capsys.readouterr().err, "disk", "full", "intact")
    assert sorted(old) == [".report.csv.sum", "report.csv", "report.html", "report.md"]
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == old


def test_no_data_or_two_kinds_of_it_are_refused(good, annotated, tmp_path, capsys):
    for more in ([], ["--images", "a"], ["--data", annotated, "--truth", "b"]):
        with pytest.raises(SystemExit):
            compare(good[0], "--out", tmp_path, *more)
        assert "--images and --truth" in capsys.readouterr().err
    assert compare(good[0], "--data", tmp_path, "--out", tmp_path) == 2


def test_configurations_are_trained_once_with_every_seed(annotated, tmp_path, capsys):
    config = tmp_path / "mine.yaml"
    config.write_text(CONFIG.read_text())
    command = ["--cfg", config, "--seeds", 2, "--runs", tmp_path / "runs", "--data", annotated,
               "--out", tmp_path / "out", *words(annotated, -0.4, 5)]  # fmt: skip
    assert compare(*command) == 0
    made = sorted(path.name for path in (tmp_path / "runs").iterdir())
    assert made == ["mine_seed5", "mine_seed6"]
    weights = [tmp_path / "runs" / name / "weights.safetensors" for name in made]
    before = [file.stat().st_mtime_ns for file in weights]
    assert rows(tmp_path / "out")["mine"]["seeds"] == "2"
    found = rows(tmp_path / "out")["mine"]["count_error"]
    assert compare(*command, "INFERENCE.DECODER.MIN_SIZE", "1000000") == 0
    assert [file.stat().st_mtime_ns for file in weights] == before
    assert rows(tmp_path / "out")["mine"]["count_error"] != found
    assert compare(*command, "METHOD.LEVEL", "0.5") == 2
    names(capsys.readouterr().err, tmp_path / "runs" / "mine_seed5", "METHOD.LEVEL", "0.5", "-0.4", "--out")


def test_trainings_that_measured_their_sizes_are_reused(annotated, tmp_path):
    config = tmp_path / "mine.yaml"
    config.write_text(CONFIG.read_text())
    empty = ["DATASET.SOURCE.SEMI_AXIS", "[]", "DATASET.SOURCE.COUNT", "[]"]
    command = ["--cfg", config, "--runs", tmp_path / "runs", "--data", annotated,
               "--out", tmp_path / "out", *words(annotated, -0.4, 5), *empty]  # fmt: skip
    assert compare(*command) == 0 and compare(*command) == 0


def test_planes_of_a_stack_are_pictures_of_their_own(good, annotated, tmp_path):
    for name in ("images", "labels"):
        (tmp_path / name).mkdir()
        film = np.stack([tifffile.imread(annotated / name / f"cell{i}.tif") for i in range(3)])
        tifffile.imwrite(tmp_path / name / "film.tif", film, imagej=True, metadata={"axes": "TYX"})
    assert compare(good[0], "--data", tmp_path, "--out", tmp_path / "out") == 0
    assert content(tmp_path / "out")["images"] == [f"film plane {i}" for i in range(3)]


def test_of_a_volume_one_plane_is_shown(cut, toy_images, tmp_path):
    more = ["DATASET.ROOT", str(toy_images), "DATASET.IMAGE.PATH", "volumes", "DATASET.SIZE", "[8, 16, 16]"]
    deep = cut(-0.4, 2, "volumes", *more, "MONITOR.TRUTH", "")
    folders = ["--images", toy_images / "volumes", "--truth", toy_images / "volume_labels"]
    assert compare(deep, *folders, "--out", tmp_path) == 0
    card = content(tmp_path)["gallery"][0]
    assert re.search(r"32 x 32 .*plane \d+", card["size"])


def test_published_scores_stand_beside_ours_and_in_a_table_of_their_own(
    good, annotated, tmp_path, monkeypatch
):
    from nucleizoo.comparison import published_scores
    from nucleizoo.comparison.published_scores import Published
    from nucleizoo.comparison.significance import Spread

    known = [
        Published("Here", "Cut", {"dice": Spread(0.5, 0.25)}, "A paper, table 1", {"METHOD.NAME": "cut"}),
        Published(
            "Here", "Other", {"dice": Spread(0.75, None), "seg": Spread(0.5, None)}, "A paper, table 2", {}
        ),
        Published("There", "Other", {"dice": Spread(0.25, None)}, "A paper, table 2", {}),
    ]
    monkeypatch.setattr(published_scores, "_all", lambda: known)
    assert compare(good[0], "--data", annotated, "--out", tmp_path, "--dataset", "here") == 0
    text = (tmp_path / "report.md").read_text()
    assert "Dice, per image 0.500 \u00b1 0.250 (A paper, table 1) |" in text
    assert "| published | Dice, per image | SEG | in |" in text
    assert "| Cut | 0.500 \u00b1 0.250 | \u2013 | A paper, table 1 |" in text
    assert (
        "| Other | 0.750 | 0.500 | A paper, table 2 |" in text and "0.250 |" not in text.split("| Other")[1]
    )
    table = rows(tmp_path)
    assert list(table) == ["good", "Cut (published)", "Other (published)"]
    assert table["good"]["published"] == "Dice, per image 0.500 \u00b1 0.250 (A paper, table 1)"
    assert table["Cut (published)"]["dice_sd"] == "0.25" and table["Other (published)"]["seg"] == "0.5"
    assert table["Other (published)"]["seeds"] == table["Other (published)"]["f1"] == ""
    shown = content(tmp_path)["published"]
    assert [column["key"] for column in shown["columns"]] == ["dice", "seg"]
    assert [row["name"] for row in shown["rows"]] == ["Cut", "Other"]


def test_a_protocol_chooses_images_ranks_models_and_is_printed(good, poor, annotated, tmp_path, capsys):
    data, mine = tmp_path / "data", tmp_path / "mine.yaml"
    shutil.copytree(annotated, data)
    split = [io.Listed(f"cell{i}", "", "test" if i < 3 else "train") for i in range(8)]
    io.write_items(data, split)
    mine.write_text("SPLIT: test\nBORDER: 2\nZOOM: [0.5, 0.5]\nRANK_BY: dice\n")
    command = [good[0], poor, "--data", data, "--out", tmp_path / "out", "--protocol", mine]
    assert compare(*command) == 0
    said = capsys.readouterr().out
    names(said, "mine", "test alone", "x 0.5 x 0.5", "2 pixels", "Dice, mean over images", "3 images")
    told = content(tmp_path / "out")
    assert told["images"] == ["cell0", "cell1", "cell2"] and told["rank_by"] == "dice"
    assert (told["tested"], told["notes"][-1]) == ("Dice", said.splitlines()[0])
    text = (tmp_path / "out" / "report.md").read_text()
    assert said.splitlines()[0].split("; ")[2] in text and "| Dice of | good |" in text
    best = rows(tmp_path / "out")["good"]
    assert float(best["dice"]) > float(rows(tmp_path / "out")[poor.name]["dice"])
    assert (best["protocol"], best["resolution"]) == ("mine", "label files x 0.5 x 0.5")
    words = ["--input", str(data / "images"), "--output", str(tmp_path / "found")]
    assert main(["predict", "--run", str(good[0]), *words]) == 0
    for name, value in zip(told["images"], told["models"][0]["per_image"], strict=True):
        found, true = (
            tifffile.imread(path)[1::2, 1::2] > 0  # the nearest voxel, at half the size
            for path in (tmp_path / "found" / f"{name}_label.tif", data / "labels" / f"{name}.tif")
        )
        assert value == pytest.approx(2 * (found & true).sum() / (found.sum() + true.sum()))
    assert compare(*command[:-1], "nothing") == 2
    names(capsys.readouterr().err, "'nothing'", "ctc", "adgan-hela")


def test_volumes_are_compared_on_gold_planes_and_markers(cut, toy_images, tmp_path, capsys):
    more = ["DATASET.ROOT", str(toy_images), "DATASET.IMAGE.PATH", "volumes", "DATASET.SIZE", "[8, 16, 16]"]
    deep = cut(-0.4, 3, "planes", *more, "MONITOR.TRUTH", "")
    found = tmp_path / "found"
    assert main(["predict", "--run", str(deep), "--input", str(toy_images / "volumes"),
                 "--output", str(found)]) == 0  # fmt: skip
    for name in ("images", "labels", "markers"):
        (tmp_path / name).mkdir()
    for i in range(2):
        shutil.copy(toy_images / "volumes" / f"stack{i}.tif", tmp_path / "images")
        labels = tifffile.imread(toy_images / "volume_labels" / f"stack{i}.tif")
        axes = {"imagej": True, "metadata": {"axes": "ZYX"}}
        tifffile.imwrite(tmp_path / "markers" / f"stack{i}.tif", labels, **axes)
        if i:
            tifffile.imwrite(tmp_path / "labels" / "stack1_z005.tif", labels[5])
    words = ["--protocol", "ctc", "--border", "2"]
    assert compare(deep, "--data", tmp_path, "--out", tmp_path / "out", *words) == 0
    truth = ["--pred", str(found), "--truth", str(tmp_path / "labels"), "--json", str(tmp_path / "s.json")]
    assert main(["evaluate", *truth, *words]) == 0
    told = json.loads((tmp_path / "s.json").read_text())
    row = rows(tmp_path / "out")["planes"]
    for key in ("seg", "det", "op_csb"):
        assert float(row[key]) == pytest.approx(told["tracking"][key], rel=1e-5)
    assert content(tmp_path / "out")["images"] == ["stack1_z005"]
