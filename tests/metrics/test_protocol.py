"""Protocols of papers and of the challenge: what is scored, on which voxels, against what."""

import csv

import numpy as np
import pytest
import tifffile
from support import published_sets as sets
from support.naming import names

from nucleizoo import api, io, published
from nucleizoo.cli import main
from nucleizoo.core.errors import UserError
from nucleizoo.metrics import protocol


def volume(*boxes, shape=(5, 40, 40)):
    """A volume of boxes, each (label, z, y, x) with slices or numbers for z and corners of squares of 8."""
    labels = np.zeros(shape, np.uint16)
    for label, z, y, x in boxes:
        labels[z, y : y + 8, x : x + 8] = label
    return labels


@pytest.fixture
def write(tmp_path):
    def one(name, labels):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        tifffile.imwrite(tmp_path / name, labels, photometric="minisblack")

    return one


def test_volumes_are_scored_on_gold_planes_by_seg_and_on_markers_by_det(write, tmp_path):
    """Frame 1: plane 2 has two of three nuclei annotated, of one only half is found; plane 3 has one. Frame 0
    has markers alone, and one of its two nuclei is missed."""
    whole = slice(0, 5)
    found = volume((1, whole, 2, 2), (2, whole, 20, 20), (3, whole, 2, 28))
    found[2, 2:8, 2:10] = 1
    found[2, 8:10, 2:10] = 0  # 6 of 8 rows: a Jaccard index of 0.75
    write("found/02_t001_label.tif", found)
    write("found/02_t000_label.tif", volume((1, whole, 2, 2)))
    write("labels/02_t001_z002.tif", volume((7, 2, 2, 2), (9, 2, 20, 20))[2])
    write("labels/02_t001_z003.tif", volume((4, 3, 2, 30))[3])  # 6 of 8 columns: 48 / 80
    write("markers/02_t000.tif", volume((1, 2, 2, 2), (2, 2, 20, 20)))
    write("markers/02_t001.tif", volume((1, 2, 2, 2), (2, 2, 20, 20), (3, 2, 2, 28)))
    result = api.evaluate(tmp_path / "found", tmp_path / "labels", markers=tmp_path / "markers")
    assert list(result["images"]) == ["02_t001_z002", "02_t001_z003"]
    assert result["tracking"]["seg"] == pytest.approx((0.75 + 1 + 48 / 80) / 3)
    assert result["tracking"]["det"] == pytest.approx(1 - 10 / 50)  # one of five markers is missed
    assert result["tracking"]["op_csb"] == pytest.approx((2.35 / 3 + 0.8) / 2)
    assert np.isnan(result["images"]["02_t001_z002"]["tracking"]["det"])
    assert not result["missing"] and not result["unknown"] and not result["failed"]
    alone = api.evaluate(tmp_path / "found", tmp_path / "labels")
    assert alone["tracking"]["seg"] == result["tracking"]["seg"] and alone["unknown"] == ["02_t000"]


def test_a_plane_that_a_volume_has_not_is_named_and_planes_are_drawn_on_their_plane(write, tmp_path, capsys):
    write("found/a_label.tif", volume((1, slice(0, 5), 2, 2)))
    for z in (3, 7):
        write(f"truth/a_z{z:03d}.tif", volume((1, 3, 2, 2))[3])
    command = ["evaluate", "--pred", str(tmp_path / "found"), "--truth", str(tmp_path / "truth")]
    assert main(command) == 2
    names(capsys.readouterr().err, "a_label.tif", "plane 7", "5")
    (tmp_path / "truth" / "a_z007.tif").unlink()
    write("images/a.tif", np.full((5, 40, 40), 9, np.uint8))
    drawn = ["--out", str(tmp_path / "out"), "--images", str(tmp_path / "images")]
    assert main([*command, *drawn]) == 0
    assert (tmp_path / "out" / "a_z003_errors.png").is_file()


