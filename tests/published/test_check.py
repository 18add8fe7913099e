import shutil

import numpy as np
import pytest
import tifffile
from support import published_sets as sets

from nucleizoo import published
from nucleizoo.core.errors import UserError


@pytest.mark.parametrize(("build", "name", "counts"), [
    (sets.ctc, "Fluo-N2DL-HeLa", dict.fromkeys(("train", "test"), (3, {"gt": 1, "st": 3}, 3))),
    (sets.ctc_test, "Fluo-N2DL-HeLa-test", {"train": (6, {"gt": 0}, 0), "test": (0, {"gt": 0}, 0)}),
    (sets.ctc_planes, "Fluo-N3DH-CHO", dict.fromkeys(("train", "test"), (3, {"gt": 1, "st": 3}, 3))),
    (sets.s_bsst265, "S-BSST265", {"train": (2, {"gt": 2}, 0), "test": (1, {"gt": 1}, 0)}),
    (sets.s_bsst265, "HaCaT", {"train": (1, {"gt": 1}, 0), "test": (1, {"gt": 1}, 0)}),
    (sets.bbbc024, "BBBC024", {"train": (2, {"gt": 2}, 0), "test": (0, {"gt": 0}, 0)}),
    (sets.scaffold, "Scaffold-A549", {"train": (2, {"gt": 0}, 0), "test": (1, {"gt": 1}, 0)}),
    (sets.nucmm, "NucMM-Z", {"train": (1, {"gt": 1}, 0), "test": (1, {"gt": 1}, 0)}),
    (sets.nucexm, "NucExM", {"train": (1, {"gt": 1}, 0), "test": (1, {"gt": 1}, 0)}),
    (sets.dsb2018, "DSB2018", {"train": (2, {"gt": 2}, 0), "test": (0, {"gt": 0}, 0)}),
])  # fmt: skip
def test_a_whole_set_is_counted_and_without_problems(build, name, counts, tmp_path):
    report = published.check(build(tmp_path / "some" / "folder"), name)
    found = {split: (c.images, c.labels, c.markers) for split, c in report.counts.items()}
    assert (found, report.problems, report.name) == (counts, (), name)
    assert report.looks


@pytest.mark.parametrize(("build", "lost", "told"), [
    (sets.ctc, "01/t001.tif", "01/t001.tif"),
    (sets.ctc, "01/t000.tif", "01/t000.tif"),
    (sets.ctc, "02/t002.tif", "02/t002.tif"),
    (sets.ctc, "02_GT/SEG/man_seg001.tif", "02_GT/SEG/man_seg*.tif"),
    (sets.ctc, "01_GT/TRA/man_track000.tif", "01_GT/TRA/man_track000.tif"),
    (sets.ctc_planes, "02_GT/TRA/man_track002.tif", "02_GT/TRA/man_track002.tif"),
    (sets.s_bsst265, "groundtruth/normal_1.tif", "groundtruth/normal_1.tif"),
    (sets.s_bsst265, "rawimages/normal_1.tif", "rawimages/normal_1.tif"),
    (sets.bbbc024, "image-labels_0001.tif", "image-labels_0001.tif"),
    (sets.scaffold, "test/sf_a549_21_Label.npy", "test/sf_a549_21_Label.npy"),
    (sets.nucmm, "Label/val/seg_0000_0576_0768.h5", "Label/val/seg_0000_0576_0768.h5"),
    (sets.dsb2018, "b2/images/b2.png", "b2/images/b2.png"),
    (sets.dsb2018, "b2/masks/1.png", "b2/masks/*.png"),
])  # fmt: skip
def test_a_lost_file_is_named(build, lost, told, tmp_path):
    (build(tmp_path / "set") / lost).unlink()
    assert published.check(tmp_path / "set").problems == (f"missing: {told}",)


def test_a_lost_folder_of_markers_is_one_problem(tmp_path):
    shutil.rmtree(sets.ctc(tmp_path / "set") / "01_GT" / "TRA")
    assert published.check(tmp_path / "set").problems == ("missing: 01_GT/TRA/man_track*.tif",)


@pytest.mark.parametrize(("build", "lost", "told"), [
    (sets.ctc, ["02"], "02/t*.tif"),
    (sets.ctc, ["02", "02_GT", "02_ST"], "02/t*.tif"),
    (sets.ctc, ["01", "01_GT", "01_ST"], "01/t*.tif"),
    (sets.ctc_test, ["Fluo-N2DL-HeLa/01"], "01/t*.tif"),
])  # fmt: skip
def test_a_lost_sequence_is_one_problem(build, lost, told, tmp_path):
    name = "Fluo-N2DL-HeLa-test" if build == sets.ctc_test else "Fluo-N2DL-HeLa"
    root = build(tmp_path / name)
    for folder in lost:
        shutil.rmtree(root / folder)
    assert published.check(root).problems == (f"missing: {told}",)


