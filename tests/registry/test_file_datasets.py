import pickle

import h5py
import numpy as np
import pytest
import tifffile
from PIL import Image

from nucleizoo import io
from nucleizoo.contracts import DataSpec
from nucleizoo.core.errors import ImageReadError
from nucleizoo.kinds import DATASETS


def spec(root, dims=2, **settings):
    return DataSpec(dims=dims, root=root, **settings)


def folder(root, dims=2, **settings):
    return DATASETS.recipe("images", **settings)(spec(root, dims))


def pairs(root, dims=2, **settings):
    return DATASETS.recipe("labelled", **settings)(spec(root, dims))


def grid(shape, start=0):
    """Values that tell their place."""
    return (np.arange(np.prod(shape)) + start).reshape(shape).astype(np.uint16)


@pytest.fixture
def images(tmp_path):
    for i in range(3):
        tifffile.imwrite(tmp_path / f"t{i}.tif", grid((40, 30)))
    return tmp_path


@pytest.fixture
def labelled(tmp_path):
    for name in ("images", "labels"):
        (tmp_path / name).mkdir()
    for i in range(3):
        image = grid((40, 30))
        tifffile.imwrite(tmp_path / "images" / f"{i}.tif", image)
        tifffile.imwrite(tmp_path / "labels" / f"{i}.tif", image + 1)
    return tmp_path


# --- images alone


def test_crops_are_windows_of_the_images(images):
    dataset, rng = folder(images), np.random.default_rng(0)
    assert dataset.gives == {"image"}
    whole = grid((40, 30)) / 1199 * 2 - 1
    corners = set()
    for _ in range(400):
        sample = dataset.sample(rng, (36, 24))
        assert sample.image.shape == (1, 36, 24) and sample.image.dtype == np.float32
        assert sample.labels is None and sample.clean is None and sample.spacing == ()
        y, x = divmod(round((sample.image[0, 0, 0] + 1) / 2 * 1199), 30)
        assert np.allclose(sample.image[0], whole[y : y + 36, x : x + 24], atol=1e-6)
        corners.add((y, x))
    assert corners == {(y, x) for y in range(5) for x in range(7)}


def test_the_same_random_numbers_give_the_same_crop(images):
    dataset = folder(images)
    first, second = (dataset.sample(np.random.default_rng(5), (8, 8)).image for _ in range(2))
    assert np.array_equal(first, second)


@pytest.mark.parametrize("size", [(64, 64), (500, 20), (1, 1)])
def test_crops_of_any_size_come_from_images_of_any_size(tmp_path, size):
    tifffile.imwrite(tmp_path / "a.tif", grid((1, 5)))
    sample = folder(tmp_path).sample(np.random.default_rng(0), size)
    assert sample.image.shape == (1, *size)
    values = np.linspace(-1, 1, 5, dtype=np.float32)
    assert np.isin(sample.image, values).all()
    assert (sample.image == sample.image[:, :1]).all()  # the one row, mirrored


def test_every_plane_of_a_stack_and_every_image_is_drawn_as_often(tmp_path):
    for name, shape in (("stack", (3, 8, 8)), ("single", (8, 8))):
        tifffile.imwrite(tmp_path / f"{name}.tif", grid(shape), photometric="minisblack")
    dataset, rng = folder(tmp_path), np.random.default_rng(0)
    counts: dict[bytes, int] = {}
    for _ in range(2000):
        key = dataset.sample(rng, (8, 8)).image.tobytes()
        counts[key] = counts.get(key, 0) + 1
    assert len(counts) == 4
    assert all(abs(count - 500) < 80 for count in counts.values())  # 4 standard deviations


def test_a_small_cache_changes_nothing_but_time(images):
    full, none = folder(images), folder(images, cache_gb=0.0)
    for seed in range(10):
        a, b = (dataset.sample(np.random.default_rng(seed), (20, 20)).image for dataset in (full, none))
        assert np.array_equal(a, b)


def test_paths_are_a_folder_a_file_or_a_pattern(images):
    assert len(folder(images, path="t?.tif").files) == 3
    assert len(folder(images, path="t1.tif").files) == 1
    assert len(folder(images.parent, path=images.name).files) == 3
    assert len(folder(images.parent, path=str(images)).files) == 3
    with pytest.raises(ImageReadError, match="missing"):
        folder(images, path="missing")


