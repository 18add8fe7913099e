"""What nucleizoo wrote carries its mark, whatever the format; nothing else is replaced."""

import json
import os

import h5py
import numpy as np
import pytest
import tifffile
from PIL import Image
from support.naming import names

from nucleizoo import io
from nucleizoo.core.errors import ForeignFileError
from nucleizoo.inference import nuclei_table

LABELS = np.arange(64, dtype=np.uint16).reshape(8, 8)
GREY = LABELS.astype(np.uint8)


def ours(path):
    """A file of a kind that nucleizoo writes, by its suffix."""
    if path.suffix == ".png":
        io.write_png(path, GREY)
    elif path.name == "wide.tif":
        io.write_labels(path, LABELS.astype(np.uint32) + 70000)
    elif path.name == "maps.tif":
        io.write_image(path, LABELS.astype(np.float32))
    else:
        io.write_labels(path, LABELS)


def foreign(path):
    """The same of other software."""
    if path.suffix == ".png":
        Image.fromarray(GREY).save(path)
    else:
        tifffile.imwrite(path, LABELS, imagej=path.name == "imagej.tif", ome=path.name == "ome.tif")


@pytest.mark.parametrize("name", ["labels.tif", "wide.tif", "maps.tif", "overlay.png"])
def test_an_older_result_is_replaced_and_another_file_is_kept(tmp_path, name):
    path = tmp_path / name
    for _ in range(2):
        ours(path)
        assert io.is_ours(path)
    foreign(path)
    before = path.read_bytes()
    with pytest.raises(ForeignFileError) as caught:
        ours(path)
    names(caught.value, path, "kept")
    assert path.read_bytes() == before and os.listdir(tmp_path) == [name]


@pytest.mark.parametrize("name", ["plain.tif", "imagej.tif", "ome.tif", "plain.png"])
def test_files_of_other_software_have_no_mark(tmp_path, name):
    foreign(tmp_path / name)
    assert not io.is_ours(tmp_path / name)


@pytest.mark.parametrize("edit", ["tifffile", "pillow"])
def test_labels_that_somebody_corrected_and_saved_are_theirs(tmp_path, edit):
    path = tmp_path / "a_label.tif"
    io.write_labels(path, LABELS)
    labels = tifffile.imread(path)
    labels[0, 0] = 9
    tifffile.imwrite(path, labels) if edit == "tifffile" else Image.fromarray(labels).save(path)
    with pytest.raises(ForeignFileError):
        io.write_labels(path, LABELS)


@pytest.mark.parametrize("content", [
    b"", b"text",
    b"II*\0broken", b"MM\0*", b"\x89HDF\r\n\x1a\n", b"\x89PNG\r\n\x1a\n", b"{", b'{"a": 1}', b"a,b\n1,2\n",
    bytes(range(256)),
])  # fmt: skip
def test_damaged_and_unknown_files_are_not_ours(tmp_path, content):
    (tmp_path / "x").write_bytes(content)
    assert not io.is_ours(tmp_path / "x")


def test_folders_and_broken_links_are_kept(tmp_path):
    (tmp_path / "folder.tif").mkdir()
    (tmp_path / "link.tif").symlink_to(tmp_path / "nowhere.tif")
    for name in ("folder.tif", "link.tif"):
        with pytest.raises(ForeignFileError, match=name):
            io.write_labels(tmp_path / name, LABELS)


def test_a_table_is_ours_by_its_first_columns(tmp_path):
    path = tmp_path / "a_nuclei.csv"
    for text, is_ours in (
        ("picture,label,area\r\n0,1,5\r\n", True),
        ("label,area\n1,5\n", False),
        ("", False),
    ):
        path.write_bytes(text.encode())
        assert io.is_ours(path, ("picture", "label")) is is_ours
        assert not io.is_ours(path)


@pytest.mark.parametrize("axes", [2, 3])
@pytest.mark.parametrize("spacing", [(), (1.0, 0.5, 0.5)])
def test_a_table_of_nuclei_to_which_somebody_added_a_column_is_theirs(tmp_path, axes, spacing):
    path = tmp_path / "a_nuclei.csv"
    nuclei_table.write(path, [], axes, spacing[-axes:])
    assert io.is_ours(path, nuclei_table.COLUMNS)
    path.write_text(path.read_text(encoding="utf-8").rstrip() + ",phenotype\n", encoding="utf-8")
    assert not io.is_ours(path, nuclei_table.COLUMNS)


def test_hdf5_json_and_zarr_say_so_in_a_field(tmp_path):
    for software, is_ours in (("nucleizoo", True), ("other", False)):
        with h5py.File(tmp_path / "a.h5", "w") as file:
            file.attrs["software"] = software
        (tmp_path / "a.json").write_text(json.dumps({"software": software}, indent=2))
        (tmp_path / "a.zarr").mkdir(exist_ok=True)
        (tmp_path / "a.zarr" / "zarr.json").write_text(json.dumps({"attributes": {software: {}}}))
        assert [io.is_ours(tmp_path / f"a.{end}") for end in ("h5", "json", "zarr")] == [is_ours] * 3
