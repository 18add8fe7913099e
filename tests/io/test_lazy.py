"""Volumes read part by part are what they are when read whole, or are refused with the reason."""

import json
import shutil

import h5py
import numpy as np
import pytest
import tifffile

from nucleizoo import io
from nucleizoo.core.errors import ImageReadError
from nucleizoo.io import LazyVolume, hdf5_chunks, open_lazily

VOLUME = np.random.default_rng(0).integers(0, 60000, (7, 40, 50)).astype(np.uint16)
BOX = (slice(2, 6), slice(11, 40), slice(3, 27))


def zarr_group(path, data=VOLUME, axes="zyx", version="0.5", **more):
    zarr = pytest.importorskip("zarr")
    group = zarr.open_group(path, mode="w", zarr_format=3 if version == "0.5" else 2)
    array = group.create_array("s0", shape=data.shape, dtype=data.dtype, chunks=(4, 16, 16)[-data.ndim :])
    array[...] = data
    scale = [{"z": 2.0, "y": 500.0, "x": 250.0}[axis] for axis in axes]
    units = {"z": "micrometer", "y": "nanometer", "x": "nanometer"}
    shown = {
        "axes": [{"name": axis, "type": "space", "unit": units[axis]} for axis in axes],
        "datasets": [{"path": "s0", "coordinateTransformations": [{"type": "scale", "scale": scale}]}],
        **more,
    }
    if version == "0.5":
        group.attrs["ome"] = {"version": "0.5", "multiscales": [shown]}
    else:
        group.attrs["multiscales"] = [{"version": "0.4", **shown}]
    return path


def written(folder, kind):
    path = folder / f"a.{kind.split('-')[0]}"
    if kind == "tif-plain":
        tifffile.imwrite(path, VOLUME, photometric="minisblack", metadata={"axes": "ZYX"})
    elif kind == "tif-tiled":
        tifffile.imwrite(path, VOLUME, tile=(16, 16), compression="zlib", photometric="minisblack")
    elif kind == "tif-imagej":
        tifffile.imwrite(path, VOLUME, imagej=True, metadata={"axes": "ZYX", "unit": "um", "spacing": 2})
    elif kind == "tif-big-endian":
        tifffile.imwrite(path, VOLUME, byteorder=">", bigtiff=True, photometric="minisblack")
    elif kind == "npy":
        np.save(path, VOLUME)
    elif kind.startswith("h5"):
        more = {"chunks": (3, 16, 16), "fletcher32": True} if kind == "h5-chunked" else {}
        with h5py.File(path, "w") as file:
            file.create_dataset("image", data=VOLUME, **more)
    elif kind == "zarr-array":
        zarr = pytest.importorskip("zarr")
        zarr.create_array(path, data=VOLUME, chunks=(4, 16, 16))
    else:
        zarr_group(path, version=kind.split("-")[1])
    return path


KINDS = ["tif-plain", "tif-tiled", "tif-imagej", "tif-big-endian", "npy", "h5", "h5-chunked", "zarr-array",
         "zarr-0.4", "zarr-0.5"]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_a_part_is_that_part_of_the_whole(tmp_path, kind):
    opened = open_lazily(written(tmp_path, kind))
    assert opened.shape == VOLUME.shape and opened.dtype == np.uint16 and opened.channels == 1
    found = opened.read(BOX)
    assert found.dtype == np.uint16 and found.dtype.isnative
    np.testing.assert_array_equal(found, VOLUME[BOX][None])
    np.testing.assert_array_equal(opened.read(tuple(slice(0, n) for n in VOLUME.shape))[0], VOLUME)
    if kind.startswith("zarr-0"):
        assert opened.spacing == (2.0, 0.5, 0.25)


def test_axes_in_another_order_are_put_right_by_their_names(tmp_path):
    opened = open_lazily(zarr_group(tmp_path / "a.zarr", VOLUME.transpose(2, 0, 1).copy(), "xzy"))
    np.testing.assert_array_equal(opened.read(BOX), VOLUME[BOX][None])
    assert opened.spacing == (2.0, 0.5, 0.25)


