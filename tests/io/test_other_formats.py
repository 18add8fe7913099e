"""Files that are not what their names say, and formats that are not read: each is named, with what to do."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image
from support.naming import names

from nucleizoo import io
from nucleizoo.core.errors import ImageReadError
from nucleizoo.preprocess import LabelFiles

GREY = np.arange(200, dtype=np.uint8).reshape(10, 20)


@pytest.mark.parametrize(("name", "content", "told"), [
    ("a.tif", b"<!DOCTYPE html><html>", ["web page", "download"]),
    ("a.tif", b"\n <html><body>", ["web page", "download"]),
    ("a.h5", b"version https://git-lfs.github.com/spec/v1\noid", ["Git LFS", "git lfs pull"]),
    ("a.tif", b"PK\3\4" + bytes(30), ["ZIP", "unpack"]),
    ("a.npy", b"\x1f\x8b\x08" + bytes(30), ["gzip", "unpack"]),
    ("a.tif", b"ZISRAWFILE" + bytes(30), ["CZI", "OME-TIFF"]),
    ("a.png", b"GIF89a" + bytes(30), ["GIF", "PNG"]),
])  # fmt: skip
def test_a_file_that_is_something_else_is_called_what_it_is(tmp_path, name, content, told):
    path = tmp_path / name
    path.write_bytes(content)
    for read in (io.read, io.open_lazily):
        with pytest.raises(ImageReadError) as refused:
            read(path)
        names(refused.value, path, *told)
        if not io.is_lazy(path):
            break


@pytest.mark.parametrize("wrong", [".tif", ".h5", ".npy", ".png"])
@pytest.mark.parametrize("right", [".tif", ".png", ".npy"])
def test_what_only_needs_its_right_name_says_so(tmp_path, wrong, right):
    if wrong == right:
        return
    path = tmp_path / f"a{right}"
    {".tif": tifffile.imwrite, ".npy": np.save}.get(right, lambda p, d: Image.fromarray(d).save(p))(
        path, GREY
    )
    shutil.move(path, tmp_path / f"a{wrong}")
    with pytest.raises(ImageReadError) as refused:
        io.read(tmp_path / f"a{wrong}")
    names(refused.value, tmp_path / f"a{wrong}", f"rename it to a{right}")
    shutil.move(tmp_path / f"a{wrong}", path)
    assert (io.read(path).data == GREY).all()


def test_bitmaps_are_known_by_their_content(tmp_path):
    Image.fromarray(GREY).save(tmp_path / "a.bmp")
    shutil.move(tmp_path / "a.bmp", tmp_path / "a.jpg")
    assert (io.read(tmp_path / "a.jpg").data == GREY).all()


def test_labels_of_a_jpeg_are_refused_whatever_it_is_called(tmp_path):
    Image.fromarray(GREY).save(tmp_path / "a.jpg")
    shutil.move(tmp_path / "a.jpg", tmp_path / "a.png")
    with pytest.raises(ImageReadError) as refused:
        LabelFiles().read(tmp_path / "a.png")
    names(refused.value, tmp_path / "a.png", "JPEG")


@pytest.mark.parametrize(("name", "told"), [
    ("a.czi", "Bio-Formats"), ("a.ND2", "Bio-Formats"), ("a.lif", "bfconvert"), ("a.ims", "rename it to .h5"),
    ("a.npz", ".npy"), ("a.webp", "PNG"), ("a.tif.gz", "unpack"),
])  # fmt: skip
def test_formats_that_are_not_read_are_named_alone_and_beside_others(tmp_path, caplog, name, told):
    (tmp_path / name).write_bytes(b"?")
    (tmp_path / "notes.txt").write_bytes(b"?")
    for look in (lambda: io.read(tmp_path / name), lambda: io.find(tmp_path)):
        with pytest.raises(ImageReadError) as refused:
            look()
        names(refused.value, tmp_path, name, told)
    tifffile.imwrite(tmp_path / "b.tif", GREY)
    for _ in range(2):
        assert io.find(tmp_path) == [tmp_path / "b.tif"]
    (said,) = caplog.messages
    names(said, tmp_path, name, told)
    assert "notes" not in said


def test_a_photograph_that_is_to_be_shown_turned_is_told(tmp_path, caplog):
    turned = Image.Exif()
    turned[274] = 6
    Image.fromarray(GREY).save(tmp_path / "a.png", exif=turned)
    assert (io.read(tmp_path / "a.png").data == GREY).all()
    names(caplog.text, tmp_path / "a.png", "turned")


def test_bitmaps_have_the_limits_of_all_formats(tmp_path, monkeypatch):
    path = Path(tmp_path / "a.png")
    Image.fromarray(GREY).save(path)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 150)  # beyond it Pillow warns, beyond twice it refuses
    assert (io.read(path).data == GREY).all()
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 90)
    with pytest.raises(io.TooManyVoxels) as refused:
        io.read(path)
    names(refused.value, path, "TIFF")
