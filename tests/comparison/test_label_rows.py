"""Rows of labels that another program made: scored as a run's are, and silent of all else."""

import csv
import json
import re
import shutil

import numpy as np
import pytest
import tifffile
from support.naming import names

from nucleizoo.cli import main
from nucleizoo.comparison.columns import COSTS, LABEL_FREE, SCORES


def compare(*words):
    return main(["compare", "--no-floor", *map(str, words)])


def rows(out):
    with (out / "report.csv").open(encoding="utf-8", newline="") as file:
        return {row["model"]: row for row in csv.DictReader(file)}


def content(out):
    page = (out / "report.html").read_text(encoding="utf-8")
    return json.loads(
        re.findall(r'<script id="content" type="application/json">(.*?)</script>', page, re.S)[0]
    )


@pytest.fixture(scope="module")
def its_labels(good, annotated, tmp_path_factory):
    """What the run writes for the pictures, in a folder of its own."""
    folder = tmp_path_factory.mktemp("its") / "labels"
    command = ["predict", "--run", good[0], "--input", annotated / "images", "--output", folder]
    assert main([*map(str, command)]) == 0
    return folder


@pytest.fixture
def own(its_labels, tmp_path):
    """A copy of them that a test may change."""
    shutil.copytree(its_labels, tmp_path / "own")
    return tmp_path / "own"


@pytest.mark.parametrize("how", [(), ("--border", 5), ("--markers", "labels"), ("--protocol", "ctc")])
def test_labels_that_a_run_wrote_have_the_scores_of_the_run(how, good, its_labels, annotated, tmp_path):
    how = [annotated / one if one == "labels" else one for one in how]
    more = ["--border", 3] if "--protocol" in how else []
    command = [good[0], "--labels", f"My tool={its_labels}", "--data", annotated, "--out", tmp_path]
    assert compare(*command, *how, *more) == 0
    run, labels = rows(tmp_path)["good"], rows(tmp_path)["My tool"]
    assert all(run[column.key] == labels[column.key] != "" for column in SCORES)
    assert content(tmp_path)["tests"][0]["values"][:3] == [0, 0, 0]
    one, other = (model["per_image"] for model in content(tmp_path)["models"])
    assert one == other


def test_nothing_is_said_of_what_labels_do_not_tell(good, its_labels, annotated, tmp_path):
    command = ["--labels", f"My tool={its_labels}", "--data", annotated, "--out", tmp_path]
    assert compare(good[0], *command) == 0
    row = rows(tmp_path)["My tool"]
    known = {"offset"}
    unknown = [column.key for column in (*COSTS, *LABEL_FREE) if column.key not in known]
    assert all(row[key] == "" for key in ("seeds", *unknown))
    (line,) = [line for line in (tmp_path / "report.md").read_text().splitlines() if "| My tool | " in line]
    assert line.count("\u2013") == len(unknown) + 2  # seeds and published scores, too
    told = content(tmp_path)
    model = next(model for model in told["models"] if model["name"] == "My tool")
    assert model["seeds"] == [] and not model["losses"] and not model["cells"].keys() & {*unknown}
    assert "My tool" not in told["caution"] and told["facts"].startswith("2 rows, 1 training, 8 images")


def test_labels_are_compared_without_any_run(its_labels, annotated, tmp_path, capsys):
    command = ["--data", annotated, "--out", tmp_path]
    with pytest.raises(SystemExit):
        compare("--labels", its_labels, *command)
    names(capsys.readouterr().err, "--labels", "NAME=DIR", its_labels)
    assert compare("--labels", f"A={its_labels}", "--labels", f"B={annotated / 'labels'}", *command) == 0
    found = rows(tmp_path)
    assert float(found["B"]["seg"]) == 1 > float(found["A"]["seg"])
    assert len(content(tmp_path)["gallery"]) == 8


