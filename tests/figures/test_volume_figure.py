"""A labelled volume drawn and meshed: files that other programs read, and volumes that do not fit."""

import csv
import importlib
import struct

import h5py
import numpy as np
import pytest
import tifffile
from PIL import Image

pytest.importorskip("matplotlib")
pytest.importorskip("sklearn")

from support.naming import names

from nucleizoo import io
from nucleizoo.cli import main
from nucleizoo.core.plugins import load_plugins
from nucleizoo.figures import thinned
from nucleizoo.io.mark import kind_of_ours
from nucleizoo.preprocess import Values

load_plugins()
volume_figure = importlib.import_module("nucleizoo.figures.volume")  # the package's name is the function
ZYX = {"imagej": True, "metadata": {"axes": "ZYX"}}
SPACING = (2.0, 0.5, 0.5)


@pytest.fixture
def balls(tmp_path):
    """A file with labels 3 and 70000, balls of 5 um around (12, 8, 8) and (12, 8, 22) um, and its picture."""
    grid = [np.arange(n) * size for n, size in zip((13, 34, 60), SPACING, strict=True)]
    z, y, x = np.ix_(*grid)
    labels = np.zeros((13, 34, 60), np.uint32)
    for label, middle in ((3, 8.0), (70000, 22.0)):
        labels[(z - 12) ** 2 + (y - 8) ** 2 + (x - middle) ** 2 < 25] = label
    with h5py.File(tmp_path / "balls.h5", "w") as file:
        for name, data in (("label", labels), ("image", (labels > 0).astype(np.float32))):
            file.create_dataset(name, data=data, chunks=(4, 16, 16))
            file[name].attrs["voxel_size_um_zyx"] = SPACING
    return tmp_path / "balls.h5"


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    monkeypatch.setattr(volume_figure, "SIDE", 64)


def figure(*words):
    return main(["figure", "volume", *map(str, words)])


