"""Small files that would unpack to gigabytes are refused before they are decoded, as links out are."""

import gzip
import json
import tracemalloc
import zlib
from contextlib import closing

import h5py
import numpy as np
import pytest

from nucleizoo import io
from nucleizoo.core.errors import ImageReadError
from nucleizoo.io import bombs, open_lazily

BIG = bytes(4 * 10**6)
"""What a chunk of 4 kB unpacks to."""

VOLUME = np.random.default_rng(0).integers(0, 60000, (8, 64, 64)).astype(np.uint16)


def refused(path, *words):
    """In memory, by parts and as part of a block, without more memory than the file would need."""
    for read in (io.read, whole, lambda path: part(path, np.s_[3:9, 3:9])):
        tracemalloc.start()
        with pytest.raises(ImageReadError) as caught:
            read(path)
        assert tracemalloc.get_traced_memory()[1] < 3 * 10**6
        tracemalloc.stop()
        assert all(word in str(caught.value) for word in (path.name, *words)), str(caught.value)


def whole(path):
    with closing(open_lazily(path)) as opened:
        return opened.whole()


def part(path, box):
    with closing(open_lazily(path)) as opened:
        return opened.read(box)


def zarr_of(folder, codec, content, chunk=(64, 64)):
    """A picture of one chunk with this content."""
    pytest.importorskip("zarr")
    path = folder / "a.zarr"
    (path / "c" / "0").mkdir(parents=True)
    told = {
        "zarr_format": 3, "node_type": "array", "shape": chunk, "data_type": "uint8", "fill_value": 0,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": chunk}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
        "codecs": [{"name": "bytes"}, codec], "attributes": {},
    }  # fmt: skip
    (path / "zarr.json").write_text(json.dumps(told))
    (path / "c" / "0" / "0").write_bytes(content)
    return path


GZIP = {"name": "gzip", "configuration": {"level": 9}}
ZSTD = {"name": "zstd", "configuration": {"level": 0, "checksum": False}}
BLOSC = {
    "name": "blosc",
    "configuration": {"cname": "lz4", "clevel": 5, "shuffle": "noshuffle", "typesize": 1, "blocksize": 0},
}


def packed(kind):
    import numcodecs

    return bytes({"zstd": numcodecs.Zstd(), "blosc": numcodecs.Blosc("zstd")}[kind].encode(BIG))


def test_chunks_of_zarr_that_unpack_to_more_than_they_hold_are_refused(tmp_path):
    pytest.importorskip("numcodecs")
    contents = {
        "many": (GZIP, gzip.compress(bytes(10**6), 9) * 20), "one": (GZIP, gzip.compress(BIG)),
        "zstd": (ZSTD, packed("zstd")), "blosc": (BLOSC, packed("blosc")),
    }  # fmt: skip
    for name, (codec, content) in contents.items():
        (tmp_path / name).mkdir()
        refused(zarr_of(tmp_path / name, codec, content), "4.1 kB", "0/0")


def test_so_are_those_of_zarr_2_and_in_shards(tmp_path):
    zarr, numcodecs = pytest.importorskip("zarr"), pytest.importorskip("numcodecs")
    for name, compressor in (
        ("zlib", numcodecs.Zlib(9)),
        ("gzip", numcodecs.GZip(9)),
        ("lz4", numcodecs.LZ4()),
    ):
        path = tmp_path / name / "a.zarr"
        zarr.create_array(path, data=VOLUME[0, :32], chunks=(32, 64), zarr_format=2, compressors=compressor)
        (path / "0.0").write_bytes(compressor.encode(BIG * 3))
        refused(path, "4.1 kB")
    path = tmp_path / "a.zarr"
    zarr.create_array(path, data=VOLUME[0], chunks=(32, 64), shards=(64, 64))
    shard = path / "c" / "0" / "0"
    stored, bomb = bytearray(shard.read_bytes()), packed("zstd")
    body = bytes(stored[:-36]) + bomb
    index = np.frombuffer(bytes(stored[-36:-4]), "<u8").copy()
    index[2:] = len(stored) - 36, len(bomb)
    import google_crc32c

    content = index.tobytes()
    shard.write_bytes(body + content + google_crc32c.value(content).to_bytes(4, "little"))
    refused(path, "4.1 kB")


def bomb_of(path, content, chunks=(64, 64), **filters):
    """An HDF5 picture whose only chunk has this content."""
    with h5py.File(path, "w") as file:
        data = file.create_dataset("image", chunks, "u1", chunks=chunks, **filters)
        data.id.write_direct_chunk((0, 0), content)
    return path


def test_so_are_those_of_hdf5(tmp_path):
    for filters in (
        {"compression": "gzip"},
        {"compression": "gzip", "shuffle": True},
        {"compression": "lzf"},
    ):
        refused(bomb_of(tmp_path / "a.h5", zlib.compress(bytes(10**7)), **filters), "4.1 kB", "chunk 0.0")


