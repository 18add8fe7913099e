import numpy as np
import pytest
import tifffile
from support.naming import names

from nucleizoo.comparison import find_pairs
from nucleizoo.core.errors import UserError


@pytest.fixture
def files(tmp_path):
    def make(*names):
        for name in names:
            (tmp_path / name).parent.mkdir(exist_ok=True)
            tifffile.imwrite(tmp_path / name, np.zeros((4, 4), np.uint16))
        return tmp_path

    return make


def named(pairs):
    return [(pair.name, pair.picture.name, pair.truth.name) for pair in pairs]


def test_files_of_one_name_are_a_pair(files):
    folder = files("images/a.tif", "images/b10.tif", "images/b9.tif", "labels/b9_label.tif")
    pairs, missing = find_pairs(folder / "images", folder / "labels")
    assert named(pairs) == [("b9", "b9.tif", "b9_label.tif")] and missing == []
    files("labels/a.tif")
    with pytest.raises(UserError, match=r"b9_label\.tif.* a\.tif"):
        find_pairs(folder / "images", folder / "labels")
    (folder / "labels" / "b9_label.tif").unlink()
    pairs, missing = find_pairs(folder / "images", folder / "labels")
    assert named(pairs) == [("a", "a.tif", "a.tif")]


def test_pictures_and_labels_may_share_a_folder(files):
    folder = files("x/a.ome.tif", "x/a_label.ome.tif", "x/c_label.tif")
    pairs, missing = find_pairs(folder / "x", folder / "x")
    assert named(pairs) == [("a", "a.ome.tif", "a_label.ome.tif")] and missing == ["c"]


def test_no_pair_is_an_error_that_shows_the_names(files):
    folder = files("images/a.tif", "labels/b.tif")
    with pytest.raises(UserError) as caught:
        find_pairs(folder / "images", folder / "labels")
    names(caught.value, folder / "images", folder / "labels", "b", "a_label.tif")


def test_two_pictures_of_one_name_are_refused(files):
    folder = files("images/a.tif", "images/a.tiff", "labels/a.tif")
    with pytest.raises(UserError, match=r"a\.tif .*a\.tiff .*'a'"):
        find_pairs(folder / "images", folder / "labels")
    with pytest.raises(UserError, match=r"nowhere.*no such file"):
        find_pairs(folder / "nowhere", folder / "labels")
