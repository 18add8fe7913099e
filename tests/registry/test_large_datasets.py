"""Crops read straight from files that are larger than the cache: those of the whole picture in memory."""

import multiprocessing
import pickle
from functools import partial

import h5py
import numpy as np
import pytest
import tifffile

from nucleizoo import io
from nucleizoo.contracts import DataSpec
from nucleizoo.core.errors import ImageReadError
from nucleizoo.kinds import DATASETS, SCALINGS
from nucleizoo.preprocess import LazyPicture, Reader, Scan, Values

SHAPE = (24, 50, 70)
RNG = np.random.default_rng(0)
VOLUME = (RNG.gamma(2, 20, SHAPE).clip(0, 255)).astype(np.uint8)
LABELS = RNG.integers(0, 900, SHAPE).astype(np.uint16)


def zarr_array(path, data, version=3, **more):
    zarr = pytest.importorskip("zarr")
    made = zarr.create_array(
        path, shape=data.shape, dtype=data.dtype, chunks=(8, 16, 16), zarr_format=version,
        config={"write_empty_chunks": True}, **more,
    )  # fmt: skip
    made[...] = data
    return path


def written(path, kind, data):
    """A file of one of the kinds that are read part by part; its name follows from the kind."""
    if kind == "tif-plain":
        tifffile.imwrite(file := path.with_suffix(".tif"), data, imagej=True, metadata={"axes": "ZYX"})
    elif kind == "tif-tiled":
        more = {"tile": (16, 32), "compression": "zlib", "predictor": 2, "photometric": "minisblack"}
        tifffile.imwrite(file := path.with_suffix(".tif"), data, **more)
    elif kind == "tif-strips":
        more = {"rowsperstrip": 7, "compression": "zlib", "photometric": "minisblack"}
        tifffile.imwrite(file := path.with_suffix(".tif"), data, **more)
    elif kind == "npy":
        np.save(file := path.with_suffix(".npy"), data)
    elif kind.startswith("h5"):
        more = {"chunks": (8, 16, 16), "compression": "gzip"} if kind == "h5-chunked" else {}
        with h5py.File(file := path.with_suffix(".h5"), "w") as opened:
            opened.create_dataset("image", data=data, **more)
    else:
        more = {"shards": (16, 32, 32)} if kind == "zarr-sharded" else {}
        file = zarr_array(path.with_suffix(".zarr"), data, 2 if kind == "zarr-2" else 3, **more)
    return file


KINDS = [
    "tif-plain",
    "tif-tiled",
    "tif-strips",
    "npy",
    "h5",
    "h5-chunked",
    "zarr-2",
    "zarr-3",
    "zarr-sharded",
]


def dataset(name, root, dims=3, **settings):
    return DATASETS.recipe(name, **settings)(DataSpec(dims=dims, root=root, size=(16,) * dims))


def both(name, root, dims=3, **settings):
    """The same dataset from memory and from its files."""
    whole, filed = (dataset(name, root, dims, cache_gb=gb, **settings) for gb in (1.0, 0.0))
    rng = np.random.default_rng(0)
    assert isinstance(whole.library.draw(rng), Scan) and isinstance(filed.library.draw(rng), LazyPicture)
    return whole, filed


def assert_same(whole, filed, size, atol=0.0, draws=12):
    for seed in range(draws):
        one, other = (each.sample(np.random.default_rng(seed), size) for each in (whole, filed))
        assert other.image.shape == one.image.shape and other.image.dtype == np.float32
        np.testing.assert_allclose(other.image, one.image, rtol=0, atol=atol)
        assert other.spacing == one.spacing
        if one.labels is not None:
            np.testing.assert_array_equal(other.labels, one.labels)
            assert other.labels.dtype == np.int32


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_a_crop_from_the_file_is_that_of_the_whole_voxel_for_voxel(tmp_path, kind, dims):
    written(tmp_path / "a", kind, VOLUME)
    assert_same(*both("images", tmp_path, dims), (9, 20, 30)[-dims:])
    whole, filed = both("images", tmp_path, dims)
    assert len(whole.library) == len(filed.library) == (1 if dims == 3 else 24)


@pytest.mark.parametrize("scaling", ["minmax", "percentile", "dtype"])
@pytest.mark.parametrize("over", ["volume", "image"])
@pytest.mark.parametrize("dims", [2, 3])
def test_intensities_are_scaled_as_of_the_whole(tmp_path, scaling, over, dims):
    data = VOLUME.copy()
    data[5] = 7  # a plane without contrast
    written(tmp_path / "a", "h5-chunked", data)
    part = SCALINGS.recipe(scaling, over=over, gamma=0.7, asinh=0.1, invert=True)
    assert_same(*both("images", tmp_path, dims, scaling=part), (9, 20, 30)[-dims:])


