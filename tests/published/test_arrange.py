import shutil

import numpy as np
import pytest
from support import published_sets as sets
from support.published_sets import nuclei

from nucleizoo import io, published
from nucleizoo.core.errors import UserError


def arranged(folder, output, **settings):
    """What was written: names by kind of folder."""
    list(published.arrange(folder, output, **settings))
    return {
        kind.name: sorted(file.stem for file in kind.iterdir()) for kind in output.iterdir() if kind.is_dir()
    }


LAYOUTS = {
    "Fluo-N2DL-HeLa": (sets.ctc, ["01_t001", "02_t001"], (0.645, 0.645)),
    "S-BSST265": (sets.s_bsst265, ["Neuroblastoma_0", "normal_0", "normal_1"], None),
    "HaCaT": (sets.s_bsst265, ["normal_0", "normal_1"], None),
    "BBBC024": (sets.bbbc024, ["volume_0000", "volume_0001"], ()),
    "Scaffold-A549": (sets.scaffold, ["sf_a549_21"], ()),
    "NucMM-Z": (sets.nucmm, ["train_0000_0576_0768", "val_0000_0576_0768"], (0.48, 0.48, 0.48)),
    "NucExM": (sets.nucexm, ["V1", "V2"], (2.5, 0.325, 0.325)),
    "DSB2018": (sets.dsb2018, ["a1", "b2"], ()),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_layout_becomes_images_and_labels_of_equal_names(name, tmp_path):
    build, names, spacing = LAYOUTS[name]
    build(tmp_path / name)
    found = arranged(tmp_path / name, tmp_path / "out")
    assert found["images"] == found["labels"] == names
    for item in names:
        image = io.read(tmp_path / "out" / "images" / f"{item}.tif")
        labels = io.read(tmp_path / "out" / "labels" / f"{item}.tif")
        assert labels.data.shape == image.data.shape[: labels.data.ndim]  # channels are read as the last axis
        truth, _ = nuclei(labels.data.shape)
        np.testing.assert_array_equal(labels.data, truth if item != "b2" else truth == 1)
        if spacing is not None:
            assert image.spacing == labels.spacing == pytest.approx(spacing)


def test_the_layout_is_found_below_the_folders_that_an_archive_wraps_around_it(tmp_path):
    sets.ctc(tmp_path / "wrapped" / "once" / "Fluo-N2DH-GOWT1")
    report = published.check(tmp_path / "wrapped")
    assert report.name == "Fluo-N2DH-GOWT1" and not report.problems


def test_only_annotated_frames_unless_all_are_wanted(tmp_path):
    root = sets.ctc(tmp_path / "Fluo-N2DL-HeLa", frames=3, annotated=(1,))
    assert arranged(root, tmp_path / "test", split="test") == {
        "images": ["02_t001"], "labels": ["02_t001"], "markers": ["02_t001"],
    }  # fmt: skip
    every = arranged(root, tmp_path / "every", every=True)
    assert every["images"] == every["markers"] == [f"0{s}_t00{t}" for s in (1, 2) for t in (0, 1, 2)]
    assert every["labels"] == ["01_t001", "02_t001"]


def test_silver_truth_is_taken_when_asked_for(tmp_path):
    root = sets.ctc(tmp_path / "Fluo-N2DL-HeLa", annotated=())
    assert len(arranged(root, tmp_path / "silver", truth="st")["labels"]) == 6
    with pytest.raises(UserError, match="no gt labels"):
        arranged(root, tmp_path / "gold")
    with pytest.raises(UserError, match="not 'st'"):
        arranged(sets.bbbc024(tmp_path / "BBBC024"), tmp_path / "other", truth="st")


def test_annotated_planes_of_volumes_are_pictures_and_volumes_come_whole_to_train_on(tmp_path):
    root = sets.ctc_planes(tmp_path / "Fluo-N3DH-CHO")
    found = arranged(root, tmp_path / "planes")
    assert found["images"] == found["labels"] == found["markers"] == ["01_t001_z003", "02_t001_z003"]
    plane = io.read(tmp_path / "planes" / "images" / "01_t001_z003.tif")
    assert plane.data.shape == (12, 16) and plane.spacing == pytest.approx((0.202, 0.202))
    assert plane.data[0, 0] == 6  # of frame 1

    found = arranged(root, tmp_path / "volumes", every=True)
    assert len(found["images"]) == 6 and found["labels"] == ["01_t001_z003", "02_t001_z003"]
    flat = io.read(tmp_path / "volumes" / "labels" / "01_t001_z003.tif")
    np.testing.assert_array_equal(flat.data, nuclei((12, 16))[0])
    assert flat.spacing == pytest.approx((0.202, 0.202))
    volume = io.read(tmp_path / "volumes" / "images" / "01_t000.tif")
    assert volume.axes == "ZYX" and volume.spacing == pytest.approx((1.0, 0.202, 0.202))
    silver = arranged(root, tmp_path / "silver", truth="st")
    assert silver["labels"] == silver["images"] == found["images"]


def test_planes_are_pictures_beside_frames_that_are_annotated_whole(tmp_path):
    root = sets.ctc_planes(tmp_path / "Fluo-N3DH-CHO")
    labels, _ = nuclei((5, 12, 16))
    for frame in (1, 2):  # of frame 1 in sequence 02 there is a plane too
        sets.write(root / "02_GT" / "SEG" / f"man_seg{frame:03d}.tif", labels)
    sets.write(root / "02_GT" / "SEG" / "man_seg_000_004.tif", labels[4])
    found = arranged(root, tmp_path / "out", split="test")
    assert found["images"] == found["labels"] == ["02_t000_z004", "02_t001", "02_t002"]
    assert published.check(root).counts["test"].labels["gt"] == 3
    every = arranged(root, tmp_path / "every", split="test", every=True)
    assert every["images"] == ["02_t000", "02_t001", "02_t002"]
    assert every["labels"] == ["02_t000_z004", *every["images"][1:]]


def test_magnification_becomes_the_voxel_size(tmp_path):
    arranged(sets.s_bsst265(tmp_path / "HaCaT"), tmp_path / "out")
    sizes = [io.read(tmp_path / "out" / "images" / f"normal_{i}.tif").spacing for i in (0, 1)]
    assert sizes[0] == pytest.approx((0.5, 0.5)) and sizes[1] == pytest.approx((10 / 63, 10 / 63))


def test_grey_that_is_stored_as_colour_becomes_grey_and_colour_stays(tmp_path):
    arranged(sets.dsb2018(tmp_path / "DSB2018"), tmp_path / "out")
    grey, colour = (io.read(tmp_path / "out" / "images" / f"{name}.tif") for name in ("a1", "b2"))
    np.testing.assert_array_equal(grey.data, nuclei((12, 16))[1])
    assert (colour.axes, colour.data.shape) == ("YXC", (12, 16, 3))


def test_colours_that_were_saved_as_pages_are_colours(tmp_path):
    root = sets.s_bsst265(tmp_path / "HaCaT")
    _, image = nuclei((12, 16))
    sets.write(root / "rawimages" / "normal_0.tif", np.stack([image] * 3))
    sets.write(root / "rawimages" / "normal_1.tif", np.stack([image, image // 2, image]))
    arranged(root, tmp_path / "out")
    grey, colour = (io.read(tmp_path / "out" / "images" / f"normal_{i}.tif") for i in (0, 1))
    np.testing.assert_array_equal(grey.data, image)
    np.testing.assert_array_equal(colour.data, np.stack([image, image // 2, image], axis=-1))


@pytest.mark.parametrize(("stored", "written"), [
    (np.uint8, np.uint8), (np.uint16, np.uint16), (np.int16, np.float32), (np.int32, np.float32),
    (np.float32, np.float32), (np.float64, np.float32),
])  # fmt: skip
def test_all_pictures_of_a_set_are_written_in_one_type_whatever_their_values(stored, written, tmp_path):
    maxima = [200, min(300, np.iinfo(stored).max) if np.dtype(stored).kind in "iu" else 70000.0]
    root = sets.s_bsst265(tmp_path / "HaCaT")
    for number, highest in enumerate(maxima):
        image = np.zeros((12, 16), stored)
        image[3, 4] = highest
        sets.write(root / "rawimages" / f"normal_{number}.tif", image)
    arranged(root, tmp_path / "out")
    for number, highest in enumerate(maxima):
        found = io.read(tmp_path / "out" / "images" / f"normal_{number}.tif").data
        assert (found.dtype, found.max()) == (written, highest)


def test_two_items_of_one_name_are_refused_and_both_files_named(tmp_path):
    root = sets.s_bsst265(tmp_path / "HaCaT")
    description = root / "image_description.csv"
    rows = description.read_text(encoding="utf-8-sig").splitlines()
    description.write_text("\n".join([*rows, rows[1]]) + "\n")
    with pytest.raises(UserError, match=r"rawimages/normal_0\.tif .*normal_0\.tif .*'normal_0'"):
        arranged(root, tmp_path / "out")


def test_two_files_of_labels_of_one_volume_are_refused_as_two_volumes_are(tmp_path):
    root = sets.nucexm(tmp_path / "NucExM")
    shutil.copy(root / "vol1_seg.h5", root / "vol1_mask.h5")
    with pytest.raises(UserError, match=r"vol1_mask\.h5 .*vol1_seg\.h5 .*'vol1'"):
        arranged(root, tmp_path / "out")
    (root / "vol1_mask.h5").rename(root / "vol1_raw.h5")
    with pytest.raises(UserError, match=r"vol1_im\.h5 .*vol1_raw\.h5 .*'vol1'"):
        arranged(root, tmp_path / "out")


def test_nothing_is_overwritten_and_nothing_is_left_of_what_failed(tmp_path):
    root = sets.ctc(tmp_path / "Fluo-N2DL-HeLa")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "note.txt").write_text("mine")
    with pytest.raises(UserError, match=r"mine: .*already"):
        arranged(root, tmp_path / "mine")
    sets.write(root / "02_GT" / "SEG" / "man_seg001.tif", np.zeros((7, 7), np.uint16))
    with pytest.raises(UserError, match=r"man_seg001\.tif .*7x7.*t001\.tif .*12x16"):
        arranged(root, tmp_path / "out")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["Fluo-N2DL-HeLa", "mine"]


@pytest.mark.parametrize(("settings", "match"), [
    ({"split": "val"}, "SPLIT .*train, test.*'val'"),
    ({"name": "Fluo-N2DL-Hela2"}, "'Fluo-N2DL-Hela2'.*mean Fluo-N2DL-HeLa"),
    ({"name": "BBBC024"}, "data: .*looked for"),
])  # fmt: skip
def test_what_cannot_be_is_said(settings, match, tmp_path):
    root = sets.ctc(tmp_path / "data")
    with pytest.raises(UserError, match=match):
        arranged(root, tmp_path / "out", **settings)


def test_a_set_is_only_read_and_an_unknown_one_has_the_voxel_size_of_its_files(tmp_path, caplog):
    root = sets.ctc(tmp_path / "data")
    with pytest.raises(UserError, match=r"data/out: .* outside"):
        arranged(root, root / "out")
    arranged(root, tmp_path / "out")
    assert "--name" in caplog.text
    assert io.read(tmp_path / "out" / "images" / "01_t001.tif").spacing == ()


def test_a_folder_of_two_sets_asks_which(tmp_path):
    for name in ("Fluo-N2DL-HeLa", "Fluo-N2DH-GOWT1"):
        sets.ctc(tmp_path / name)
    with pytest.raises(UserError, match=r"several .*Fluo-N2DH-GOWT1, Fluo-N2DL-HeLa"):
        arranged(tmp_path, tmp_path / "out")


@pytest.mark.parametrize(("image", "label"), [
    ("V{v}_im.h5", "V{v}_seg.h5"),
    ("V{v}.tif", "V{v}_label.tif"),
    ("image/V{v}.h5", "label/V{v}.h5"),
    ("images/vol{v}.tif", "masks/vol{v}.tif"),
    ("NucExM/V{v}/image.tif", "NucExM/V{v}/label.tif"),
    ("image/V{v}/{z}.png", "label/V{v}/{z}.tif"),
    ("V{v}/image/{z}.tif", "V{v}/label/{z}.tif"),
    ("V{v}/im_{z}.png", "V{v}/seg_{z}.tif"),
    ("image/V{v}_{z}.tif", "label/V{v}_{z}.tif"),
    ("raw/exm_{v}.tif", "instances/exm_{v}.tif"),
])  # fmt: skip
def test_layouts_in_which_nucexm_may_come_are_told_by_their_names(image, label, tmp_path):
    root = sets.nucexm_laid(tmp_path / "NucExM", image, label)
    assert published.check(root).problems == ()
    assert arranged(root, tmp_path / "out") == {"images": ["V1", "V2"], "labels": ["V1", "V2"]}
    labels, picture = nuclei((5, 12, 16))
    for volume in (1, 2):
        seen = io.read(tmp_path / "out" / "images" / f"V{volume}.tif")
        np.testing.assert_array_equal(seen.data, picture + volume)
        np.testing.assert_array_equal(io.read(tmp_path / "out" / "labels" / f"V{volume}.tif").data, labels)
        assert seen.spacing == pytest.approx((2.5, 0.325, 0.325))
    assert arranged(root, tmp_path / "train", split="train", every=True)["images"] == ["V1"]


@pytest.mark.parametrize(("image", "label", "asked"), [
    ("vol{v}.h5", "vol{v}_v1_merged2_CVAT1.h5", r"pictures.*labels\?.*vol1\.h5, vol1_v1_merged2_CVAT1\.h5"),
    ("a/V{v}.h5", "b/V{v}.h5", r"pictures.*labels\?.*V1\.h5, V2\.h5"),
    ("vol{v}4_im.h5", "vol{v}4_seg.h5", r"vol14_im\.h5: .*V1.*V2\?.*V1_im"),
])  # fmt: skip
def test_names_that_do_not_tell_labels_from_pictures_or_volumes_are_asked_about(
    image, label, asked, tmp_path
):
    root = sets.nucexm_laid(tmp_path / "NucExM", image, label)
    with pytest.raises(UserError, match=asked):
        published.check(root)
    with pytest.raises(UserError, match=asked):
        arranged(root, tmp_path / "out", every=True)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("build", "name", "labels", "misplaced"), [
    (sets.bbbc024, "BBBC024", "image-labels_0000.tif", "image-final_0000_labels.tif"),
    (sets.bbbc024, "BBBC024", "image-labels_0000.tif", "labels/image-final_0000.tif"),
    (sets.scaffold, "Scaffold-A549", "test/sf_a549_21_Label.npy", "test/sf_a549_21_label.npy"),
    (sets.scaffold, "Scaffold-A549", "test/sf_a549_21_Label.npy", "train/sf_a549_21_GT.npy"),
    (sets.nucmm, "NucMM-Z", "Label/train/seg_0000_0576_0768.h5", "Image/train/img_0000_0576_0768_seg.h5"),
])  # fmt: skip
def test_labels_that_lie_where_pictures_do_are_asked_about(build, name, labels, misplaced, tmp_path):
    root = build(tmp_path / name)
    (root / misplaced).parent.mkdir(exist_ok=True)
    (root / labels).rename(root / misplaced)
    for command in (published.check, lambda folder: arranged(folder, tmp_path / "out", every=True)):
        with pytest.raises(UserError, match=rf"{name}: .*pictures, or labels\?.*: {misplaced};"):
            command(root)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("folder", ["Zebrafish (NucMM-Z)", "NucMM-Z", "wrapped/NucMM-Z_release"])
def test_a_set_is_known_by_its_name_in_that_of_the_folder(folder, tmp_path, caplog):
    sets.nucmm(tmp_path / folder)
    (look, _) = published.check(tmp_path / folder.split("/")[0]).looks
    assert "0.48 x 0.48 x 0.48 um" in look and not caplog.records
    published.check(sets.nucmm(tmp_path / "other"))
    (told,) = caplog.records
    assert "--name" in told.message and "NucMM-Z" in told.message


def test_all_four_sequences_of_hela_are_trained_on_from_two_folders(tmp_path):
    sets.ctc(tmp_path / "Fluo-N2DL-HeLa")
    sets.ctc_test(tmp_path / "Fluo-N2DL-HeLa-test")
    arranged(tmp_path / "Fluo-N2DL-HeLa", tmp_path / "hela", every=True)
    found = arranged(tmp_path / "Fluo-N2DL-HeLa-test", tmp_path / "hela_test", every=True)
    assert found == {"images": [f"test_0{s}_t00{t}" for s in (1, 2) for t in range(3)]}
    seen = io.find_pictures(str(tmp_path / "hela*" / "images" / "*.tif"))
    assert len(seen) == 12 and {io.read(file).spacing for file in seen} == {(0.645, 0.645)}
    with pytest.raises(UserError, match="no gt labels"):
        arranged(tmp_path / "Fluo-N2DL-HeLa-test", tmp_path / "scored")


def test_subsets_of_bbbc024_under_one_folder_are_one_set(tmp_path):
    for subset in ("c75_highSNR", "c00_lowSNR"):
        sets.bbbc024(tmp_path / "BBBC024" / f"BBBC024_v1_{subset}_images_TIFF")
    found = arranged(tmp_path / "BBBC024", tmp_path / "out")
    wanted = [f"{subset}_volume_000{i}" for subset in ("c00_lowSNR", "c75_highSNR") for i in (0, 1)]
    assert found == {"images": wanted, "labels": wanted}
    one = arranged(tmp_path / "BBBC024" / "BBBC024_v1_c75_highSNR_images_TIFF", tmp_path / "one")
    assert one["images"] == ["volume_0000", "volume_0001"]


@pytest.mark.parametrize(("build", "name", "images"), [
    (sets.s_bsst265, "HaCaT", ["normal_0"]), (sets.scaffold, "Scaffold-A549", ["sf_a549_01", "sf_a549_02"]),
])  # fmt: skip
def test_what_is_to_be_trained_on_has_no_test_image(build, name, images, tmp_path):
    root = build(tmp_path / name)
    assert arranged(root, tmp_path / "train", split="train", every=True)["images"] == images
    assert {item.split for item in io.read_items(tmp_path / "train").values()} == {"train"}
