"""Which files are pictures, and which are results or labels beside them; one file is taken once."""

import numpy as np
import pytest
import tifffile
from support.naming import names

from nucleizoo import io
from nucleizoo.core.errors import ImageReadError

PICTURE = np.arange(64, dtype=np.uint8).reshape(8, 8)


@pytest.fixture
def make(tmp_path):
    """Files that something else than nucleizoo wrote."""

    def make(*files):
        for file in files:
            (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / file).write_bytes(b"?")
        return tmp_path

    return make


def found(*paths):
    return [path.name for path in io.find_pictures(*paths)]


@pytest.mark.parametrize("result", [
    "a_label.tif", "a_label.h5", "a_label.ome.tif", "a_maps.tif", "a_source.tif", "a_image.tif",
    "a_overlay.png", "a_0003_overlay.png", "a_errors.png", "a[2]_errors.png", "a_labels.png", "a_mask.png",
    "a_masks.tif", "a_cp_masks.png", "a_seg.npy",
])  # fmt: skip
def test_a_result_beside_its_picture_is_no_picture_and_the_log_says_so(make, caplog, result):
    folder = make("a.png", "b.png", result)
    with caplog.at_level("INFO"):
        assert found(folder) == found(folder / "*") == ["a.png", "b.png"]
    assert len(caplog.records) == 2
    names(caplog.records[0].message, folder, result)
    assert found(*folder.iterdir()) != [] and result not in found(*folder.iterdir())  # as a shell expands *
    assert found(folder / result) == [result]


def test_pictures_may_be_called_like_results_of_pictures_that_are_not_there(make):
    folder = make("cell_image.png", "cell_source.png", "x_label.png", "label.png", "a_overlays.png", "a.png")
    assert found(folder) == ["a.png", "a_overlays.png", "cell_image.png", "cell_source.png", "label.png",
                             "x_label.png"]  # fmt: skip


def test_labels_by_hand_beside_a_picture_that_is_called_image_are_no_pictures(make):
    folder = make(
        "1_image.png", "1_label.png", "2_img.png", "2_mask.png", "3_mask.png", "4_dapi.png", "4.png"
    )
    assert found(folder) == ["1_image.png", "2_img.png", "3_mask.png", "4.png", "4_dapi.png"]


def test_names_that_look_the_same_are_the_same(make):
    composed, apart = "zell\u00e4", "zella\u0308"
    folder, labels = make(f"i/{composed}.png") / "i", make(f"l/{apart}_label.tif") / "l"
    assert io.pairs_of(folder, labels) == [(folder / f"{composed}.png", labels / f"{apart}_label.tif")]
    with pytest.raises(ImageReadError, match="have the same name"):
        io.find_distinct([make(f"i/{apart}.png") / "i"])


def test_the_picture_may_be_in_ome_format_and_in_another_folder_of_the_pattern(make):
    folder = make("t1/a.ome.tif", "t1/out/a_label.tif", "t2/b.png", "t2/out/b_overlay.png")
    assert found(folder / "**" / "*.*") == ["a.ome.tif", "b.png"]


def test_results_of_results_are_left_out(make):
    assert found(make("a.png", "a_label.tif", "a_label_label.tif", "a_label_image.tif")) == ["a.png"]


def test_labels_that_nucleizoo_wrote_are_no_pictures_wherever_their_picture_is(tmp_path):
    io.write_labels(tmp_path / "a_label.tif", PICTURE)
    with pytest.raises(ImageReadError) as caught:
        io.find_pictures(tmp_path)
    names(caught.value, tmp_path, "a_label.tif", "results")
    io.write_image(tmp_path / "a_source.tif", PICTURE)  # a translation is a picture
    tifffile.imwrite(tmp_path / "b_label.tif", PICTURE)  # of somebody else, by whatever reason
    assert found(tmp_path) == ["a_source.tif", "b_label.tif"]
    assert found(tmp_path / "a_label.tif") == ["a_label.tif"]


def test_one_file_by_several_paths_is_one_file(make, tmp_path, monkeypatch):
    folder = make("a.png", "b.png")
    (tmp_path / "again").symlink_to(folder, target_is_directory=True)
    monkeypatch.chdir(folder)
    paths = [".", "a.png", "./a.png", folder, folder / "b.png", "again", "again/a.png", "*.png"]
    for find in (lambda paths: io.find_pictures(*paths), io.find_distinct):
        assert sorted(path.name for path in find(paths)) == ["a.png", "b.png"]


def test_a_link_to_a_file_of_its_name_is_that_file_and_another_file_is_not(make):
    folder = make("x/a.png", "y/b.png", "z/a.tif")
    (folder / "y" / "a.png").symlink_to(folder / "x" / "a.png")
    assert [path.name for path in io.find_distinct([folder / "x", folder / "y"])] == ["a.png", "b.png"]
    with pytest.raises(ImageReadError, match=r"x/a\.png .*z/a\.tif .*'a'"):
        io.find_distinct([folder / "x", folder / "z"])


def test_companions_of_labels_are_no_other_labels(make):
    folder = make("a_label.tif", "a_overlay.png", "a_maps.tif", "b_label.tif", "b_0000_overlay.png")
    assert set(io.label_files(folder, whole=True)) == {"a", "b"}
    plain = make("plain/a.tif", "plain/a_overlay.png", "plain/a_errors.png")
    assert set(io.label_files(plain / "plain", whole=True)) == {"a"}
