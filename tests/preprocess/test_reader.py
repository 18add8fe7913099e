import multiprocessing
import pickle
import tempfile
import tracemalloc

import h5py
import numpy as np
import pytest
import tifffile
from support.naming import names

from nucleizoo import io
from nucleizoo.contracts import DataSpec
from nucleizoo.core.errors import ImageReadError, UserError
from nucleizoo.io import Volume
from nucleizoo.kinds import SCALINGS
from nucleizoo.preprocess import LabelFiles, Library, Reader, Scan, Stack

FLAT, DEEP = DataSpec(dims=2), DataSpec(dims=3)
RAMP = np.arange(4 * 20 * 30, dtype=np.uint16).reshape(4, 20, 30)


def disc(size, radius):
    y, x = np.indices((size, size)) - (size - 1) / 2
    return (y**2 + x**2 < radius**2).astype(np.uint16)


# --- planes and volumes


def test_a_picture_becomes_one_scan_from_minus_one_to_one():
    (scan,) = Reader(FLAT).prepare(Volume(RAMP[0], "YX", (0.5, 0.25)), "a")
    assert scan.image.dtype == np.float32 and scan.image.shape == (1, 20, 30)
    assert np.allclose(scan.image[0], RAMP[0] / 599 * 2 - 1, atol=1e-6)
    assert (scan.spacing, scan.shape, scan.stack) == ((0.5, 0.25), (20, 30), Stack())


@pytest.mark.parametrize("axes", ["TYX", "ZYX"])
def test_a_stack_becomes_one_scan_a_plane_in_the_range_of_the_file(axes):
    spacing = (2.0, 0.5, 0.25)[-len(axes.replace("T", "")) :]
    scans = Reader(FLAT).prepare(Volume(RAMP, axes, spacing), "a")
    assert all(scan.spacing == (0.5, 0.25) and scan.shape == (20, 30) for scan in scans)
    assert all(scan.stack == Stack(axes[0], (4,), spacing[:-2]) for scan in scans)
    assert np.allclose(np.stack([s.image[0] for s in scans]), RAMP / 2399 * 2 - 1, atol=1e-6)


def test_over_image_every_plane_has_its_own_range():
    scans = Reader(FLAT, scaling=SCALINGS.recipe("minmax", over="image")).prepare(Volume(RAMP, "TYX"), "a")
    assert all(scan.image.min() == -1 and scan.image.max() == 1 for scan in scans)


@pytest.mark.parametrize("axes", ["ZYX", "TYX"])
def test_a_volume_is_one_scan_also_from_a_stack_of_unknown_kind(axes):
    (scan,) = Reader(DEEP).prepare(Volume(RAMP, axes), "a")
    assert scan.image.shape == (1, 4, 20, 30) and scan.stack == Stack()


def test_frames_of_volumes_are_scans_of_their_own():
    scans = Reader(DEEP).prepare(Volume(np.stack([RAMP] * 3), "TZYX"), "a")
    assert [scan.stack for scan in scans] == [Stack("T", (3,))] * 3
    assert all(scan.image.shape == (1, 4, 20, 30) for scan in scans)


def test_a_flat_picture_is_no_volume():
    with pytest.raises(ImageReadError, match=r"flat\.tif: .*\b20x30\b.*DATASET\.SIZE"):
        Reader(DEEP).prepare(Volume(RAMP[0], "YX"), "flat.tif")


# --- channels


def test_colour_that_is_grey_is_taken_as_grey():
    grey = Volume(np.stack([RAMP[0]] * 3, axis=-1), "YXC")
    (scan,) = Reader(FLAT).prepare(grey, "a")
    assert np.array_equal(scan.image, Reader(FLAT).prepare(Volume(RAMP[0], "YX"), "a")[0].image)


def test_the_channel_is_asked_for_when_the_choice_is_open():
    colour = Volume(np.moveaxis(RAMP[:3], 0, -1), "YXC")
    with pytest.raises(ImageReadError, match=r"rgb\.png.*CHANNEL.*'luminance', '0', '1', '2'"):
        Reader(FLAT).prepare(colour, "rgb.png")
    with pytest.raises(ImageReadError, match="CHANNEL"):
        Reader(FLAT, channel="3").prepare(colour, "rgb.png")
    with pytest.raises(ImageReadError, match=r"two\.tif: .*CHANNEL .*'0', '1'$"):
        Reader(FLAT, channel="luminance").prepare(Volume(colour.data[..., :2], "YXC"), "two.tif")