def test_channels_come_first_without_alpha(tmp_path):
    picture = np.random.default_rng(0).integers(0, 255, (30, 40, 4)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", picture, photometric="rgb", extrasamples=["unassalpha"])
    opened = open_lazily(tmp_path / "a.tif")
    assert opened.channels == 3
    part = opened.read((slice(3, 9), slice(0, 40)))
    np.testing.assert_array_equal(part, np.moveaxis(picture[3:9, :, :3], -1, 0))


def refused(path, match, **settings):
    with pytest.raises(ImageReadError, match=match):
        open_lazily(path, **settings)


def test_zarr_groups_that_lead_nowhere_are_refused(tmp_path):
    zarr = pytest.importorskip("zarr")
    zarr.open_group(tmp_path / "empty.zarr", mode="w")
    refused(tmp_path / "empty.zarr", r"empty\.zarr.* no array\b.* copy")
    path = zarr_group(tmp_path / "a.zarr")
    refused(path, r"a\.zarr.*'b'.* s0\b.*DATASET", dataset="b")
    refused(path, r"'\.\./a\.zarr/s0'.*DATASET", dataset="../a.zarr/s0")
    group = zarr.open_group(path, mode="a")
    shown = dict(group.attrs["ome"])
    shown["multiscales"][0]["axes"] = shown["multiscales"][0]["axes"][:2]
    group.attrs["ome"] = shown
    refused(path, r"metadata .*\b2 axes\b.*\b3\b")
    group.attrs["ome"] = {"multiscales": [{"axes": shown["multiscales"][0]["axes"]}]}
    refused(path, "metadata .*incomplete")
    shown["multiscales"][0] |= {"axes": [{"name": "z"}, {"name": "y"}], "datasets": [{"path": "s0"}]}
    group.attrs["ome"] = shown
    refused(path, r"metadata .*\b2 axes\b.*\b3\b")
    shown["multiscales"][0]["axes"] = [{"name": "z"}, {"name": "z"}, {"name": "x"}]
    group.attrs["ome"] = shown
    refused(path, "axes 'ZZX'")


@pytest.mark.parametrize("kind", ["zarr-0.5", "zarr-0.4", "zarr-array"])
def test_a_missing_chunk_is_named_and_can_be_borne(tmp_path, kind):
    path = written(tmp_path, kind)
    chunks = sorted(f for f in path.rglob("*") if f.is_file() and f.name.replace(".", "").isdigit())
    chunks[5].unlink()
    refused(path, r"\b1 chunk \(chunk 0\.1\.1 \(zyx 0:4, 16:32, 16:32\)\).*EMPTY_CHUNKS.*--skip-damaged")
    opened = open_lazily(path, skip_damaged=True)
    black = VOLUME.copy()
    black[0:4, 16:32, 16:32] = 0
    np.testing.assert_array_equal(opened.read(BOX), black[BOX][None])
    assert opened.skipped == ["chunk 0.1.1 (zyx 0:4, 16:32, 16:32)"]


@pytest.mark.parametrize("kind", ["zarr", "sharded", "h5", "h5-whole"])
def test_a_missing_chunk_is_black_whatever_the_fill_value_unless_it_may_be_empty(tmp_path, kind):
    path, lost = tmp_path / ("a.h5" if kind.startswith("h5") else "a.zarr"), np.s_[4:7, 16:32, 32:48]
    settings = {"shape": VOLUME.shape, "dtype": "u2"}
    if kind.startswith("h5"):
        settings["chunks"] = (4, 16, 16) if kind == "h5" else None
        with h5py.File(path, "w") as file:
            array = file.create_dataset("image", fillvalue=1000, **settings)
            if kind == "h5-whole":
                lost = np.s_[:, :, :]  # never written
            else:
                for place in np.ndindex(2, 3, 4):
                    box = tuple(slice(i * n, i * n + n) for i, n in zip(place, (4, 16, 16), strict=True))
                    if place != (1, 1, 2):
                        array[box] = VOLUME[box]
    else:
        settings |= {"chunks": (4, 16, 16), "shards": (4, 16, 16) if kind == "sharded" else None}
        if kind == "sharded":
            settings["chunks"] = (2, 8, 8)
        pytest.importorskip("zarr").create_array(path, fill_value=1000, **settings)[...] = VOLUME
        (path / "c" / "1" / "1" / "2").unlink()
    refused(path, "chunks? .*EMPTY_CHUNKS.*--skip-damaged")
    for value, how in ((0, {"skip_damaged": True}), (1000, {"missing": True})):
        wanted, opened = VOLUME.copy(), open_lazily(path, **how)
        wanted[lost] = value
        np.testing.assert_array_equal(opened.read(BOX)[0], wanted[BOX])
        np.testing.assert_array_equal(opened.whole(), wanted)


@pytest.mark.parametrize("kind", ["zarr-0.5", "h5-chunked"])
def test_a_damaged_chunk_is_named_and_can_be_borne(tmp_path, kind):
    path = written(tmp_path, kind)
    if kind == "h5-chunked":
        with h5py.File(path) as file:
            place = file["image"].id.get_chunk_info_by_coord((3, 16, 16))
        with path.open("r+b") as file:
            file.seek(place.byte_offset + 7)
            file.write(b"\xff\x00\xff")
    else:
        (path / "s0" / "c" / "1" / "1" / "1").write_bytes(b"no chunk")
    low = 3 if kind == "h5-chunked" else 4
    stop = min(2 * low, 7)
    with pytest.raises(ImageReadError, match=rf"chunk 1\.1\.1 \(zyx {low}:{stop}, 16:32, 16:32\) .*read"):
        open_lazily(path).read(BOX)
    opened = open_lazily(path, skip_damaged=True)
    black = VOLUME.copy()
    black[low:stop, 16:32, 16:32] = 0
    for _ in range(2):
        np.testing.assert_array_equal(opened.read(BOX), black[BOX][None])
    assert len(opened.skipped) == 1


def test_a_header_that_claims_more_than_the_file_holds_is_refused(tmp_path):
    for kind in ("tif-plain", "tif-tiled", "tif-imagej", "npy", "h5", "h5-chunked"):
        path = written(tmp_path, kind)
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) * 2 // 3])
        refused(path, rf"^(?!.*--skip-damaged).*{path.name}.* copy")
        path.unlink()
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("image", (64, 256, 256), "u2", chunks=(32, 128, 128))
        file.create_dataset("whole", (6, 40, 50), "u2")
    refused(tmp_path / "a.h5", r"\b8 chunks .*\(chunk 0\.0\.0 .*; \.\.\.\)")
    refused(tmp_path / "a.h5", r"\b6 chunks .*\(chunk 0\.0\.0 \(zyx 0:1, 0:40, 0:50\)", dataset="whole")
    path = written(tmp_path, "tif-tiled")
    with tifffile.TiffFile(path, mode="r+") as file:
        for page in file.pages:
            page.tags["ImageLength"].overwrite(10**6)
    with pytest.raises(ImageReadError, match=r"chunk 0\.3\.0 .* read"):
        open_lazily(path).read((slice(0, 1), slice(0, 99), slice(0, 9)))