def test_challenge_sets_with_gold_planes_are_arranged_segmented_and_scored(tmp_path, capsys):
    root = sets.ctc_planes(tmp_path / "Fluo-N3DH-CHO")
    out = tmp_path / "cho"
    assert main(["data", "arrange", str(root), "--to", str(out), "--all"]) == 0
    assert "6 images, 2 labels, 6 markers" in capsys.readouterr().out
    with (out / "items.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert rows[0] == {"name": "01_t000", "dataset": "Fluo-N3DH-CHO", "split": "train"} and len(rows) == 6
    (tmp_path / "found").mkdir()
    for marker in (out / "markers").iterdir():  # the markers are the whole nuclei here
        (tmp_path / "found" / f"{marker.stem}_label.tif").write_bytes(marker.read_bytes())
    command = ["evaluate", "--pred", str(tmp_path / "found"), "--truth", str(out / "labels")]
    assert (
        main([*command, "--protocol", "ctc", "--border", "50"]) == 2
    )  # nothing is left of so small an image
    names(capsys.readouterr().err, "border", "50")
    result = api.evaluate(tmp_path / "found", out / "labels", markers=out / "markers")
    assert result["tracking"] == {"seg": 1, "det": 1, "op_csb": 1} and len(result["images"]) == 2


def test_the_border_of_the_challenge_is_that_of_the_set_and_its_markers_are_used(write, tmp_path):
    write("labels/01_t000.tif", volume((1, 0, 2, 2))[0])
    (tmp_path / "markers").mkdir()
    labels = tmp_path / "labels"
    with pytest.raises(UserError, match=r"ctc .*border.*not known; .*--border"):
        api.scoring("ctc", labels)
    io.write_items(tmp_path, [io.Listed("01_t000", "Fluo-N2DH-GOWT1", "train")])
    told = api.scoring("ctc", labels)
    assert (told.border, told.markers, told.dataset) == (50, tmp_path / "markers", "Fluo-N2DH-GOWT1")
    names(str(told), "ctc", "Fluo-N2DH-GOWT1", "50 pixels", "the markers", "OP")
    assert api.scoring("ctc", labels, dataset="fluo-n2dl-hela").border == 25
    with pytest.raises(UserError, match=r"adgan-hela .*Fluo-N2DL-HeLa.*Fluo-N2DH-GOWT1"):
        api.scoring("adgan-hela", labels)
    with pytest.raises(UserError, match=r"50 pixels.* 3; .*--border"):
        api.scoring("ctc", labels, border=3)


def test_a_split_is_applied_and_a_missing_list_or_folder_is_told(write, tmp_path):
    for name, right in (("01_t000", False), ("02_t000", True)):
        write(f"set/labels/{name}.tif", volume((1, 0, 2, 2), shape=(1, 80, 80)))
        write(f"set/markers/{name}.tif", volume((1, 0, 2, 2), shape=(1, 80, 80)))
        write(f"found/{name}_label.tif", volume(*[(1, 0, 2, 2)] * right, shape=(1, 80, 80)))
    io.write_items(
        tmp_path / "set",
        [io.Listed(f"{s}_t000", "Fluo-N2DL-HeLa", t) for s, t in (("01", "train"), ("02", "test"))],
    )
    result = api.evaluate(tmp_path / "found", tmp_path / "set/labels", protocol="adgan-hela")
    assert list(result["images"]) == ["02_t000"] and result["pixels"]["dice"] == 1
    names(result["protocol"], "test alone", "25 pixels", "Dice", "the markers")
    (tmp_path / "set/items.csv").unlink()
    (tmp_path / "set/markers").rename(tmp_path / "set/dots")
    result = api.evaluate(tmp_path / "found", tmp_path / "set/labels", protocol="adgan-hela")
    assert len(result["images"]) == 2
    names(result["protocol"], "all images", "items.csv", "split test", "no markers", "whole nuclei")


def test_labels_are_scored_at_the_resolution_of_the_protocol(tmp_path):
    """63x: a square of 126 pixels is 40 at 20x, and a speck of 2 pixels of it vanishes."""
    truth = np.zeros((126, 126), np.int32)
    truth[:63] = 1
    found = truth.copy()
    found[100, 100] = 2
    size = (10 / 63, 10 / 63)
    for folder, labels in (("labels", truth), ("found", found)):
        (tmp_path / folder).mkdir()
        io.write_labels(tmp_path / folder / "normal_1.tif", labels, size)
    plain = api.evaluate(tmp_path / "found", tmp_path / "labels")
    result = api.evaluate(tmp_path / "found", tmp_path / "labels", protocol="adgan-hacat")
    assert plain["pixels"]["dice"] < 1 and plain["objects"]["f1"] == pytest.approx(2 / 3)
    assert result["pixels"]["dice"] == result["objects"]["f1"] == 1
    assert result["definitions"]["resolution"] == "0.5 x 0.5 um"
    at = protocol.Resolution(spacing=(0.5, 0.5))
    assert at(truth, size, tmp_path).shape == (40, 40)
    with pytest.raises(UserError, match=r"voxel size.*0\.5 x 0\.5 um.*data arrange"):
        at(truth, (), tmp_path)
    quarter = protocol.named("cysgan-nucexm").resolution
    assert quarter(np.zeros((3, 8, 8), np.int32), (), tmp_path).shape == (3, 2, 2)


def test_a_protocol_is_one_file_and_an_unknown_name_is_answered_with_the_nearest(tmp_path):
    with pytest.raises(UserError, match=r"'adgan-hella'.*mean adgan-hela\?.*ctc"):
        protocol.named("adgan-hella")
    mine = tmp_path / "mine.yaml"
    mine.write_text("BORDER: 3\nRANK_BY: op_csb\n")
    assert protocol.named(str(mine)) == protocol.Protocol("mine", border=3, rank_by="op_csb")
    for text, told in (("BORDERS: 3", "BORDERS"), ("BORDER: -1", "BORDER"), ("RANK_BY: speed", "RANK_BY"),
                       ("{ZOOM: [2], SPACING: [1]}", "ZOOM"), ("SPLIT: val", "SPLIT")):  # fmt: skip
        mine.write_text(text)
        with pytest.raises(UserError, match=rf"mine\.yaml: .*{told}"):
            protocol.named(str(mine))


@pytest.mark.parametrize("file", sorted(protocol.PROTOCOLS.glob("*.yaml")), ids=lambda file: file.stem)
def test_every_protocol_says_where_it_is_from_and_names_a_set_of_the_table(file):
    told = protocol.named(file.stem)
    assert file.read_text().startswith("# ") and told.name == file.stem
    assert not told.dataset or published.named(told.dataset).name == told.dataset
    assert told.border is not None or not told.dataset or published.named(told.dataset).border is not None