@pytest.mark.parametrize("zoom", [(0.6,), (1.7,), (1.0, 0.5, 0.37), (2.0, 1.0, 0.9)])
def test_a_resampled_crop_is_that_of_the_whole_but_for_rounding(tmp_path, zoom):
    for name, data in (("image", VOLUME), ("label", LABELS)):
        (tmp_path / name).mkdir()
        written(tmp_path / name / "a", "h5-chunked", data)
    whole, filed = both(
        "labelled", tmp_path, zoom=zoom, images="image", labels="label", label_dataset="image"
    )
    assert_same(whole, filed, (8, 15, 17), atol=1e-6)  # a few steps of float32; labels are the same
    assert_same(whole, filed, (60, 15, 200), atol=1e-6)


def test_a_picture_smaller_than_the_crop_is_mirrored_with_its_labels(tmp_path):
    for name, data in (("image", VOLUME), ("label", LABELS)):
        (tmp_path / name).mkdir()
        written(tmp_path / name / "a", "tif-tiled", data)
    assert_same(*both("labelled", tmp_path, images="image", labels="label"), (31, 20, 99))


def test_black_and_white_and_other_types_are_scaled_as_in_memory(tmp_path):
    for name, data in (("b", VOLUME > 60), ("f", VOLUME * 0.37 - 11), ("i", VOLUME.astype(">i4") * 70000)):
        (tmp_path / name).mkdir()
        np.save(tmp_path / name / "a.npy", data)
        assert_same(*both("images", tmp_path, path=name), (9, 20, 30), atol=2e-6, draws=3)


