"""Folders of labels against folders of truth: what is paired, taken apart, refused, warned of, written."""

import csv
import json
import os

import h5py
import numpy as np
import pytest
import tifffile
from PIL import Image
from support.naming import names

from nucleizoo import api
from nucleizoo.cli import main
from nucleizoo.core.errors import UserError
from nucleizoo.core.files import write_texts
from nucleizoo.metrics import files, folders
from nucleizoo.metrics.files import COLOURS


def plane(*squares, shape=(40, 40)):
    """A picture of squares of 8 pixels, each (label, y, x)."""
    labels = np.zeros(shape, np.uint16)
    for label, y, x in squares:
        labels[y : y + 8, x : x + 8] = label
    return labels


TWO = plane((1, 2, 2), (2, 20, 20))


@pytest.fixture
def write(tmp_path):
    def one(name, labels, axes=""):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        settings = {"imagej": True, "metadata": {"axes": axes}} if axes else {"photometric": "minisblack"}
        tifffile.imwrite(tmp_path / name, labels, **settings)
        return tmp_path / name

    return one


@pytest.fixture
def pairs(write):
    """Two perfect predictions, of `a` and `b`."""
    for name in "ab":
        write(f"truth/{name}.tif", TWO)
        write(f"found/{name}_label.tif", TWO)


def evaluate(folder, *more):
    return main(
        ["evaluate", "--pred", str(folder / "found"), "--truth", str(folder / "truth"), *map(str, more)]
    )


def test_the_ranking_of_every_volume_is_shown_and_their_mean_beside_the_pooled_one(write, tmp_path, capsys):
    """V1: half of its nuclei. V2: all, and a larger one that is none, which is ranked first."""
    false = TWO.copy()
    false[28:40, 0:12] = 3
    for name, truth, found in (("V1", TWO, plane((1, 2, 2))), ("V2", TWO, false)):
        write(f"truth/{name}.tif", np.stack([truth] * 3), "ZYX")
        write(f"found/{name}_label.tif", np.stack([found] * 3), "ZYX")
    assert evaluate(tmp_path, "--json", tmp_path / "scores.json") == 0
    result, said = json.loads((tmp_path / "scores.json").read_text()), capsys.readouterr().out
    one, two = 51 / 101, 2 / 3  # recall 0.5 at precision 1; recall 1 at precision 2/3
    assert result["images"]["V1"]["ranked"]["ap50"] == pytest.approx(one)
    assert result["images"]["V2"]["ranked"]["ap50"] == pytest.approx(two)
    assert result["ranked_per_image"]["ap50"] == pytest.approx((one + two) / 2)
    assert result["ranked"]["ap50"] == pytest.approx(
        76 / 101 * 3 / 4
    )  # 3 of 4 found, the first of 4 is false
    for title, score in (("of V1", one), ("of V2", two), ("mean over images", (one + two) / 2)):
        assert any(title in line and f"{score:.4f}" in line for line in said.splitlines())


@pytest.mark.parametrize("axes", ["", "TYX", "ZYX", "TZYX"])
def test_planes_are_pictures_of_their_own_in_every_score(write, tmp_path, axes):
    """Plane 0 is right, plane 1 has one nucleus too few, plane 2 one too many: counts must not cancel out."""
    truth = np.stack([plane((1, 2, 2)), plane((1, 2, 2), (2, 20, 20)), plane()])
    found = np.stack([plane((1, 2, 2)), plane((1, 20, 20)), plane((1, 2, 2))])
    shape = (3, 1, 40, 40) if axes == "TZYX" else truth.shape
    write("truth/a.tif", truth.reshape(shape), axes)
    write("found/a_label.tif", found.reshape(shape), axes)
    result = folders.compare(tmp_path / "found", tmp_path / "truth", planes=True)
    images = result["images"]
    assert list(images) == ["a[0]", "a[1]", "a[2]"]
    assert [one["pixels"]["dice"] for one in images.values()] == pytest.approx([1, 2 / 3, 0])
    assert [one["counting"]["error"] for one in images.values()] == [0, 1, 1]
    assert result["pixels"]["dice"] == pytest.approx((1 + 2 / 3 + 0) / 3)
    assert result["counting"] == {"predicted": 3, "true": 3, "error": pytest.approx(2 / 3), "ratio": 1}
    assert result["objects"]["f1"] == pytest.approx(2 * 2 / (2 * 2 + 1 + 1))