def test_hdf5_that_leads_to_other_files_is_refused(tmp_path):
    written(tmp_path, "h5")
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file["image"] = h5py.ExternalLink("a.h5", "image")
    refused(tmp_path / "b.h5", r"'image' .*link.* copy")
    (tmp_path / "raw").write_bytes(bytes(2 * 7 * 40 * 50))
    with h5py.File(tmp_path / "c.h5", "w") as file:
        file.create_dataset("image", (7, 40, 50), "u2", external=[(str(tmp_path / "raw"), 0, 28000)])
    refused(tmp_path / "c.h5", r"'image' .*other files.* copy")


def test_what_is_not_read_by_parts_is_said(tmp_path):
    refused(tmp_path / "none.tif", "no such file")
    (tmp_path / "a.png").write_bytes(b"")
    refused(tmp_path / "a.png", r"a\.png: .*blocks.* \.tif")
    (tmp_path / "folder").mkdir()
    refused(tmp_path / "folder", r"folder: .*blocks.* \.tif")
    (tmp_path / "a.tif").write_text("no")
    refused(tmp_path / "a.tif", r"a\.tif: .* TIFF .*save")
    assert not io.is_zarr(tmp_path) and not io.is_large(tmp_path / "a.tif")


def test_broken_zarr_metadata_are_told_by_the_folder(tmp_path):
    path = written(tmp_path, "zarr-array")
    meta = json.loads((path / "zarr.json").read_text())
    (path / "zarr.json").write_text(json.dumps(meta)[:-30])
    refused(path, r"a\.zarr: .*opened.* copy")
    shutil.rmtree(path)