def test_deflated_chunks_are_counted_where_they_could_be_very_large(tmp_path, monkeypatch):
    """In HDF5 and by gzip in several members, nothing tells the size after unpacking."""
    monkeypatch.setattr(bombs, "_LARGE", 10**6)
    holds = 16384
    bomb = zlib.compress(bytes(holds * 500))
    assert len(bomb) < holds
    assert "more than" in bombs.reason("zlib", len(bomb), lambda a, b: bomb[a:b], holds)
    members = gzip.compress(bytes(holds * 100)) * 5 + gzip.compress(bytes(holds))
    assert "more than" in bombs.reason("gzip", len(members), lambda a, b: members[a:b], holds)
    fair = np.random.default_rng(0).integers(0, 9, holds).astype("u1").tobytes()
    for kind, stored in (
        ("zlib", zlib.compress(fair)),
        ("gzip", gzip.compress(fair)),
        ("zlib", b"damaged" * 900),
    ):
        assert not bombs.reason(kind, len(stored), lambda a, b, s=stored: s[a:b], holds)


def test_chunks_that_hold_what_they_should_are_read(tmp_path):
    zarr = pytest.importorskip("zarr")
    for name, data in (("noise", VOLUME), ("black", np.zeros_like(VOLUME)), ("small", VOLUME[:1, :2, :2])):
        for kind, more in (("lzf", {}), ("gzip", {"shuffle": True, "fletcher32": True})):
            with h5py.File(tmp_path / "a.h5", "w") as file:
                file.create_dataset("image", data=data, chunks=data.shape, compression=kind, **more)
            assert np.array_equal(io.read(tmp_path / "a.h5").data, data), (name, kind)
        for codec in (None, "auto", "crc"):
            made = {
                "compressors": codec
                if codec != "crc"
                else (zarr.codecs.GzipCodec(), zarr.codecs.Crc32cCodec())
            }
            path = tmp_path / f"{name}{codec}.zarr"
            config = {"write_empty_chunks": True}
            zarr.create_array(path, data=data, chunks=data.shape, config=config, **made)
            assert np.array_equal(io.read(path).data, data), (name, codec)


def test_a_small_file_that_asks_for_gigabytes_is_not_read_into_memory(tmp_path, monkeypatch):
    monkeypatch.setattr("nucleizoo.io.volume._LARGE", 10**5)
    monkeypatch.setattr("nucleizoo.io.volume.MAX_RATIO", 500)
    black = np.zeros((2000, 2000), np.uint8)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("image", (4000, 4000), "u1", chunks=(4000, 4000), compression="gzip", fillvalue=0)
        file["image"].id.write_direct_chunk((0, 0), zlib.compress(bytes(16 * 10**6), 9))
    zarr = pytest.importorskip("zarr")
    zarr.create_array(
        tmp_path / "a.zarr", data=black, chunks=(2000, 2000), config={"write_empty_chunks": True}
    )
    for name in ("a.h5", "a.zarr"):
        with pytest.raises(io.TooManyVoxels, match=rf"{name}: .*(16\.0|4\.0) MB.*--blocks"):
            io.read(tmp_path / name)
        assert not part(tmp_path / name, np.s_[0:5, 0:5]).any()
    np.save(tmp_path / "a.npy", black)
    assert io.read(tmp_path / "a.npy").data.size == black.size


def test_links_out_of_a_zarr_folder_are_not_followed(tmp_path):
    zarr = pytest.importorskip("zarr")
    other = tmp_path / "other.zarr"
    group = zarr.open_group(other, mode="w", zarr_format=3)
    group.create_array("image", data=VOLUME, chunks=(4, 64, 64))
    for name, linked in (("chunk", "image/c/1/0/0"), ("folder", "image/c"), ("array", "image")):
        path = tmp_path / f"{name}.zarr"
        made = zarr.open_group(path, mode="w", zarr_format=3)
        if name == "array":
            (path / linked).symlink_to(other / linked)
        else:
            made.create_array("image", data=VOLUME, chunks=(4, 64, 64))
            (path / linked).rename(tmp_path / f"moved_{name}")
            (path / linked).symlink_to(tmp_path / f"moved_{name}")
        for read in (io.read, whole):
            with pytest.raises(ImageReadError, match=rf"{name}\.zarr.* link .*copy"):
                read(path)
    skipped = open_lazily(tmp_path / "chunk.zarr", skip_damaged=True)
    assert not skipped.whole()[4:].any() and len(skipped.skipped) == 1


def test_links_to_a_folder_and_inside_it_are_followed(tmp_path):
    zarr = pytest.importorskip("zarr")
    group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=3)
    group.create_array("raw", data=VOLUME, chunks=(4, 64, 64))
    (tmp_path / "a.zarr" / "image").symlink_to("raw")
    (tmp_path / "link.zarr").symlink_to("a.zarr")
    for path in (tmp_path / "a.zarr", tmp_path / "link.zarr", tmp_path / "a.zarr" / "image"):
        assert np.array_equal(io.read(path).data, VOLUME)