@pytest.mark.parametrize("hidden", ["__MACOSX/a1/images/._a1.png", ".cache/index", "a1/masks/._1.png"])
def test_what_systems_leave_in_a_folder_is_no_picture(hidden, tmp_path):
    root = sets.dsb2018(tmp_path / "DSB2018")
    (root / hidden).parent.mkdir(parents=True, exist_ok=True)
    (root / hidden).write_bytes(b"junk")
    assert published.check(root).problems == ()


def test_hidden_files_beside_volumes_are_no_volumes(tmp_path):
    root = sets.nucexm(tmp_path / "NucExM")
    (root / "._vol3.h5").write_bytes(b"junk")
    assert published.check(root).problems == ()


def test_a_damaged_volume_is_named(tmp_path):
    root = sets.nucexm(tmp_path / "NucExM")
    (root / "vol2.h5").write_bytes(b"no hdf5")
    with pytest.raises(UserError, match=r"vol2\.h5: .*HDF5 \(7 bytes\).* damaged"):
        published.check(root)


def test_a_damaged_picture_and_one_of_another_shape_are_problems(tmp_path):
    root = sets.ctc(tmp_path / "set", annotated=(0,))
    (root / "01" / "t000.tif").write_bytes(b"II*\0")
    tifffile.imwrite(root / "02_GT" / "SEG" / "man_seg000.tif", np.zeros((5, 5), np.uint16))
    problems = published.check(root).problems
    assert len(problems) == 2
    assert "t000.tif" in problems[0] and "5x5" in problems[1]


def test_a_description_without_magnification_is_refused(tmp_path):
    root = sets.s_bsst265(tmp_path / "set")
    text = (root / "image_description.csv").read_text(encoding="utf-8-sig")
    (root / "image_description.csv").write_text(text.replace("63x", "high"))
    with pytest.raises(UserError, match=r"image_description\.csv: 'high' .*normal_1 .*20x"):
        published.check(root)
    (root / "image_description.csv").write_text(text.replace("normal_1", "../normal_1"))
    with pytest.raises(UserError, match=r"image_description\.csv: '\.\./normal_1' .* name"):
        published.check(root)


def test_a_description_that_was_saved_by_another_program_is_read_or_named(tmp_path):
    root = sets.s_bsst265(tmp_path / "set")
    description = root / "image_description.csv"
    text = description.read_text(encoding="utf-8-sig")
    description.write_text(f"{text};;;;\n\n")
    assert published.check(root).problems == ()
    description.write_bytes(text.replace("none", "\xb5m").encode("latin-1"))
    with pytest.raises(UserError, match=r"image_description\.csv: .*UTF-8 .*0xb5"):
        published.check(root)


def test_a_plane_that_is_missing_is_named(tmp_path):
    root = sets.nucexm_laid(tmp_path / "NucExM", "image/V{v}/{z}.png", "label/V{v}/{z}.png")
    for kind in ("image", "label"):
        (root / kind / "V1" / "0003.png").unlink()
    problems = published.check(root).problems
    assert len(problems) == 2 and all("0000.png" in told and "number 3 " in told for told in problems)


def test_a_picture_that_is_its_labels_is_a_problem(tmp_path):
    root = sets.nucmm(tmp_path / "NucMM-Z")
    shutil.rmtree(root / "Image" / "val")
    shutil.copytree(root / "Label" / "val", root / "Image" / "val")
    for file in (root / "Image" / "val").iterdir():
        file.rename(file.with_name(file.name.replace("seg", "img")))
    (problem,) = published.check(root).problems
    assert "val/img_0000_0576_0768.h5: is equal to its labels" in problem


def test_test_data_with_truth_are_taken_for_the_training_data_that_they_are(tmp_path):
    """Both archives have one name; sequence 02, to be tested on, would be trained on."""
    with pytest.raises(UserError, match=r"Fluo-N2DL-HeLa-test: has truth \(01_GT, .*training data.*--name"):
        published.check(sets.ctc(tmp_path / "Fluo-N2DL-HeLa-test"))


def test_archives_in_an_unpacked_archive_are_named(tmp_path):
    sets.zipped(tmp_path / "inner.zip", {"V1_im.h5": "x"})
    with pytest.raises(UserError, match=r"looked for .*; unpack first .*: inner\.zip$"):
        published.check(tmp_path, "NucExM")


@pytest.mark.parametrize("name", ["", "Fluo-N2DL-HeLa"])
def test_another_folder_is_no_data_set(name, tmp_path):
    with pytest.raises(UserError, match=f"{tmp_path.name}: .*looked for"):
        published.check(tmp_path, name)
    with pytest.raises(UserError, match=r"gone: .*no such folder"):
        published.check(tmp_path / "gone", name)
