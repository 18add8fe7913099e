"""A result that somebody changed is known by its checksum, with whatever program, and kept."""

import csv
import json
import os
import shutil
import zlib

import h5py
import numpy as np
import pytest
import tifffile
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from support.naming import names

from nucleizoo import io
from nucleizoo.core.errors import ForeignFileError
from nucleizoo.inference import nuclei_table
from nucleizoo.io import checksum
from nucleizoo.io.join_planes import join_planes
from nucleizoo.metrics import files

LABELS = np.arange(64, dtype=np.uint16).reshape(8, 8)
GREY = LABELS.astype(np.uint8)
ROW = {"picture": 0, "label": 1, "voxels": 9, "y": 2.5, "x": 3.5, "confidence": 0.75}


def write_h5(path):
    plane = path.with_name("plane.tif")
    tifffile.imwrite(plane, LABELS)
    list(join_planes([plane], path))
    plane.unlink()


WRITE = {
    "a.tif": lambda path: io.write_labels(path, LABELS),
    "wide.tif": lambda path: io.write_labels(path, LABELS.astype(np.uint32) + 70000),
    "maps.tif": lambda path: io.write_image(path, LABELS.astype(np.float32), made_by="0123"),
    "a.png": lambda path: io.write_png(path, GREY),
    "a.h5": write_h5,
    "a.csv": lambda path: nuclei_table.write(path, [ROW], 2),
    "rows.csv": lambda path: files.write_rows(path, [ROW]),
    "a.json": lambda path: io.write_results({path: files.json_text({"score": 0.5})}),
    "a.stl": lambda path: io.write_stl(path, []),
}


def edit_tiff(path):
    """As Pillow does when it is asked to keep the tags."""
    with Image.open(path) as image:
        pixels = np.array(image)
        pixels[0, 0] = 5
        Image.fromarray(pixels).save(path, tiffinfo=image.tag_v2)


def edit_png(path):
    with Image.open(path) as image:
        pixels, info = np.array(image), PngInfo()
        info.add_text("Software", image.info["Software"])
    pixels[0, 0] = 5
    Image.fromarray(pixels).save(path, pnginfo=info)


def edit_h5(path):
    with h5py.File(path, "r+") as file:
        file["image"][0, 0, 0] = 5


def add_to_h5(path):
    with h5py.File(path, "r+") as file:
        file["corrected"] = LABELS


def edit_csv(path):
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    rows[0]["label"] = 7
    with path.open("w", newline="") as file:
        table = csv.DictWriter(file, rows[0])
        table.writeheader()
        table.writerows(rows)


def edit_json(path):
    path.write_text(json.dumps(json.loads(path.read_text()) | {"note": "good"}, indent=2))


def append(path):
    path.write_bytes(path.read_bytes() + b"\n")


EDITS = [
    ("a.tif", edit_tiff), ("a.png", edit_png), ("a.h5", edit_h5), ("a.h5", add_to_h5), ("a.csv", edit_csv),
    ("rows.csv", edit_csv), ("a.json", edit_json), ("a.stl", append), ("a.csv", append), ("a.json", append),
]  # fmt: skip


@pytest.mark.parametrize(("name", "edit"), EDITS)
def test_what_somebody_changed_is_kept(tmp_path, name, edit):
    path = tmp_path / name
    WRITE[name](path)
    edit(path)
    before = path.read_bytes()
    columns = tuple(ROW)[:2] if path.suffix == ".csv" else ()
    assert io.is_ours(path, columns) and io.is_changed(path)
    with pytest.raises(ForeignFileError) as caught:
        WRITE[name](path)
    names(caught.value, path, "changed", "kept", "--output")
    assert path.read_bytes() == before
    assert {*os.listdir(tmp_path)} - {"plane.tif"} <= {name, f".{name}.sum"}


@pytest.mark.parametrize("name", WRITE)
def test_what_nobody_changed_is_replaced_also_in_a_copy_of_another_date(tmp_path, name):
    path, copy = tmp_path / "one" / name, tmp_path / "other" / name
    path.parent.mkdir()
    for _ in range(2):
        WRITE[name](path)
    shutil.copytree(path.parent, copy.parent, copy_function=shutil.copyfile)
    for file in copy.parent.iterdir():
        os.utime(file, (10**9, 10**9))
    WRITE[name](copy)
    assert copy.stat().st_mtime > 10**9 and not io.is_changed(copy)


@pytest.mark.parametrize("name", ["a.tif", "a.csv", "a.json"])
def test_a_result_of_a_version_without_checksums_is_replaced(tmp_path, name):
    path = tmp_path / name
    WRITE[name](path)
    new = path.read_bytes()
    if name == "a.csv":
        io.note_of(path).unlink()
    elif name == "a.json":
        path.write_bytes(new.replace(f", checksum {json_checksum(path)}".encode(), b""))
    else:
        tifffile.imwrite(path, LABELS, software=io.MARK)
    assert not io.is_changed(path)
    WRITE[name](path)
    assert path.read_bytes() == new


def json_checksum(path):
    return json.loads(path.read_text())["software"].removeprefix("nucleizoo, checksum ")


def test_the_checksum_is_of_all_bytes_with_zeros_in_its_place(tmp_path):
    path = tmp_path / "a.json"
    WRITE["a.json"](path)
    said = json_checksum(path)
    text = path.read_text().replace(said, "0" * 32)
    assert said == checksum.of_text(text) and checksum.with_checksum(text) == path.read_text()