def test_confidences_of_planes_are_those_of_their_own_nuclei(write, tmp_path):
    truth, found = np.stack([plane((1, 2, 2)), plane()]), np.stack([plane((1, 2, 2)), plane((1, 2, 2))])
    write("truth/a.tif", truth, "ZYX")
    write("found/a_label.tif", found, "ZYX")
    table = tmp_path / "found" / "a_nuclei.csv"
    table.write_text("picture,label,confidence\n0,1,0.4\n1,1,0.6\n")  # the invented one is the surest
    assert (
        api.evaluate(tmp_path / "found", tmp_path / "truth", planes=True)["ranked_by_confidence"]["ap50"]
        == 0.5
    )
    table.write_text("picture,label,confidence\n0,1,0.6\n1,1,0.4\n")
    assert (
        api.evaluate(tmp_path / "found", tmp_path / "truth", planes=True)["ranked_by_confidence"]["ap50"] == 1
    )
    table.write_text("picture,label,z,confidence\n0,1,0.5,0.6\n")  # of a volume, which has no planes
    result = api.evaluate(tmp_path / "found", tmp_path / "truth", planes=True)
    assert "ranked_by_confidence" not in result and not result["incomplete"]


def test_errors_of_planes_are_drawn_on_their_own_plane(write, tmp_path):
    stack = np.stack([plane((1, 2, 2)), plane((1, 20, 20))])
    for name in ("truth/a.tif", "found/a_label.tif"):
        write(name, stack, "ZYX")
    write("images/a.tif", np.stack([np.full((40, 40), 50), TWO * 90]).astype(np.uint8))
    out = tmp_path / "out"
    assert evaluate(tmp_path, "--planes", "--out", out, "--images", tmp_path / "images") == 0
    first, second = (np.asarray(Image.open(out / f"a[{index}]_errors.png")) for index in range(2))
    gray = [(one[:, :480] == 255).all(-1).any() for one in (first, second)]
    assert gray == [False, True]
    where = [np.argwhere((one[:, :480] == COLOURS["matched"]).all(-1)).mean() for one in (first, second)]
    assert where[0] < where[1]
    with (out / "images.csv").open() as file:
        assert [row["image"] for row in csv.DictReader(file)] == ["a[0]", "a[1]"]


@pytest.mark.parametrize("where", ["truth/a.tif", "found/a_label.tif"])
def test_planes_numbered_each_from_1_are_told(write, tmp_path, caplog, where):
    anew = np.stack([TWO, plane((1, 20, 20), (2, 30, 5))])
    through = np.stack([TWO, plane((2, 20, 20), (3, 30, 5))])
    write("truth/a.tif", through, "ZYX"), write("found/a_label.tif", through, "ZYX")
    folders.compare(tmp_path / "found", tmp_path / "truth")
    assert not caplog.records
    path = write(where, anew, "ZYX")
    folders.compare(tmp_path / "found", tmp_path / "truth")
    (told,) = caplog.records
    names(told.message, path, "--planes")
    caplog.clear()
    folders.compare(tmp_path / "found", tmp_path / "truth", planes=True)
    assert not caplog.records


def test_one_label_in_several_pieces_is_told_to_be_a_mask(write, tmp_path, caplog, pairs):
    path = write("truth/b.tif", ((TWO > 0) * 255).astype(np.uint8))
    folders.compare(tmp_path / "found", tmp_path / "truth")
    (told,) = caplog.records
    names(told.message, path, "255", "2 pieces")


