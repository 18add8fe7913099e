"""Labels as a tiled TIFF: one picture or volume, however they are cut, with a part of them in memory."""

import re
from types import SimpleNamespace

import numpy as np
import pytest
import tifffile

from nucleizoo import io
from nucleizoo.blockwise.state.block_store import BlockStore
from nucleizoo.blockwise.write.bigtiff import write_tiff
from nucleizoo.blockwise.write.formats import read_metadata, write_hdf5
from nucleizoo.blockwise.write.result import Result
from nucleizoo.core.parts import is_part
from nucleizoo.ops.grid import Grid, size

SPACING = (2.0, 0.5, 0.25)


def result_of(read, shape, scratch, step, count=9):
    known = SimpleNamespace(read=read, count=count)
    spacing = SPACING[-len(shape) :]
    return Result(
        lambda: known, shape, spacing, step[-len(shape) :], lambda: ["chunk 3"], scratch, {"made_of": "word"}
    )


@pytest.mark.parametrize("count", [9, 70_000])
@pytest.mark.parametrize("shape", [(5, 600, 300), (70, 100, 300), (2, 20, 500), (600, 1100), (1300, 9)])
def test_it_is_the_same_file_however_the_volume_is_cut(tmp_path, shape, count):
    labels = np.random.default_rng(0).integers(0, count, shape, dtype=np.int32)
    files = set()
    for step in ((1, 7, 7), (40, 512, 1030), (999, 9999, 9999)):
        write_tiff(tmp_path / "a.tif", result_of(lambda box: labels[box], shape, tmp_path, step, count))
        files.add(re.sub(rb"(urn:uuid:|, checksum )[0-9a-f-]+", b"", (tmp_path / "a.tif").read_bytes()))
    assert len(files) == 1 and [path.name for path in tmp_path.iterdir()] == ["a.tif"]
    with tifffile.TiffFile(tmp_path / "a.tif") as tiff:
        (series,) = tiff.series
        assert tiff.is_bigtiff and tiff.is_ome and tiff.pages[0].is_tiled
        assert series.axes == "ZYX"[-len(shape) :] and series.dtype == ("u2" if count == 9 else "u4")
    read = io.read(tmp_path / "a.tif")
    np.testing.assert_array_equal(read.data, labels)
    assert read.spacing == SPACING[-len(shape) :]
    part = tuple(slice(n // 3, n // 3 + 2) for n in shape)
    np.testing.assert_array_equal(io.open_lazily(tmp_path / "a.tif").read(part)[0], labels[part])
    assert read_metadata(tmp_path / "a.tif") == {
        "nuclei": count, "skipped": ["chunk 3"], "made_of": "word", "complete": 1
    }  # fmt: skip


@pytest.mark.parametrize("write", [write_tiff, write_hdf5])
def test_what_is_not_complete_lies_in_the_scratch_folder_alone(tmp_path, write):
    out, scratch = tmp_path / "out", tmp_path / "scratch"
    out.mkdir(), scratch.mkdir()
    seen = []

    def read(box):
        seen.append(([*out.iterdir()], [is_part(file) for file in scratch.iterdir()]))
        return np.zeros(size(box), np.int32)

    for _ in range(2):
        write(out / "a.x", result_of(read, (4, 20, 20), scratch, (4, 20, 20)))
        assert [*out.iterdir()] == [out / "a.x"] and not [*scratch.iterdir()]
        (out / "a.x").unlink()
    assert all(not there and any(parts) for there, parts in seen) and seen


@pytest.mark.parametrize(("shape", "block"), [((32, 512, 640), (32, 128, 128)), ((2048, 3000), (1024, 512))])
def test_every_block_is_read_once_and_one_is_in_memory(tmp_path, monkeypatch, shape, block):
    store, reads, parts = BlockStore(tmp_path / "store", Grid(shape, block)), [], []
    for index in range(len(store)):
        labels = np.full(size(store.grid.box(index)), index + 1, np.int32)
        store.write(index, {}, {"labels": labels})
    monkeypatch.setattr(
        BlockStore, "read", lambda *words, own=BlockStore.read: reads.append(words[1]) or own(*words)
    )

    def read(box):
        parts.append(size(box))
        return store.labels("labels", box)

    write_tiff(tmp_path / "a.tif", result_of(read, shape, tmp_path, block, len(store)))
    assert sorted(reads) == list(range(len(store)))
    assert all(one <= other for part in parts for one, other in zip(part, block, strict=True))
    np.testing.assert_array_equal(
        tifffile.imread(tmp_path / "a.tif"), store.labels("labels", tuple(slice(0, n) for n in shape))
    )