def test_names_of_rows_are_their_own(good, its_labels, annotated, tmp_path, capsys):
    command = ["--data", annotated, "--out", tmp_path]
    with pytest.raises(SystemExit):
        compare("--labels", f"A={its_labels}", "--labels", f"A={its_labels}", *command)
    names(capsys.readouterr().err, "A", "twice")
    assert compare(good[0], "--labels", f"good={its_labels}", *command) == 2
    names(capsys.readouterr().err, "good", its_labels)
    assert compare(*command) == 2
    names(capsys.readouterr().err, "--cfg", "--labels")


def test_a_picture_that_has_no_labels_of_its_shape_is_named_and_left_out_for_all(
    good, own, annotated, tmp_path, capsys
):
    (own / "cell2_label.tif").unlink()
    tifffile.imwrite(own / "cell5_label.tif", np.ones((9, 9), np.uint16))
    tifffile.imwrite(own / "cell6_label.tif", np.full((48, 64), 0.5, np.float32))
    command = [good[0], "--labels", f"My tool={own}", "--data", annotated, "--out", tmp_path / "out"]
    assert compare(*command) == 1
    names(capsys.readouterr().err, "My tool", "cell2.tif", "cell5_label.tif", "9x9", "48x64", "fractions")
    assert content(tmp_path / "out")["images"] == ["cell0", "cell1", "cell3", "cell4", "cell7"]
    assert {row["images"] for row in rows(tmp_path / "out").values()} == {"5"}
    for file in own.iterdir():
        file.rename(own / f"other_{file.name}")
    assert compare(*command) == 2
    names(capsys.readouterr().err, "My tool", own, "cell0", "a_label.tif")


def test_a_mask_is_doubted_and_its_parts_are_nuclei_if_asked_for(annotated, tmp_path, caplog):
    (tmp_path / "masks").mkdir()
    for file in (annotated / "labels").iterdir():
        tifffile.imwrite(tmp_path / "masks" / file.name, np.uint8(255 * (tifffile.imread(file) > 0)))
    command = ["--labels", f"Mask={tmp_path / 'masks'}", "--data", annotated, "--out", tmp_path / "out"]
    assert compare(*command) == 0
    names(caplog.text, "masks/cell0.tif", "--components")
    whole = float(rows(tmp_path / "out")["Mask"]["count_error"])
    assert compare(*command, "--components") == 0
    assert float(rows(tmp_path / "out")["Mask"]["count_error"]) < whole


def test_displaced_labels_are_found_by_their_offset(annotated, tmp_path):
    """By 3 rows and 4 columns: 5 pixels."""
    (tmp_path / "far").mkdir()
    for file in (annotated / "labels").iterdir():
        tifffile.imwrite(tmp_path / "far" / file.name, np.roll(tifffile.imread(file), (3, -4), (0, 1)))
    command = ["--labels", f"Far={tmp_path / 'far'}", "--labels", f"True={annotated / 'labels'}"]
    assert compare(*command, "--data", annotated, "--out", tmp_path / "out") == 0
    assert [float(rows(tmp_path / "out")[name]["offset"]) for name in ("Far", "True")] == [5, 0]


def test_pictures_in_colour_stacks_and_volumes_need_no_run(toy_images, annotated, tmp_path):
    for name in ("images", "labels"):
        (tmp_path / name).mkdir()
        planes = [tifffile.imread(annotated / name / f"cell{i}.tif") for i in range(2)]
        colours = np.stack([planes[0], planes[0] // 2, 0 * planes[0]], -1) if name == "images" else planes[0]
        tifffile.imwrite(tmp_path / name / "red.tif", colours)
        film = np.stack(planes)
        tifffile.imwrite(tmp_path / name / "film.tif", film, imagej=True, metadata={"axes": "TYX"})
    mine = ["--labels", f"A={tmp_path / 'labels'}", "--data", tmp_path]
    assert compare(*mine, "--out", tmp_path / "out") == 0
    assert {*content(tmp_path / "out")["images"]} == {"red", "film plane 0", "film plane 1"}
    truth = toy_images / "volume_labels"
    mine = ["--labels", f"A={truth}", "--images", toy_images / "volumes", "--truth", truth]
    assert compare(*mine, "--out", tmp_path / "deep") == 0
    assert re.search(r"32 x 32 .*plane \d+", content(tmp_path / "deep")["gallery"][0]["size"])