def test_chunks_that_were_never_written_are_empty_only_if_asked_for(tmp_path, capsys, pairs):
    for name in "ab":
        (tmp_path / f"truth/{name}.tif").unlink()
        with h5py.File(tmp_path / f"truth/{name}.h5", "w") as file:
            half = file.create_dataset("label", TWO.shape, TWO.dtype, chunks=(20, 20))
            half[20:, 20:] = TWO[20:, 20:]
    assert evaluate(tmp_path) == 2
    names(capsys.readouterr().err, tmp_path / "truth" / "a.h5", "3 chunks", "--empty-chunks")
    assert evaluate(tmp_path, "--empty-chunks") == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("2 matched, 0 missed, 2 invented")


def test_a_truth_without_the_ending_of_the_others_is_not_dropped(write, tmp_path, capsys, pairs):
    (tmp_path / "truth" / "a.tif").rename(tmp_path / "truth" / "a_label.tif")
    assert evaluate(tmp_path) == 2
    said = capsys.readouterr().err
    names(said, "<name>_label", "a_label.tif", "b.tif")
    write("found/b_overlay.tif", TWO)  # predictions may have company
    (tmp_path / "truth" / "b.tif").rename(tmp_path / "truth" / "b_label.tif")
    write("truth/b.tif", TWO)  # the picture of b
    assert evaluate(tmp_path) == 0