def test_colours_and_channels_are_chosen_as_in_memory(tmp_path):
    colour = RNG.integers(0, 255, (60, 80, 3)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", colour, photometric="rgb", tile=(16, 16), compression="zlib")
    for channel in ("luminance", "0", "2"):
        assert_same(*both("images", tmp_path, 2, channel=channel), (20, 30))
    for channel, told in (("auto", r"\b3 channels\b"), ("3", r"\b3 channels\b.*'3' ")):
        refusal = rf"a\.tif: .*{told}.*CHANNEL .*'luminance', '0', '1', '2'"
        for cache_gb in (0.0, 1.0):
            with pytest.raises(ImageReadError, match=refusal):
                dataset("images", tmp_path, 2, cache_gb=cache_gb, channel=channel)


@pytest.mark.parametrize("over", ["volume", "image"])
def test_colour_that_is_grey_is_taken_as_grey_from_files_too(tmp_path, over):
    grey = RNG.integers(0, 255, (60, 80)).astype(np.uint8)
    colour = np.stack([grey] * 3, axis=-1)
    save = partial(tifffile.imwrite, photometric="rgb", tile=(16, 16), compression="zlib")
    save(tmp_path / "a.tif", colour)
    scaling = SCALINGS.recipe("percentile", over=over)
    assert_same(*both("images", tmp_path, 2, path="a.tif", scaling=scaling), (20, 30))
    colour[59, 79, 1] ^= 1  # one value of the last tile
    save(tmp_path / "b.tif", colour)
    refusal = r"b\.tif: .*\b3 channels\b.*CHANNEL .*'luminance', '0', '1', '2'"
    for cache_gb in (0.0, 1.0):
        with pytest.raises(ImageReadError, match=refusal):
            dataset("images", tmp_path, 2, path="b.tif", cache_gb=cache_gb, scaling=scaling)
    values = Values(io.Handle(tmp_path / "b.tif").open, 2, Reader(DataSpec(dims=2)))
    np.testing.assert_array_equal(values.read((), (slice(0, 59), slice(0, 80)))[0], grey[:59])
    with pytest.raises(ImageReadError, match=refusal):  # as prediction by blocks meets it
        values.read((), (slice(0, 60), slice(0, 80)))


@pytest.mark.parametrize("axes", ["TYX", "TZYX", "ZCYX"])
def test_stacks_are_taken_apart_as_in_memory(tmp_path, axes):
    data = RNG.integers(0, 60000, (3, 5, 30, 40)[-len(axes) :]).astype(np.uint16)
    tifffile.imwrite(
        tmp_path / "a.ome.tif", data, metadata={"axes": axes}, ome=True, photometric="minisblack"
    )
    channel = "1" if "C" in axes else "auto"
    for dims in (2, 3):
        assert_same(*both("images", tmp_path, dims, channel=channel), (4, 9, 9)[-dims:], draws=30)


def test_axes_in_another_order_are_put_right_and_wrong_ones_told(tmp_path):
    zarr_array(tmp_path / "a.zarr", VOLUME.transpose(2, 0, 1).copy(), dimension_names=["x", "z", "y"])
    written(tmp_path / "b", "npy", VOLUME)
    one, other = (dataset("images", tmp_path, path=p, cache_gb=0.0) for p in ("a.zarr", "b.npy"))
    assert_same(other, one, (9, 20, 30))
    zarr_array(tmp_path / "c.zarr", VOLUME, dimension_names=["a", "y", "y"])
    with pytest.raises(ImageReadError, match=r"c\.zarr: .*axes 'AYY'"):
        dataset("images", tmp_path, path="c.zarr", cache_gb=0.0)


def test_one_zarr_group_or_hdf5_file_holds_both(tmp_path):
    zarr = pytest.importorskip("zarr")
    group = zarr.open_group(tmp_path / "a.zarr", mode="w")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for name, data in (("image", VOLUME), ("label", LABELS)):
            file.create_dataset(name, data=data, chunks=(8, 16, 16))
            group.create_array(name, data=data, chunks=(8, 16, 16))
    for path in ("a.zarr", "a.h5"):
        assert_same(*both("labelled", tmp_path, images=path), (9, 20, 30))


def test_every_process_has_its_own_handle_and_none_measures_again(tmp_path, monkeypatch):
    kinds = ["h5-chunked", "tif-tiled", "zarr-3"]
    for kind in kinds:
        written(tmp_path / kind, kind, VOLUME)
    filed = dataset("images", tmp_path, cache_gb=0.0)
    draw = lambda each: [each.sample(np.random.default_rng(i), (9, 20, 30)).image for i in range(9)]  # noqa: E731
    wanted = draw(filed)  # opened here: a forked process must not go on with these handles
    monkeypatch.setattr("nucleizoo.preprocess.intensity_range.counts_of", None)
    said, process = multiprocessing.get_context("fork").SimpleQueue(), None
    for _ in range(2):
        process = multiprocessing.get_context("fork").Process(target=lambda: said.put(draw(filed)))
        process.start()
        np.testing.assert_array_equal(said.get(), wanted)
        process.join()
    sent = pickle.dumps(filed)
    assert len(sent) < 20_000
    np.testing.assert_array_equal(draw(pickle.loads(sent)), wanted)


def test_no_more_than_the_crop_is_read(tmp_path, monkeypatch):
    written(tmp_path / "a", "h5-chunked", VOLUME)
    filed, read = dataset("images", tmp_path, cache_gb=0.0), []
    load = io.LazyVolume.read
    monkeypatch.setattr(io.LazyVolume, "read", lambda *a: read.append(load(*a)) or read[-1])
    filed.sample(np.random.default_rng(0), (8, 10, 12))
    assert [part.shape for part in read] == [(1, 8, 10, 12)]


def test_matched_pictures_come_from_files_too(tmp_path):
    for name, data in (("one", VOLUME), ("other", 255 - VOLUME)):
        (tmp_path / name).mkdir()
        written(tmp_path / name / "a", "h5-chunked", data)
    made = [
        dataset(
            "matched_images", tmp_path, draws=4,
            source=DATASETS.recipe("images", path="one", cache_gb=gb),
            reference=DATASETS.recipe("images", path="other", cache_gb=gb),
        )
        for gb in (1.0, 0.0)
    ]  # fmt: skip
    assert_same(*made, (9, 20, 30))


# --- what cannot be used


def refused(match, root, name="images", dims=3, **settings):
    with pytest.raises(ImageReadError, match=match):
        dataset(name, root, dims, cache_gb=0.0, **settings)


def test_missing_chunks_are_named_or_empty_when_the_key_says_so(tmp_path):
    path = written(tmp_path / "a", "zarr-3", VOLUME)
    (path / "c" / "0" / "1" / "1").unlink()
    refused(r"a\.zarr: .*\b1 chunks? .*\(chunk 0\.1\.1 \(zyx 0:8, 16:32.*EMPTY_CHUNKS", tmp_path)
    with pytest.raises(ImageReadError, match="chunk 0"):
        dataset("images", tmp_path)  # small enough for memory: as strict
    assert_same(*both("images", tmp_path, empty_chunks=True), (24, 50, 70))


def test_a_damaged_chunk_is_named_when_the_training_begins_and_in_its_midst(tmp_path):
    for name, data in (("image", VOLUME), ("label", LABELS)):
        (tmp_path / name).mkdir()
        path = written(tmp_path / name / "a", "zarr-3", data)
    chunk = path / "c" / "1" / "1" / "1"
    whole = chunk.read_bytes()
    chunk.write_bytes(b"no chunk")
    settings = {"images": "image", "labels": "label"}
    told = r"label.a\.zarr: .*chunk 1\.1\.1 \(zyx 8:16, 16:32, 16:32\) .*read"
    refused(told, tmp_path, "labelled", **settings)
    chunk.write_bytes(whole)
    opened = dataset("labelled", tmp_path, cache_gb=0.0, **settings)
    chunk.write_bytes(b"no chunk")
    with pytest.raises(ImageReadError, match=r"chunk 1\.1\.1 .* read"):
        opened.sample(np.random.default_rng(0), SHAPE)


def test_what_leads_nowhere_or_holds_less_than_it_claims_is_refused(tmp_path):
    zarr = pytest.importorskip("zarr")
    zarr.open_group(tmp_path / "none.zarr", mode="w")
    refused(r"none\.zarr: .* no array\b.* copy", tmp_path)
    (tmp_path / "bare.zarr").mkdir()
    refused(r"bare\.zarr: .*Zarr.* zarr\.json", tmp_path, path="bare.zarr")
    for kind in ("tif-plain", "tif-tiled", "npy", "h5", "h5-chunked"):
        (tmp_path / kind).mkdir()
        path = written(tmp_path / kind / "a", kind, VOLUME)
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) * 2 // 3])
        refused(rf"^(?!.*EMPTY_CHUNKS).*{path.name}.* copy", tmp_path, path=kind)