def test_a_channel_is_picked_by_index_and_luminance_is_weighed():
    data = np.zeros((20, 30, 3), np.uint8)
    data[0, 0], data[1, 1], data[2, 2] = (200, 0, 0), (0, 200, 0), (0, 0, 200)
    (green,) = Reader(FLAT, channel="1").prepare(Volume(data, "YXC"), "a")
    assert np.argwhere(green.image[0] > 0).tolist() == [[1, 1]]
    (grey,) = Reader(FLAT, channel="luminance", scaling=SCALINGS.recipe("dtype")).prepare(
        Volume(data, "YXC"), "a"
    )
    values = (grey.image[0, [0, 1, 2], [0, 1, 2]] + 1) / 2 * 255
    assert values == pytest.approx([42.5, 143.08, 14.42], abs=0.6)


def test_three_channels_share_one_range():
    data = np.moveaxis(RAMP[:3], 0, -1)
    (scan,) = Reader(DataSpec(dims=2, channels=3), channel="all").prepare(Volume(data, "YXC"), "a")
    assert np.allclose(scan.image, RAMP[:3] / 1799 * 2 - 1, atol=1e-6)
    with pytest.raises(ImageReadError) as caught:
        Reader(DataSpec(dims=2, channels=3)).prepare(Volume(RAMP[0], "YX"), "a")
    names(caught.value, "1", "3", "DATASET.CHANNELS")


# --- voxel size


def test_files_are_resampled_to_the_working_voxel_size():
    reader = Reader(DataSpec(dims=3, spacing=(0.5, 0.5, 0.5)))
    (scan,) = reader.prepare(Volume(RAMP, "ZYX", (2.0, 0.5, 0.25)), "a")
    assert scan.image.shape == (1, 16, 20, 15)
    assert scan.spacing == pytest.approx((0.5, 0.5, 0.5)) and scan.shape == (4, 20, 30)
    assert scan.file_spacing == (2.0, 0.5, 0.25)
    assert scan.image.min() >= -1 and scan.image.max() <= 1


def test_a_disc_has_the_size_that_zoom_and_spacing_say():
    area = Reader(DataSpec(dims=2, spacing=(1.0, 1.0)), zoom=(0.5,), spacing=(3.0, 3.0))
    (scan,) = area.prepare(Volume(disc(61, 20), "YX", (9.0, 9.0)), "a")
    assert scan.image.shape == (1, 92, 92) and scan.spacing == pytest.approx((2.0, 2.0))
    assert (scan.image > 0).sum() == pytest.approx(np.pi * 30**2, rel=0.02)


def test_a_file_without_voxel_size_cannot_be_resampled():
    with pytest.raises(ImageReadError, match=r"a\.png.*SPACING"):
        Reader(DataSpec(dims=2, spacing=(1.0, 1.0))).prepare(Volume(RAMP[0], "YX"), "a.png")
    with pytest.raises(ImageReadError, match="SPACING"):  # known in the plane only
        Reader(DataSpec(dims=3, spacing=(1.0,) * 3)).prepare(Volume(RAMP, "TYX", (1.0, 1.0)), "a.tif")


def test_a_wrong_unit_does_not_fill_the_memory():
    with pytest.raises(ImageReadError, match="SPACING"):
        Reader(DataSpec(dims=2, spacing=(1.0, 1.0)), spacing=(1e4, 1e4)).prepare(Volume(RAMP[0], "YX"), "a")


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        ({"channel": "red"}, "CHANNEL"),
        ({"zoom": (1.0, 1.0, 1.0)}, "ZOOM"),
        ({"zoom": (0.0,)}, "ZOOM"),
        ({"spacing": (1.0,)}, "SPACING"),
        ({"spacing": (1.0, -1.0)}, "SPACING"),
    ],
)
def test_settings_out_of_range_are_refused(settings, key):
    with pytest.raises(ValueError, match=key):
        Reader(FLAT, **settings)