@pytest.mark.parametrize("kind", ["zarr-array", "zarr-0.4", "zarr-0.5"])
def test_zarr_folders_are_found_and_read_whole_too(tmp_path, kind):
    path = written(tmp_path, kind)
    assert io.find(tmp_path) == io.find(path) == io.find(tmp_path / "*.zarr") == [path]
    read = io.read(path)
    assert read.axes == "ZYX" and read.spacing == (() if kind == "zarr-array" else (2.0, 0.5, 0.25))
    np.testing.assert_array_equal(read.data, VOLUME)
    with pytest.raises(io.TooManyVoxels, match=r"a\.zarr.* 7x40x50 .*\b100\b"):
        io.read(path, max_voxels=100)


def test_zarr_metadata_that_claim_far_more_than_there_is_are_refused_at_once(tmp_path):
    zarr = pytest.importorskip("zarr")
    array = zarr.create_array(
        tmp_path / "a.zarr", shape=(10**6, 10**5, 10**5), chunks=(64, 64, 64), dtype="u1"
    )
    array[:64, :64, :64] = 1
    with pytest.raises(ImageReadError, match=r"a\.zarr: .*\b\d{11} chunks .*metadata"):
        open_lazily(tmp_path / "a.zarr")


@pytest.mark.parametrize(
    ("names", "axes"),
    [
        (["dim_0", "dim_1", "dim_2"], "ZYX"), (["a", "b", "c"], "ZYX"),
        ([None, "y", "x"], "ZYX"), (["Depth", "Height", "width"], "ZYX"), (["axis_z", "row", "/x"], "ZYX"),
        (["column", "row", "plane"], "XYZ"), (["x", "z", "y"], "XZY"), (["channel", "row", "col"], "CYX"),
        (["time", "y", "x"], "TYX"), (["time", "lat", "lon"], "TYX"), (["c", None, None], "CYX"),
    ],
)  # fmt: skip
def test_names_of_dimensions_tell_axes_where_they_are_those_of_axes(tmp_path, names, axes):
    zarr = pytest.importorskip("zarr")
    zarr.create_array(tmp_path / "a.zarr", data=VOLUME, chunks=(4, 16, 16), dimension_names=names)
    opened = open_lazily(tmp_path / "a.zarr")
    assert opened.axes == axes
    np.testing.assert_array_equal(opened.whole(), VOLUME)


def test_axes_that_nothing_tells_are_refused_with_their_names(tmp_path):
    zarr = pytest.importorskip("zarr")
    zarr.create_array(tmp_path / "a.zarr", data=VOLUME[None, None], dimension_names=list("abdef"))
    refused(tmp_path / "a.zarr", r"a\.zarr: .* a, b, d, e, f \(1x1x7x40x50\).*dimension_names")
    zarr.create_array(tmp_path / "b.zarr", data=VOLUME, dimension_names=["height", "y", "x"])
    refused(tmp_path / "b.zarr", "axes 'YYX'")


def test_which_array_of_a_zarr_group_is_meant_is_told_in_one_way(tmp_path):
    zarr = pytest.importorskip("zarr")
    two = zarr.open_group(tmp_path / "two.zarr", mode="w")
    for name in "ba":
        two.create_array(name, shape=(9, 9), dtype="u1")
    refused(tmp_path / "two.zarr", r"two\.zarr: .*'image'.* a, b; .*DATASET")
    for version in (2, 3):
        path = tmp_path / f"nested{version}.zarr"
        zarr.open_group(path, mode="w", zarr_format=version).create_array("0/1", data=VOLUME)
        refused(path, r"zarr: .* no array.* groups 0; .*DATASET.* 0/NAME")
        for dataset in ("0/1", "0"):  # the only one in the group
            np.testing.assert_array_equal(open_lazily(path, dataset=dataset).whole(), VOLUME)
        zarr.open_group(path, mode="a").create_array("0/2", data=VOLUME)
        refused(path, r"zarr: '0' .*group.* 0/1, 0/2; .*DATASET", dataset="0")