def test_a_damaged_file_stops_at_the_start_also_beyond_the_cache(images):
    (images / "t9.png").write_text("no picture")
    with pytest.raises(ImageReadError, match=r"t9\.png"):
        folder(images, cache_gb=0.0)


def test_a_crop_does_not_touch_the_cache(images):
    dataset = folder(images, path="t0.tif")
    before = dataset.sample(np.random.default_rng(0), (40, 30)).image
    dataset.sample(np.random.default_rng(0), (40, 30)).image[:] = 9
    assert np.array_equal(dataset.sample(np.random.default_rng(0), (40, 30)).image, before)


def test_settings_of_the_reader_are_settings_of_the_datasets(images):
    for name in ("images", "labelled"):
        assert {"channel", "dataset", "zoom", "spacing", "scaling", "cache_gb"} <= set(DATASETS.schema(name))
    sample = folder(images, zoom=(2.0,), spacing=(0.5, 0.25)).sample(np.random.default_rng(0), (80, 60))
    assert sample.spacing == (0.25, 0.125)
    with pytest.raises(ValueError, match="CACHE_GB"):
        folder(images, cache_gb=-1.0)


def test_a_dataset_can_be_sent_to_a_worker(images):
    dataset = folder(images)
    other = pickle.loads(pickle.dumps(dataset))
    a, b = (one.sample(np.random.default_rng(3), (20, 20)).image for one in (dataset, other))
    assert np.array_equal(a, b)


def test_crops_are_cut_from_memory_without_opening_the_file_again(tmp_path, monkeypatch):
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (700, 1100)).astype(np.uint8)).save(
        tmp_path / "a.png"
    )
    dataset, rng = folder(tmp_path), np.random.default_rng(0)
    monkeypatch.setattr(io, "read", None)
    assert dataset.sample(rng, (256, 256)).image.shape == (1, 256, 256)


# --- images with labels


def same_place(sample):
    """Labels are the grid plus one, so a picture tells its labels."""
    return np.array_equal(np.rint((sample.image[0] + 1) / 2 * 1199).astype(int) + 1, sample.labels)


def test_labels_lie_where_the_picture_lies(labelled):
    dataset, rng = pairs(labelled, images="images", labels="labels"), np.random.default_rng(0)
    assert dataset.gives == {"image", "labels"}
    for _ in range(20):
        sample = dataset.sample(rng, (16, 24))
        assert sample.labels.shape == (16, 24) and sample.labels.dtype == np.int32
        assert same_place(sample)


def test_crops_with_few_labelled_voxels_are_drawn_again_as_often_as_said(tmp_path):
    labels = np.zeros((40, 400), np.uint16)
    labels[:, :200] = 1
    tifffile.imwrite(tmp_path / "image.tif", grid((40, 400)))
    (tmp_path / "labels").mkdir()
    tifffile.imwrite(tmp_path / "labels" / "image.tif", labels)

    def empty(**settings):
        """Share of crops without a label, with the standard deviation of 1000 draws."""
        dataset = pairs(tmp_path, images="image.tif", labels="labels", **settings)
        rng = np.random.default_rng(0)
        return np.mean([not dataset.sample(rng, (8, 8)).labels.any() for _ in range(1000)])

    every = 193 / 393  # windows that begin at 200 or later
    assert abs(empty() - every) < 0.05
    kept = every * 0.1  # of those empty, one in ten is kept
    assert abs(empty(min_labelled=1) - kept / (kept + 1 - every)) < 0.03
    with pytest.raises(ValueError, match="REDRAW"):
        pairs(tmp_path, images="image.tif", labels="labels", redraw=1.0)


def test_labels_go_into_the_mirror_with_the_picture(tmp_path):
    image, label = np.zeros((9, 9), np.uint8), np.zeros((9, 9), np.uint8)
    image[3:6, 3:6], label[3:6, 3:6] = 200, 7
    image[0, 0] = label[0, 0] = 1  # at the corner: one piece with its mirror images
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["image"], file["label"] = image, label
    sample = pairs(tmp_path, images="a.h5").sample(np.random.default_rng(0), (27, 27))
    assert ((sample.image[0] > -1) == (sample.labels > 0)).all()
    sizes = np.bincount(sample.labels.ravel())[1:]
    assert (sizes == 9).sum() >= 4 and set(sizes) <= {1, 2, 3, 4, 6, 9}