def test_a_volume_is_drawn_counted_and_meshed_in_micrometres(balls, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    io.write_stl(out / "volume.stl", [])  # an older result is replaced
    assert figure("--input", balls, "--picture", balls, "--out", out, "--mesh", "stl", "obj") == 0
    made = {f"volume.{end}" for end in ("png", "csv", "stl", "obj", "mtl")}
    assert {f.name for f in out.iterdir()} == made | {".volume.csv.sum"}
    with Image.open(out / "volume.png") as picture:
        assert picture.width > 300
        assert len(np.unique(np.asarray(picture.convert("RGB")).reshape(-1, 3), axis=0)) > 50
    with (out / "volume.csv").open() as text:
        rows = list(csv.DictReader(text))
    assert [row["label"] for row in rows] == ["3", "70000"] and rows[0]["colour"] != rows[1]["colour"]
    for row, middle in zip(rows, (8, 22), strict=True):
        assert float(row["volume (um3)"]) == pytest.approx(4 / 3 * np.pi * 125, rel=0.05)
        assert float(row["surface (um2)"]) == pytest.approx(4 * np.pi * 25, rel=0.06)
        assert [float(row[f"{axis} (um)"]) for axis in "zyx"] == pytest.approx([12, 8, middle], abs=0.1)
    raw = (out / "volume.stl").read_bytes()
    (count,) = struct.unpack_from("<I", raw, 80)
    triangles = np.frombuffer(raw, np.dtype([("n", "<f4", 3), ("p", "<f4", (3, 3)), ("u", "<u2")]), offset=84)
    assert len(triangles) == count and len(raw) == 84 + 50 * count
    np.testing.assert_allclose(triangles["p"].reshape(-1, 3).min(0), [3, 3, 7], atol=0.6)
    np.testing.assert_allclose(triangles["p"].reshape(-1, 3).max(0), [27, 13, 17], atol=0.6)
    lines = (out / "volume.obj").read_text().splitlines()
    assert [line for line in lines if line[0] == "g"] == ["g nucleus_3", "g nucleus_70000"]
    faces = np.array([line.split()[1:] for line in lines if line[:2] == "f "], int)
    assert len(faces) == count and faces.min() == 1
    assert faces.max() == sum(line.startswith("v ") for line in lines)
    used = {line.split()[1] for line in lines if line.startswith("usemtl")}
    made = (out / "volume.mtl").read_text()
    assert len(used) == 2 and all(f"newmtl {name}\nKd " in made for name in used)
    assert "mtllib volume.mtl" in lines
    for end in ("stl", "obj", "mtl"):
        assert kind_of_ours(out / f"volume.{end}") == end


def test_meshes_of_others_are_kept(balls, tmp_path, capsys):
    (tmp_path / "volume.mtl").write_text("newmtl mine\n")
    assert figure("--input", balls, "--out", tmp_path, "--mesh", "obj") == 2
    names(capsys.readouterr().err, tmp_path / "volume.mtl", "kept")
    assert (tmp_path / "volume.mtl").read_text() == "newmtl mine\n" and not (tmp_path / "volume.obj").exists()


def test_what_cannot_be_drawn_is_refused(balls, tmp_path, capsys):
    def told(*words):
        assert figure(*words, "--out", tmp_path / "out") == 2
        return capsys.readouterr().err

    tifffile.imwrite(tmp_path / "empty.tif", np.zeros((4, 8, 8), np.uint16), **ZYX)
    names(told("--input", tmp_path / "empty.tif"), "empty.tif", "no nuclei")
    tifffile.imwrite(tmp_path / "flat.tif", np.ones((8, 8), np.uint16))
    names(told("--input", tmp_path / "flat.tif"), "flat.tif", "volumes")
    names(told("--input", balls, "--picture", tmp_path / "empty.tif"), "balls.h5", "13x34x60", "4x8x8")
    names(told("--input", balls, "--spacing", 1, 0, 1), "SPACING", "0.0")
    tifffile.imwrite(tmp_path / "map.tif", np.full((4, 8, 8), 0.5, np.float32), **ZYX)
    names(told("--input", tmp_path / "map.tif"), "map.tif", "fractions")


@pytest.mark.parametrize("steps", [(1, 1, 1), (2, 3, 5), (13, 1, 7)])
def test_thinning_part_by_part_takes_middles_of_labels_and_maxima_of_pictures(balls, monkeypatch, steps):
    monkeypatch.setattr(thinned, "_ROOM", 1)  # a chunk at a time
    with h5py.File(balls) as file:
        labels = file["label"][:]
    middles = [
        np.minimum(np.arange(0, n, s) + s // 2, n - 1) for n, s in zip(labels.shape, steps, strict=True)
    ]
    values = Values(io.Handle(balls, "label").open, 3)
    np.testing.assert_array_equal(thinned.taken(values, steps), labels[np.ix_(*middles)])
    picture = np.random.default_rng(0).normal(size=labels.shape).astype(np.float32) - 9
    with h5py.File(balls.with_name("picture.h5"), "w") as file:
        file.create_dataset("image", data=picture, chunks=(5, 9, 16))
    made = thinned.brightest(Values(io.Handle(balls.with_name("picture.h5")).open, 3), steps)
    ends = [-(-n // s) for n, s in zip(labels.shape, steps, strict=True)]
    assert made.shape == tuple(ends)
    for place in ([0, 0, 0], [n - 1 for n in ends], [n // 2 for n in ends]):
        box = tuple(slice(i * s, i * s + s) for i, s in zip(place, steps, strict=True))
        assert made[tuple(place)] == picture[box].max()


def test_a_volume_larger_than_the_limit_is_thinned_and_the_log_says_so(balls, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(thinned, "steps_for", lambda shape, spacing: (1, 2, 2))
    with caplog.at_level("INFO"):
        assert figure("--input", balls, "--out", tmp_path) == 0
    assert "1x2x2" in caplog.text
    with (tmp_path / "volume.csv").open() as text:
        volumes = [float(row["volume (um3)"]) for row in csv.DictReader(text)]
    assert volumes == pytest.approx([4 / 3 * np.pi * 125] * 2, rel=0.08)


def test_axes_are_thinned_until_the_volume_fits():
    for shape in ((4000, 9000, 9000), (3, 10**5, 10**5), (10**4, 5, 5)):
        steps = thinned.steps_for(shape, (1.0, 0.3, 0.3))
        left = [-(-n // step) for n, step in zip(shape, steps, strict=True)]
        assert np.prod(left, dtype=float) <= thinned.MOST
    assert steps == (1, 1, 1)