def test_of_a_shard_that_chunk_alone_is_lost_that_is_damaged(tmp_path):
    zarr, path = pytest.importorskip("zarr"), tmp_path / "a.zarr"
    zarr.create_array(path, data=VOLUME, chunks=(2, 8, 8), shards=(4, 16, 16))
    shard = path / "c" / "0" / "1" / "1"
    stored, black = shard.read_bytes(), VOLUME.copy()
    shard.write_bytes(b"\xff" * 12 + stored[12:])  # the first of its chunks
    with pytest.raises(ImageReadError, match=r"chunk 0\.2\.2 \(zyx 0:2, 16:24, 16:24\) .*read"):
        open_lazily(path).whole()
    opened = open_lazily(path, skip_damaged=True)
    black[0:2, 16:24, 16:24] = 0
    np.testing.assert_array_equal(opened.whole(), black)
    assert len(opened.skipped) == 1
    for cut in (stored[: len(stored) // 2], stored[:9]):
        shard.write_bytes(cut)
        with pytest.raises(ImageReadError, match=r"chunk 0\.2\.2 .* read"):
            open_lazily(path).whole()
    shard.write_bytes(b"")
    refused(path, r"\b1 chunk \(shard 0\.1\.1 \(zyx 0:4, 16:32, 16:32\)\).*EMPTY_CHUNKS")
    shard.unlink()
    black[0:4, 16:32, 16:32] = 0
    opened = open_lazily(path, skip_damaged=True)
    np.testing.assert_array_equal(opened.whole(), black)
    assert opened.skipped == ["shard 0.1.1 (zyx 0:4, 16:32, 16:32)"]


def test_a_voxel_size_that_cannot_be_is_not_believed(tmp_path):
    zarr, path = pytest.importorskip("zarr"), zarr_group(tmp_path / "a.zarr")
    group = zarr.open_group(path, mode="a")
    for wrong in (0.0, -1.0, float("nan")):
        shown = dict(group.attrs["ome"])
        shown["multiscales"][0]["datasets"][0]["coordinateTransformations"][0]["scale"][1] = wrong
        group.attrs["ome"] = shown
        assert open_lazily(path).spacing == io.read(path).spacing == ()


def test_chunks_without_voxels_are_refused(tmp_path):
    path = written(tmp_path, "zarr-array")
    meta = json.loads((path / "zarr.json").read_text())
    meta["chunk_grid"]["configuration"]["chunk_shape"] = [0, 16, 16]
    (path / "zarr.json").write_text(json.dumps(meta))
    refused(path, r"chunks \(0, 16, 16\)", missing=True)


def test_chunks_of_hdf5_are_not_looked_for_where_none_is_missing(tmp_path, monkeypatch):
    monkeypatch.setattr(hdf5_chunks, "grid_of", lambda *_: pytest.fail("looked for"))
    open_lazily(written(tmp_path, "h5-chunked"))


def test_of_many_missing_chunks_no_more_are_named_than_are_told(tmp_path, monkeypatch):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("image", (80, 160, 160), "u1", chunks=(8, 16, 16))[:24] = 1
        file.create_dataset("claimed", (10**6, 10**5, 10**5), "u1", chunks=(64, 64, 64))[:64, :64, :64] = 1
    named, words = [], LazyVolume._words
    monkeypatch.setattr(LazyVolume, "_words", lambda *told: named.append(told) or words(*told))
    refused(tmp_path / "a.h5", r"\b700 chunks .*\(chunk 3\.0\.0 \(zyx 24:32, 0:16, 0:16\)")
    assert len(named) == 3
    for skip in (False, True):
        refused(tmp_path / "a.h5", r"\b\d{11} chunks .*metadata", dataset="claimed", skip_damaged=skip)


def test_what_describes_a_zarr_array_is_its_own_metadata_and_those_above(tmp_path):
    path = zarr_group(tmp_path / "a.zarr", version="0.4")
    told = [str(file.relative_to(path)) for file in io.described_in(path)]
    assert sorted(told) == [".zattrs", ".zgroup", "s0/.zarray", "s0/.zattrs"]
    path = zarr_group(tmp_path / "b.zarr")
    assert io.described_in(path) == [path / "zarr.json", path / "s0" / "zarr.json"]
    path = written(tmp_path, "npy")
    assert io.described_in(path) == [path]


def test_numbers_of_every_order_and_size_are_read(tmp_path):
    box = tuple(slice(0, n) for n in VOLUME.shape)
    large = VOLUME.astype(np.uint64) + 2**60
    kinds = {
        "big": VOLUME.astype(">u2"),
        "fortran": np.asfortranarray(VOLUME),
        "64": large,
        "half": VOLUME > 9,
    }
    for name, data in kinds.items():
        np.save(tmp_path / f"{name}.npy", data)
        with h5py.File(tmp_path / f"{name}.h5", "w") as file:
            file.create_dataset("image", data=data, chunks=(4, 16, 16))
        tifffile.imwrite(
            tmp_path / f"{name}.tif", data, photometric="minisblack", tile=(16, 16), byteorder=">"
        )
        for suffix in ("npy", "h5", "tif"):
            found = open_lazily(tmp_path / f"{name}.{suffix}").read(box)[0]
            assert found.dtype == data.dtype.newbyteorder("=") and found.dtype.isnative
            np.testing.assert_array_equal(found, data)


def test_zarr_2_of_any_order_and_separator_is_read(tmp_path):
    zarr = pytest.importorskip("zarr")
    for order, separator, kind in (("F", "/", ">u2"), ("C", "/", "<u2"), ("F", ".", "<u2")):
        path = tmp_path / f"{order}{ord(separator)}{kind[1:]}.zarr"
        zarr.create_array(
            path, data=VOLUME.astype(kind), chunks=(4, 16, 16), order=order, zarr_format=2,
            chunk_key_encoding={"name": "v2", "separator": separator},
        )  # fmt: skip
        np.testing.assert_array_equal(open_lazily(path).read(BOX), VOLUME[BOX][None])
        (path / separator.join("111")).unlink()
        refused(path, r"\b1 chunk \(chunk 1\.1\.1 \(zyx 4:7, 16:32, 16:32\)\).*EMPTY_CHUNKS")


@pytest.mark.parametrize("version", [2, 3])
def test_an_array_is_read_as_it_says_itself_and_not_as_an_older_copy_of_its_metadata(tmp_path, version):
    zarr = pytest.importorskip("zarr")
    path = tmp_path / "a.zarr"
    zarr.create_group(path, zarr_format=version).create_array("image", data=VOLUME)
    zarr.consolidate_metadata(path)
    turned = np.ascontiguousarray(VOLUME.transpose(0, 2, 1)).astype(">i4")
    shutil.rmtree(path / "image")
    zarr.create_array(path / "image", data=turned, zarr_format=version)
    np.testing.assert_array_equal(open_lazily(path).whole(), turned)
    np.testing.assert_array_equal(io.read(path).data, turned)


def test_what_is_no_picture_is_refused(tmp_path):
    np.save(tmp_path / "a.npy", np.array(5))
    refused(tmp_path / "a.npy", r"has 0 axes \(one number\)")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("none", (0, 4, 5), "u2")
        file["number"] = 5
    refused(tmp_path / "a.h5", "empty.* 0x4x5", dataset="none")
    refused(tmp_path / "a.h5", "has 0 axes", dataset="number")
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file["inner"] = h5py.ExternalLink("a.h5", "/")
    refused(tmp_path / "b.h5", r"b\.h5: .* no dataset\b.*\blinks\b")
    refused(tmp_path / "b.h5", "'inner/none' .*link.* copy", dataset="inner/none")