def test_one_hdf5_file_holds_both(tmp_path):
    for i in range(2):
        with h5py.File(tmp_path / f"vol_{i}.h5", "w") as file:
            file["image"], file["label"] = grid((10, 12, 10)), grid((10, 12, 10)) + 1
            file["image"].attrs["voxel_size_um_zyx"] = [2.0, 0.5, 0.5]
    sample = pairs(tmp_path, 3, images="vol_*.h5").sample(np.random.default_rng(0), (4, 8, 8))
    assert same_place(sample) and sample.spacing == (2.0, 0.5, 0.5)


def test_partners_share_a_name_or_if_asked_a_place(labelled):
    for i in range(3):  # other suffix, same stem
        Image.fromarray(grid((40, 30), 1)).save(labelled / "labels" / f"{i}.png")
        (labelled / "labels" / f"{i}.tif").unlink()
    assert same_place(
        pairs(labelled, images="images", labels="labels").sample(np.random.default_rng(0), (9, 9))
    )
    for i, name in enumerate(("m8", "m9", "m10")):
        (labelled / "labels" / f"{i}.png").rename(labelled / "labels" / f"{name}.png")
    with pytest.raises(ImageReadError, match=r"0\.tif: .*m8\.png.*PAIR_BY"):
        pairs(labelled, images="images", labels="labels")
    found = pairs(labelled, images="images", labels="labels", pair_by="order").pairs
    assert [(a.stem, b.stem) for a, b in found] == [("0", "m8"), ("1", "m9"), ("2", "m10")]


def test_files_without_a_partner_are_an_error(labelled):
    (labelled / "labels" / "1.tif").rename(labelled / "labels" / "x.tif")
    with pytest.raises(ImageReadError, match=r"1\.tif.*labels"):
        pairs(labelled, images="images", labels="labels")
    with pytest.raises(ImageReadError, match="LABELS"):
        pairs(labelled, images="images")


def test_shapes_that_differ_name_both_files(labelled):
    tifffile.imwrite(labelled / "labels" / "2.tif", grid((30, 40)))
    with pytest.raises(ImageReadError, match=r"labels.2\.tif.*30x40.*images.2\.tif.*40x30"):
        pairs(labelled, images="images", labels="labels")


def test_labels_follow_the_image_through_resampling(tmp_path):
    (tmp_path / "images").mkdir(), (tmp_path / "labels").mkdir()
    y, x = np.indices((60, 60)) - 29.5
    disc = (y**2 + x**2 < 400).astype(np.uint16)
    ome = {"axes": "YX", "PhysicalSizeY": 0.5, "PhysicalSizeX": 0.5}
    tifffile.imwrite(tmp_path / "images" / "a.ome.tif", disc * 900, ome=True, metadata=ome)
    tifffile.imwrite(tmp_path / "labels" / "a.ome.tif", disc * 60000, metadata=None)  # without a voxel size
    part = DATASETS.recipe("labelled", images="images", labels="labels", zoom=(1.3,))
    dataset = part(spec(tmp_path, spacing=(0.4, 0.4)))
    sample = dataset.sample(np.random.default_rng(0), (98, 98))  # 60 * 0.5 / 0.4 * 1.3 = 97.5
    assert np.mean((sample.image[0] > 0) == (sample.labels > 0)) > 0.985


def test_real_pairs_load(real_data):
    dataset = pairs(real_data / "intestine_confocal" / "train", images="images", labels="labels")
    sample = dataset.sample(np.random.default_rng(0), (256, 256))
    assert len(dataset.library) == 8 and len(np.unique(sample.labels)) > 50
    volume = pairs(real_data, 3, images="mouse_embryo_3d")
    assert volume.sample(np.random.default_rng(0), (32, 64, 64)).spacing == (1.75, 0.8, 0.8)