# --- values


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (np.full((4, 4), 7, np.uint8), r"\b7\b"),
        (np.array([[0, np.nan]]), "NaN"),
        (np.array([[0, np.inf]]), "infinite"),
    ],
)
def test_pictures_without_contrast_or_with_broken_values_are_refused(data, word):
    with pytest.raises(ImageReadError, match=rf"a\.tif.*{word}"):
        Reader(FLAT).prepare(Volume(data, "YX"), "a.tif", blank=False)


def test_a_scaling_that_does_not_fit_names_the_file():
    with pytest.raises(ImageReadError, match=r"a\.tif.*SCALING"):
        Reader(FLAT, scaling=SCALINGS.recipe("dtype")).prepare(Volume(np.array([[0.0, 9.0]]), "YX"), "a.tif")


def test_a_look_is_on_the_voxels_of_the_file(tmp_path):
    np.save(tmp_path / "a.npy", RAMP)
    looks = Reader(FLAT, zoom=(0.5,)).looks(tmp_path / "a.npy")
    assert np.allclose(np.stack(looks), RAMP / 2399, atol=1e-6)


@pytest.mark.parametrize("settings", [{}, {"gamma": 0.5}, {"asinh": 0.02}])
@pytest.mark.parametrize("dims", [2, 3])
def test_reading_takes_little_more_memory_than_twice_the_result(settings, dims):
    volume = Volume(np.random.default_rng(0).integers(0, 255, (16, 256, 256)).astype(np.uint8), "ZYX")
    reader = Reader(DataSpec(dims=dims), scaling=SCALINGS.recipe("minmax", **settings))
    tracemalloc.start()
    scans = reader.prepare(volume, "a")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2.2 * sum(scan.nbytes for scan in scans)


def test_a_black_and_white_picture_is_read():
    (scan,) = Reader(FLAT).prepare(Volume(disc(9, 3) > 0, "YX"), "a")
    assert set(np.unique(scan.image)) == {-1, 1}


# --- labels


def test_labels_are_resampled_with_the_factors_of_images(tmp_path):
    labels = np.zeros((4, 20, 30), np.uint32)
    labels[1:3, 5:15, 6:12] = 2**31 - 1
    io.write_labels(tmp_path / "a.tif", labels, (2.0, 0.5, 0.25))
    read = Reader(DataSpec(dims=3, spacing=(0.5, 0.5, 0.5))).read_labels(tmp_path / "a.tif")
    (found,) = read.planes
    assert read.spacing == pytest.approx((0.5, 0.5, 0.5)) and read.stack == Stack()
    assert found.shape == (16, 20, 15) and found.dtype == np.int32
    wanted = np.zeros((16, 20, 15), bool)
    wanted[4:12, 5:15, 3:6] = True
    assert np.array_equal(found == 2**31 - 1, wanted)
    flat = Reader(FLAT).read_labels(tmp_path / "a.tif")
    assert len(flat.planes) == 4 and flat.stack == Stack("Z", (4,), (2.0,))


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (np.moveaxis(RAMP[:3], 0, -1).astype(np.uint8), "in colour"),
        (np.array([[0.5, 1.0]]), "fractions"),
        (np.array([[0, np.nan]]), "fractions"),
        (np.array([[-1, 1]]), "-1 to 1"),
        (np.array([[0, 2**31]]), "2147483648"),
    ],
)
def test_what_is_no_label_image_is_refused(tmp_path, data, word):
    np.save(tmp_path / "a.npy", data)
    with pytest.raises(ImageReadError, match=rf"a\.npy.*{word}"):
        Reader(FLAT).read_labels(tmp_path / "a.npy")


def test_whole_numbers_in_floats_are_labels(tmp_path):
    np.save(tmp_path / "a.npy", disc(9, 3) * 5.0)
    assert np.array_equal(Reader(FLAT).read_labels(tmp_path / "a.npy").planes[0], disc(9, 3) * 5)