def test_columns_are_those_of_all_rows(tmp_path, pairs):
    (tmp_path / "found" / "b_nuclei.csv").write_text("picture,label,confidence\n0,1,0.9\n0,2,0.8\n")
    assert evaluate(tmp_path, "--out", tmp_path / "out") == 0
    with (tmp_path / "out" / "images.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["ranked_by_confidence.ap50"] for row in rows] == ["", "1.0"]


@pytest.mark.parametrize("breaks", ["missing", "damaged", "of another shape"])
def test_a_picture_that_cannot_be_drawn_on_costs_no_score(write, tmp_path, capsys, pairs, breaks):
    path = write("images/a.tif", TWO[:20] if breaks == "of another shape" else TWO)
    write("images/b.tif", TWO)
    if breaks == "damaged":
        path.write_bytes(b"II*\0 no more")
    elif breaks == "missing":
        path.unlink()
    out = tmp_path / "out"
    assert evaluate(tmp_path, "--out", out, "--images", tmp_path / "images") == 1
    said = capsys.readouterr()
    assert "2 images" in said.out
    names(said.err, "'a'" if breaks == "missing" else path)
    assert (out / "b_errors.png").is_file() and not (out / "a_errors.png").exists()
    assert list(json.loads((out / "metrics.json").read_text())["incomplete"]) == ["a"]


def test_a_bad_table_costs_the_ranking_alone(tmp_path, capsys, pairs):
    (tmp_path / "found" / "a_nuclei.csv").write_text("picture,label\n0,1\n")
    assert evaluate(tmp_path) == 1
    said = capsys.readouterr()
    assert "2 images" in said.out
    names(said.err, "a_nuclei.csv", "--table")


def test_two_pictures_of_one_name_are_refused_before_scoring(write, tmp_path, capsys, pairs):
    for name in ("a.tif", "a.tiff", "b.tif"):
        write(f"images/{name}", TWO)
    assert evaluate(tmp_path, "--out", tmp_path / "out", "--images", tmp_path / "images") == 2
    names(capsys.readouterr().err, "a.tif", "a.tiff", "'a'")


def test_results_are_known_to_be_writable_before_scoring(tmp_path, capsys, monkeypatch, pairs):
    assert evaluate(tmp_path, "--json", tmp_path / "new" / "folder" / "scores.json") == 0
    assert (tmp_path / "new" / "folder" / "scores.json").is_file()
    monkeypatch.setattr(folders, "compare", lambda *_, **__: pytest.fail("scored first"))
    assert evaluate(tmp_path, "--json", tmp_path / "new") == 2
    names(capsys.readouterr().err, tmp_path / "new", "folder")
    assert evaluate(tmp_path, "--json", tmp_path / "truth" / "a.tif" / "scores.json") == 2
    assert str(tmp_path / "truth" / "a.tif") in capsys.readouterr().err


def test_a_name_with_nan_stays_as_it_is_and_a_value_without_meaning_is_null(write, tmp_path):
    write("truth/cell NaN.tif", plane()), write("found/cell NaN_label.tif", TWO)
    result = folders.compare(tmp_path / "found", tmp_path / "truth")
    write_texts({tmp_path / "scores.json": files.json_text(result)})
    read = json.loads((tmp_path / "scores.json").read_text())
    assert list(read["images"]) == ["cell NaN"] and read["counting"]["ratio"] is None


def test_names_of_any_bytes_are_scored_and_are_no_formulas(write, tmp_path, capsys):
    latin = os.fsdecode(b"zellen_\xfc")
    for name in (latin, "=1+1", "-2+3"):
        write(f"truth/{name}.tif", plane((1, 2, 2))), write(f"found/{name}_label.tif", plane((1, 2, 2)))
    assert evaluate(tmp_path, "--out", tmp_path / "out", "--json", tmp_path / "scores.json") == 0
    with (tmp_path / "out" / "images.csv").open(encoding="utf-8", newline="") as file:
        assert sorted(row["image"] for row in csv.DictReader(file)) == ["'-2+3", "'=1+1", "zellen_\\udcfc"]
    assert set(json.loads((tmp_path / "scores.json").read_text())["images"]) == {latin, "=1+1", "-2+3"}
    assert (tmp_path / "out" / f"{latin}_errors.png").is_file()


def test_a_name_too_long_for_its_drawing_is_scored(write, tmp_path, capsys):
    for name in ("a", "b" * 245):
        write(f"truth/{name}.tif", plane((1, 2, 2))), write(f"found/{name}_label.tif", plane((1, 2, 2)))
    assert evaluate(tmp_path, "--out", tmp_path / "out") == 1
    names(capsys.readouterr().err, "b" * 245, "too long", "rename")
    assert {file.name for file in (tmp_path / "out").iterdir()} == {
        ".images.csv.sum",
        "a_errors.png",
        "images.csv",
        "metrics.json",
    }


def test_borders_that_are_no_borders_are_refused_with_a_mend(write, tmp_path, capsys, pairs):
    assert evaluate(tmp_path, "--border", -3) == 2
    names(capsys.readouterr().err, "border", "0", "-3")
    (
        write("truth/a.tif", np.zeros((80, 80), np.uint16)),
        write("found/a_label.tif", np.zeros((80, 80), np.uint16)),
    )
    assert evaluate(tmp_path, "--border", 20) == 1
    said = capsys.readouterr().err
    names(said, "b.tif", "border", "20", "smaller")


def test_every_kind_of_error_is_drawn_in_its_colour_and_in_its_place(write, tmp_path):
    shape = (60, 60)
    common = plane((1, 2, 2), shape=shape)
    truth = common + plane((2, 2, 22), (3, 22, 2), (4, 22, 10), (5, 42, 2), shape=shape)
    found = common + plane((3, 22, 2), (3, 22, 10), (7, 42, 22), shape=shape)
    found[42:46, 2:10], found[46:50, 2:10] = 5, 6
    places = {"matched": (2, 2, 8), "missed": (2, 22, 8), "merged": (22, 2, 16), "split": (42, 2, 8)}
    places["invented"] = (42, 22, 8)
    write("truth/a.tif", truth), write("found/a_label.tif", found)
    assert evaluate(tmp_path, "--out", tmp_path / "out") == 0
    drawn = np.asarray(Image.open(tmp_path / "out" / "a_errors.png"))
    times = drawn.shape[0] // 60
    for kind, colour in COLOURS.items():
        y, x, width = places[kind]
        where = np.argwhere((drawn[:, : 60 * times] == colour).all(-1)) // times
        assert where.min(0).tolist() == [y, x]
        assert where.max(0).tolist() == [y + 7, x + width - 1]


def test_every_true_nucleus_is_counted_once_among_the_errors(write, tmp_path, capsys):
    truth = plane((1, 0, 0), (2, 0, 8), (3, 20, 0), (4, 20, 20))  # 1 and 2 touch
    found = np.where(np.isin(truth, (1, 2)), 1, truth) * (truth != 4)
    write("truth/a.tif", truth), write("found/a_label.tif", found.astype(np.uint16))
    assert evaluate(tmp_path) == 0
    assert "1 matched, 1 missed, 0 invented, 0 split, 1 merged, 2 swallowed" in capsys.readouterr().out


def test_the_table_names_every_value_and_keeps_rankings_together(tmp_path, capsys, pairs):
    for name in "ab":
        (tmp_path / "found" / f"{name}_nuclei.csv").write_text("picture,label,confidence\n0,1,0.9\n0,2,0.8\n")
    assert evaluate(tmp_path) == 0
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    start = lines.index("IoU 0.50 IoU 0.75 mean AP")
    ranked = ("size, pooled", "mean over images", "confidence, pooled", "of a", "of b")
    wanted = ("TP / (TP + FP + FN)", *ranked, "SEG DET OP")
    for line, part in zip(lines[start + 1 : start + 8], wanted, strict=True):
        names(line, part)


def test_a_negative_border_is_refused_by_the_function_too(tmp_path):
    with pytest.raises(UserError, match=r"border .*\b0\b.*-1"):
        folders.compare(tmp_path, tmp_path, border=-1)


def test_det_counts_the_markers_where_there_are_some(write, tmp_path, capsys):
    """A nucleus too small by more than half misses the truth, and has its dot."""
    truth, found, dots = np.zeros((3, 40, 40), np.uint16)
    truth[5:15, 5:15], truth[20:30, 20:30] = 1, 2
    found[8:12, 8:12], found[20:30, 20:30] = 1, 2
    dots[9:11, 9:11], dots[24:26, 24:26] = 1, 2
    for name, labels in (("pred/a_label.tif", found), ("truth/a.tif", truth), ("dots/a.tif", dots)):
        write(name, labels)
    places = tmp_path / "pred", tmp_path / "truth"
    whole, marked = api.evaluate(*places), api.evaluate(*places, markers=tmp_path / "dots")
    assert whole["tracking"]["det"] == pytest.approx(1 - (10 + 1) / 20)
    assert marked["tracking"]["det"] == 1
    assert marked["tracking"]["seg"] == whole["tracking"]["seg"] == 0.5
    assert marked["tracking"]["op_csb"] == 0.75
    assert whole["definitions"]["det"] != marked["definitions"]["det"]
    command = ["evaluate", "--pred", str(places[0]), "--truth", str(places[1])]
    assert main([*command, "--markers", str(tmp_path / "dots"), "--border", "2"]) == 0
    assert marked["definitions"]["det"] in capsys.readouterr().out


def test_a_truth_without_markers_is_refused_when_others_have_them(write, tmp_path, pairs):
    write("dots/other.tif", TWO)
    with pytest.raises(UserError, match=r"dots .*markers .*truth"):
        api.evaluate(tmp_path / "found", tmp_path / "truth", markers=tmp_path / "dots")


def test_markers_of_another_shape_are_named(write, tmp_path):
    for name, labels in (("pred/a.tif", TWO), ("truth/a.tif", TWO), ("dots/a.tif", TWO[:30])):
        write(name, labels)
    with pytest.raises(UserError, match=r"dots/a\.tif .*30x40"):
        api.evaluate(tmp_path / "pred", tmp_path / "truth", markers=tmp_path / "dots")


def test_two_files_that_are_named_are_a_pair(write, tmp_path, pairs):
    truth = write("other/mine.tif", TWO)
    result = api.evaluate(tmp_path / "found" / "a_label.tif", truth)
    assert result["objects"]["f1"] == 1 and not result["missing"] and not result["unknown"]
    with pytest.raises(UserError, match="no file in"):
        api.evaluate(tmp_path / "found" / "a_label.tif", truth.parent)
