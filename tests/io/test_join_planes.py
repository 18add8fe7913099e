"""Planes in files of their own become the volume that they are of."""

import h5py
import numpy as np
import pytest
import tifffile
from PIL import Image
from support.naming import names

from nucleizoo import api, io
from nucleizoo.cli import main
from nucleizoo.core.errors import ImageReadError, UserError
from nucleizoo.io import join_planes, open_lazily


def written(folder, volume, suffix=".tif", start=8):
    """Numbers without leading zeros: 10 comes before 9 in the alphabet."""
    folder.mkdir()
    for z, plane in enumerate(volume, start):
        if suffix == ".tif":
            tifffile.imwrite(folder / f"scan2_z{z}.tif", plane, photometric="minisblack", compression="zlib")
        else:
            Image.fromarray(plane).save(folder / f"scan2_z{z}{suffix}")


def joined(folder, out, *spacing, **settings):
    parts = list(api.join_planes([folder], out, spacing, **settings))
    assert parts == [(i + 1, len(parts)) for i in range(len(parts))]
    with h5py.File(out) as file:
        return file["image"][...], len(parts)


@pytest.mark.parametrize(("suffix", "dtype"), [(".tif", np.uint16), (".tif", np.float32), (".png", np.uint8)])
def test_planes_are_stacked_in_the_order_of_their_numbers(tmp_path, monkeypatch, suffix, dtype):
    volume = np.random.default_rng(0).integers(0, 200, (7, 90, 50)).astype(dtype)
    written(tmp_path / "planes", volume, suffix)
    monkeypatch.setattr(join_planes, "CHUNK", (2, 16, 32))
    monkeypatch.setattr(join_planes, "ROOM", 2 * 50 * 33 * volume.itemsize)  # 32 rows of two planes
    found, parts = joined(tmp_path / "planes", tmp_path / "new" / "brain.h5", 5.0, 1.6, 1.6)
    np.testing.assert_array_equal(found, volume)
    assert found.dtype == dtype and parts == 4 * 3
    opened = open_lazily(tmp_path / "new" / "brain.h5")
    assert opened.axes == "ZYX" and opened.spacing == (5.0, 1.6, 1.6) and opened.chunks == (2, 16, 32)


def test_a_plane_that_seems_to_be_lost_is_told(tmp_path):
    written(tmp_path / "planes", np.ones((9, 4, 5), np.uint8))
    (tmp_path / "planes" / "scan2_z11.tif").unlink()
    with pytest.raises(UserError, match=r"scan2_z10\.tif .*scan2_z12\.tif.* 1 .*--gaps"):
        joined(tmp_path / "planes", tmp_path / "a.h5")
    assert not (tmp_path / "a.h5").exists()
    assert len(joined(tmp_path / "planes", tmp_path / "a.h5", gaps=True)[0]) == 8


def test_numbers_may_have_decimals_and_the_volume_may_lie_among_its_planes(tmp_path):
    for z in range(4):
        tifffile.imwrite(tmp_path / f"z{z / 2:05.1f}.tif", np.full((4, 5), z, np.uint8))
    for _ in range(2):
        assert joined(tmp_path, tmp_path / "a.h5")[0][:, 0, 0].tolist() == [0, 1, 2, 3]
    (tmp_path / "z001.0.tif").unlink()
    with pytest.raises(UserError, match=r"z000\.5\.tif .*z001\.5\.tif.*--gaps"):
        joined(tmp_path, tmp_path / "a.h5")


@pytest.mark.parametrize(("odd", "told"), [
    (np.ones((4, 6), np.uint8), r"scan2_z9\.tif: .*4x6 .*uint8.*4x5 .*uint8"),
    (np.ones((4, 5), np.uint16), r"scan2_z9\.tif: .*4x5 .*uint16.*4x5 .*uint8"),
    (np.ones((3, 4, 5), np.uint8), r"scan2_z9\.tif: .*3x4x5.*\(y, x\)"),
])  # fmt: skip
def test_a_plane_unlike_the_first_is_refused_and_leaves_nothing(tmp_path, odd, told):
    written(tmp_path / "planes", np.ones((3, 4, 5), np.uint8))
    tifffile.imwrite(tmp_path / "planes" / "scan2_z9.tif", odd, photometric="minisblack")
    with pytest.raises(ImageReadError, match=told):
        joined(tmp_path / "planes", tmp_path / "a.h5")
    assert [file.name for file in tmp_path.iterdir()] == ["planes"]


def test_the_command_joins_and_tells_mistakes(tmp_path, capsys):
    written(tmp_path / "planes", np.ones((3, 4, 5), np.uint8))
    words = ["data", "join", str(tmp_path / "planes" / "*.tif"), "--to"]
    assert main([*words, str(tmp_path / "a.h5"), "--spacing", "5", "1", "1"]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "a.h5")
    for more, told in (
        ([str(tmp_path)], (tmp_path, "folder", "file")),
        ([str(tmp_path / "a.tif")], (tmp_path / "a.tif", "HDF5", "a.h5")),
        ([str(tmp_path / "b.h5"), "--spacing", "5", "0", "1"], ("SPACING", "micrometres", "0.0")),
    ):
        assert main([*words, *more]) == 2
        names(capsys.readouterr().err, *told)


def test_a_plane_given_twice_is_one_plane_and_only_an_older_volume_is_replaced(tmp_path, monkeypatch):
    written(tmp_path / "planes", np.ones((3, 4, 5), np.uint8))
    monkeypatch.chdir(tmp_path / "planes")
    for _ in range(2):
        list(api.join_planes([tmp_path / "planes", ".", "*.tif"], tmp_path / "c.h5"))
    assert io.read(tmp_path / "c.h5").data.shape == (3, 4, 5)
    with h5py.File(tmp_path / "c.h5", "w") as file:
        file["mine"] = 1
    with pytest.raises(UserError, match=r"c\.h5: .*kept"):
        list(api.join_planes(["."], tmp_path / "c.h5"))