@pytest.mark.parametrize(
    "before", [0, 1, 37, 2**20 - 60, 2**20 - 50, 2**20 - 43, 2**20 - 7, 2**20, 2**21 - 20]
)
@pytest.mark.parametrize("after", [0, 3, 2**20])
def test_a_checksum_is_found_wherever_it_stands(tmp_path, before, after):
    path = tmp_path / "a.bin"
    content = np.random.default_rng(0).bytes(before) + checksum.BLANK.encode() + bytes(after)
    path.write_bytes(content)
    checksum.add_checksum(path)
    assert not checksum.is_changed(path)
    made = path.read_bytes()
    assert made[:before] == content[:before] and made[before + 43 :] == content[before + 43 :]
    said = made[before + 11 : before + 43]
    places = [place for place in (0, before - 1, before + 43, len(made) - 1) if 0 <= place < len(made)]
    others = [made[:place] + bytes([made[place] ^ 1]) + made[place + 1 :] for place in places]
    for other in (made.replace(said, said[::-1]), *(one for one in others if said in one)):
        path.write_bytes(other)
        assert checksum.is_changed(path) or b", checksum " not in other


def test_a_png_is_valid_with_its_checksum(tmp_path):
    io.write_png(tmp_path / "a.png", GREY)
    content, place = (tmp_path / "a.png").read_bytes(), 8
    while place < len(content):
        length = int.from_bytes(content[place : place + 4], "big")
        chunk = content[place + 4 : place + 8 + length]
        assert zlib.crc32(chunk) == int.from_bytes(content[place + 8 + length : place + 12 + length], "big")
        place += 12 + length
    with Image.open(tmp_path / "a.png") as image:
        np.testing.assert_array_equal(image, GREY)


def test_the_weights_of_maps_are_read_beside_the_checksum(tmp_path):
    for made_by in ("", "0123abcd"):
        io.write_image(tmp_path / "a.tif", LABELS.astype(np.float32), made_by=made_by)
        assert io.made_by(tmp_path / "a.tif") == made_by


@pytest.mark.parametrize("name", ["a.csv", "rows.csv"])
def test_a_table_whose_writing_was_cut_off_is_replaced(tmp_path, monkeypatch, name):
    """The hidden file is there already, the table is still the older one."""
    path, replace = tmp_path / name, os.replace
    WRITE[name](path)

    def stops(source, target):
        if target == path:
            raise KeyboardInterrupt
        replace(source, target)

    for _ in range(2):
        monkeypatch.setattr(os, "replace", stops)
        monkeypatch.setitem(ROW, "label", ROW["label"] + 1)
        with pytest.raises(KeyboardInterrupt):
            WRITE[name](path)
        assert io.note_of(path).read_text().split()[-1] != checksum.of_file(path)
    monkeypatch.setattr(os, "replace", replace)
    WRITE[name](path)
    assert len(io.note_of(path).read_text().split()) == 2 and not io.is_changed(path)


def test_files_of_file_managers_in_a_zarr_folder_change_nothing(tmp_path):
    path = tmp_path / "a.zarr"
    (path / "0").mkdir(parents=True)
    (path / "0" / "chunk").write_bytes(b"voxels")
    (path / "zarr.json").write_text(json.dumps({"attributes": {io.MARK: {"software": io.FULL_MARK}}}))
    io.add_checksum(path)
    for name in (".DS_Store", "._zarr.json", "0/Thumbs.db"):
        (path / name).write_bytes(b"seen")
    (path / "empty").mkdir()
    assert not io.is_changed(path)
    for name, content in (("0/chunk", b"Voxels"), ("0/more", b""), ("zarr.json", b" ")):
        shutil.copytree(path, tmp_path / "b.zarr")
        with (tmp_path / "b.zarr" / name).open("ab") as file:
            file.write(content)
        assert io.is_changed(tmp_path / "b.zarr"), name
        shutil.rmtree(tmp_path / "b.zarr")
    (path / "0" / "chunk").rename(path / "0" / "chunk1")
    assert io.is_changed(path)
    (path / "0" / "chunk1").rename(tmp_path / "chunk")
    (path / "0" / "chunk").symlink_to(tmp_path / "chunk")
    assert io.is_changed(path)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read everything")
def test_what_cannot_be_read_is_kept(tmp_path):
    WRITE["a.csv"](tmp_path / "a.csv")
    io.note_of(tmp_path / "a.csv").chmod(0)
    with pytest.raises(ForeignFileError, match="permission"):
        WRITE["a.csv"](tmp_path / "a.csv")


def test_a_picture_called_like_a_checksum_changes_nothing(tmp_path):
    name = f"x, checksum {'a' * 32}"
    for score in (0.5, 0.25):
        scores = {name: {"pixels": {"precision": score}}}
        texts = {"a.json": files.json_text({"images": scores}), "a.csv": files.images_text(scores)}
        io.write_results({tmp_path / file: text for file, text in texts.items()})
    for file in texts:
        assert not io.is_changed(tmp_path / file)
        (tmp_path / file).write_text((tmp_path / file).read_text().replace("0.25", "0.75"))
        assert io.is_changed(tmp_path / file)