def test_image_and_label_datasets_are_told_apart(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["image"], file["label"], file["other"] = RAMP, RAMP * 0 + 3, RAMP
    reader = Reader(DEEP)
    assert reader.read(tmp_path / "a.h5")[0].image.shape == (1, 4, 20, 30)
    assert (reader.read_labels(tmp_path / "a.h5").planes[0] == 3).all()
    assert np.array_equal(reader.read_labels(tmp_path / "a.h5", LabelFiles("other")).planes[0], RAMP)


# --- the library


def numbered(file):
    """The scans of a file: one, whose numbers tell which file it is."""
    image = np.full((1, 50, 50), file, np.float32)
    return [Scan(image, (0.5, 0.25), (50, 50), labels=np.full((50, 50), -file, np.int32))]


SIZE = numbered(0)[0].nbytes


def test_the_library_keeps_no_more_than_its_memory_and_reads_no_file_twice():
    loaded = []

    def load(file):
        loaded.append(file)
        return numbered(file)

    tracemalloc.start()
    library, rng = Library(load, 40, cache_gb=3 * SIZE / 1e9), np.random.default_rng(0)
    assert tracemalloc.get_traced_memory()[0] < 10 * SIZE  # of 40: three, and what is there anyway
    tracemalloc.stop()
    assert len(library) == 40
    scans = [library.draw(rng) for _ in range(1000)]
    assert loaded == list(range(40))
    assert {int(scan.image[0, 0, 0]) for scan in scans} == set(range(40))
    for scan in scans:
        assert scan.image.shape == (1, 50, 50) and (scan.image == scan.image[0, 0, 0]).all()
        assert (scan.labels == -scan.image[0]).all() and scan.labels.dtype == np.int32
        assert scan.spacing == (0.5, 0.25)


@pytest.mark.parametrize("fitting", [0, 2, 5, 9])
def test_what_is_drawn_does_not_depend_on_the_memory(fitting):
    whole, library = (Library(numbered, 9, n * SIZE / 1e9) for n in (9, fitting))
    for seed in range(50):
        one, other = (each.draw(np.random.default_rng(seed)) for each in (whole, library))
        assert np.array_equal(one.image, other.image) and np.array_equal(one.labels, other.labels)


def test_a_forked_process_draws_without_reading():
    loaded, fork = [], multiprocessing.get_context("fork")
    library = Library(lambda file: loaded.append(file) or numbered(file), 6, cache_gb=2 * SIZE / 1e9)
    said = fork.SimpleQueue()

    def draw():
        drawn = [library.draw(np.random.default_rng(seed)).image.sum() for seed in range(20)]
        said.put(([float(one) for one in drawn], len(loaded)))

    process = fork.Process(target=draw)
    process.start()
    there = said.get()
    process.join()
    draw()
    assert there == said.get() and there[1] == 6


def test_a_library_travels_without_its_scans():
    library = Library(numbered, 6, cache_gb=1)
    sent = pickle.dumps(library)
    assert len(sent) < 1000
    copy = pickle.loads(sent)
    for seed in range(9):
        one, other = (each.draw(np.random.default_rng(seed)).image for each in (library, copy))
        assert np.array_equal(one, other)


def test_a_full_disk_is_told_with_the_ways_out(monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **_: open("/dev/full", "r+b", buffering=0))
    with pytest.raises(UserError) as caught:
        Library(numbered, 6, cache_gb=2 * SIZE / 1e9)
    for word in ("No space left", "CACHE_GB (4e-05)", "TMPDIR", tempfile.gettempdir()):
        assert word in str(caught.value)


def test_the_file_of_the_library_leaves_nothing_behind(monkeypatch, tmp_path, caplog):
    caplog.set_level("INFO")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    library = Library(numbered, 6, cache_gb=0)
    names(caplog.text, "CACHE_GB", tmp_path)
    assert library.draw(np.random.default_rng(0)).image.shape == (1, 50, 50)
    assert not list(tmp_path.iterdir())  # it has no name, so a kill leaves nothing either


def test_a_16_bit_picture_far_from_zero_keeps_its_grey_levels(real_data, tmp_path):
    path = io.find(real_data / "hela_n2dl" / "train" / "images")[0]
    raw = io.read(path).data.astype(np.float64)
    (scan,) = Reader(FLAT).read(path)
    exact = (raw - raw.min()) / (raw.max() - raw.min()) * 2 - 1
    assert np.abs(scan.image[0] - exact).max() < 1e-6
    tifffile.imwrite(tmp_path / "a.tif", io.read(path).data)
    assert np.array_equal(Reader(FLAT).read(tmp_path / "a.tif")[0].image, scan.image)