def test_hdf5_that_leads_to_other_files_is_refused(tmp_path):
    written(tmp_path / "a", "h5", VOLUME)
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file["image"] = h5py.ExternalLink("a.h5", "image")
    refused(r"b\.h5: 'image' .*link.* copy", tmp_path, path="b.h5")
    (tmp_path / "raw").write_bytes(VOLUME.tobytes())
    with h5py.File(tmp_path / "c.h5", "w") as file:
        file.create_dataset("image", SHAPE, "u1", external=[(str(tmp_path / "raw"), 0, VOLUME.size)])
    refused(r"c\.h5: 'image' .*other files.* copy", tmp_path, path="c.h5")


def test_pictures_and_labels_that_cannot_be_used_are_named(tmp_path):
    np.save(tmp_path / "flat.npy", VOLUME[0])
    refused(r"flat\.npy: .* yx, 50x70.*\(z, y, x\)", tmp_path, path="flat.npy")
    np.save(tmp_path / "one.npy", VOLUME * 0 + 3)
    refused(r"one\.npy: .*value 3\b", tmp_path, path="one.npy")
    np.save(tmp_path / "nan.npy", np.where(VOLUME > 100, np.nan, 1.0))
    refused(r"nan\.npy: .*NaN .* z \d+, y \d+, x \d+", tmp_path, path="nan.npy")
    np.save(tmp_path / "image.npy", VOLUME)
    np.save(tmp_path / "short.npy", LABELS[:9])
    np.save(tmp_path / "half.npy", LABELS + 0.5)
    labelled = {"name": "labelled", "images": "image.npy"}
    refused(r"short\.npy has .* 9x50x70.* 24x50x70", tmp_path, labels="short.npy", **labelled)
    refused(r"half\.npy: .*fractions", tmp_path, labels="half.npy", **labelled)


def test_a_file_that_changes_or_goes_in_the_midst_is_told(tmp_path):
    path = written(tmp_path / "a", "npy", VOLUME)
    filed = pickle.loads(pickle.dumps(dataset("images", tmp_path, cache_gb=0.0)))
    io.handle._OPEN.volumes.clear()
    np.save(path, VOLUME[:9])
    with pytest.raises(ImageReadError, match=r"a\.npy: .* start\b.* again"):
        filed.sample(np.random.default_rng(0), (8, 8, 8))
    io.handle._OPEN.volumes.clear()
    path.unlink()
    with pytest.raises(ImageReadError, match=r"a\.npy: .*no such file"):
        filed.sample(np.random.default_rng(0), (8, 8, 8))