def test_the_only_dataset_of_a_file_is_not_its_own_labels(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["image"] = grid((9, 9)).astype(np.uint8)
    with pytest.raises(ImageReadError, match=r"a\.h5: .*'label'.* image\b.*LABEL_DATASET"):
        pairs(tmp_path, images="a.h5")


# --- nuclei of one size


def write_nuclei(root, name, radii, shape, edges=(1.0, 1.0, 1.0)):
    """A file of discs or balls with such radii, in units of the last axis, and edges of its voxels."""
    axes = [np.arange(n) * edge for n, edge in zip(shape, edges[-len(shape) :], strict=True)]
    labels, at = np.zeros(shape, np.uint16), np.array([axis[-1] / 2 for axis in axes])
    at[-1] = 0.0
    for number, radius in enumerate(radii, 1):
        at[-1] += radius + 2
        labels[sum((a - c) ** 2 for a, c in zip(np.ix_(*axes), at, strict=True)) <= radius**2] = number
        at[-1] += radius + 2
    for folder, data in (("images", (labels > 0) * np.uint8(200)), ("labels", labels)):
        (root / folder).mkdir(exist_ok=True)
        more = {"axes": "ZYX", "spacing": edges[0] * 0.5, "unit": "um"} if len(shape) == 3 else {"axes": "YX"}
        resolution = (2.0, 2.0)  # half a micrometre
        tifffile.imwrite(
            root / folder / f"{name}.tif", data, imagej=True, metadata=more, resolution=resolution
        )


def diameters(labels):
    sizes = np.bincount(labels.ravel())[1:]
    return 2 * np.sqrt(sizes / np.pi) if labels.ndim == 2 else np.cbrt(6 * sizes / np.pi)


def test_the_median_nucleus_of_every_file_is_magnified_to_a_diameter(tmp_path):
    write_nuclei(tmp_path, "large", (6, 20, 16, 15, 40), (90, 220))
    write_nuclei(tmp_path, "small", (4, 5, 4), (20, 60))
    large, small = pairs(tmp_path, images="images", labels="labels", diameter=16.0).library._scans
    for scan, old, radius in ((large, (90, 220), 16), (small, (20, 60), 4)):
        assert np.median(diameters(scan.labels)) == pytest.approx(16, rel=0.05)
        assert scan.extent == tuple(pytest.approx(n * 8 / radius, rel=0.03) for n in old)
        assert np.corrcoef(scan.image[0].ravel(), scan.labels.ravel() > 0)[0, 1] > 0.9


def test_voxels_of_a_known_size_become_cubes_first(tmp_path):
    write_nuclei(tmp_path, "flat", (8, 8, 8), (9, 22, 70), edges=(2.0, 1.0, 1.0))
    (scan,) = pairs(tmp_path, 3, images="images", labels="labels", diameter=12.0).library._scans
    assert scan.magnification == pytest.approx((1.5, 0.75, 0.75), rel=0.03)
    assert np.median(diameters(scan.labels)) == pytest.approx(12, rel=0.05)
    (cubes,) = pairs(
        tmp_path, 3, images="images", labels="labels", diameter=12.0, spacing=(1.0, 1.0, 1.0)
    ).library._scans
    assert len(set(cubes.magnification)) == 1  # the key says so


@pytest.mark.parametrize(("dims", "shape"), [(3, (9, 22, 70)), (2, (9, 22, 70)), (2, (22, 70))])
def test_files_too_large_for_memory_are_magnified_alike(tmp_path, dims, shape):
    write_nuclei(tmp_path, "flat", (8, 5, 7), shape, edges=(2.0, 1.0, 1.0))
    words = {"images": "images", "labels": "labels", "diameter": 12.0}
    whole, filed = (pairs(tmp_path, dims, cache_gb=gb, **words) for gb in (1.0, 0.0))
    assert [s.extent for s in whole.library._scans] == [s.extent for s in filed.library._scans]
    for seed in range(3):
        one, other = (d.sample(np.random.default_rng(seed), (8, 16, 16)[-dims:]) for d in (whole, filed))
        assert np.array_equal(one.labels, other.labels) and one.spacing == other.spacing
        np.testing.assert_allclose(one.image, other.image, atol=1e-6)


def test_a_file_without_nuclei_keeps_its_size(tmp_path):
    write_nuclei(tmp_path, "none", (), (30, 40))
    image = np.zeros((30, 40), np.uint8)
    image[3] = 9
    tifffile.imwrite(tmp_path / "images" / "none.tif", image)
    (scan,) = pairs(tmp_path, images="images", labels="labels", diameter=12.0).library._scans
    assert scan.extent == (30, 40) and not scan.labels.any()


def test_a_diameter_beside_another_size_is_refused(tmp_path, labelled):
    words = {"images": "images", "labels": "labels", "diameter": 12.0}
    with pytest.raises(ValueError, match="DIAMETER and ZOOM"):
        pairs(labelled, **words, zoom=(2.0,))
    with pytest.raises(ValueError, match=r"DIAMETER and DATASET\.SPACING"):
        DATASETS.recipe("labelled", **words)(spec(labelled, spacing=(1.0, 1.0)))
    with pytest.raises(ValueError, match="DIAMETER must be 0 or more"):
        pairs(labelled, **words | {"diameter": -1.0})
