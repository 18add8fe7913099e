"""Writing of a pyramid by tasks: the same files however the volume is cut and whoever does it how often."""

from types import SimpleNamespace

import numpy as np
import pytest

from nucleizoo.blockwise.step import run_steps
from nucleizoo.blockwise.write import ome_zarr
from nucleizoo.blockwise.write.ome_zarr import level_steps, write_ome_zarr
from nucleizoo.blockwise.write.result import Result

zarr = pytest.importorskip("zarr")

SPACING = (2.0, 0.5, 0.5)
VOLUMES = [(5, 600, 300), (70, 100, 300), (600, 1100)]


def labels_of(shape, count=9):
    """Random ones, with a part that is empty."""
    labels = np.random.default_rng(0).integers(0, count + 1, shape).astype(np.int32)
    labels[..., :200] = 0
    return labels


def result_of(labels, scratch, step):
    scratch.mkdir(parents=True, exist_ok=True)
    known = SimpleNamespace(read=lambda box: labels[box], count=int(labels.max()))
    spacing = SPACING[-labels.ndim :]
    return Result(lambda: known, labels.shape, spacing, step[-labels.ndim :], lambda: [], scratch)


def files_of(folder):
    return {str(f.relative_to(folder)): f.read_bytes() for f in folder.rglob("*") if f.is_file()}


def written(labels, folder, step):
    """The result of one process, and how many tasks it did."""
    result = result_of(labels, folder / "scratch", step)
    done = list(run_steps(level_steps(result)))
    write_ome_zarr(folder / "a.ome.zarr", result)
    return folder / "a.ome.zarr", len(done)


@pytest.mark.parametrize("shape", VOLUMES)
def test_a_pyramid_is_halved_towards_cubes_however_it_is_cut(tmp_path, shape):
    labels, counts, found = labels_of(shape), [], []
    for step in ((1, 7, 7), (40, 512, 1030), (999, 9999, 9999)):
        path, count = written(labels, tmp_path / str(step), step)
        counts.append(count)
        found.append(files_of(path))
    assert found[0] == found[1] == found[2]
    group = zarr.open_group(path, mode="r")
    datasets = group.attrs["ome"]["multiscales"][0]["datasets"]
    assert (
        counts[0] > counts[1] > counts[2] == len(datasets) == len(level_steps(result_of(labels, path, shape)))
    )
    for level, dataset in enumerate(datasets):
        factor = [2**level if edge < 1 else 2 ** max(level - 2, 0) for edge in SPACING[-labels.ndim :]]
        scale = dataset["coordinateTransformations"][0]["scale"]
        assert scale == [f * edge for f, edge in zip(factor, SPACING[-labels.ndim :], strict=True)]
        array = group[dataset["path"]]
        np.testing.assert_array_equal(array[...], labels[tuple(slice(None, None, f) for f in factor)])
        assert array.nchunks_initialized == array.nchunks  # also those of zeros: none is missing
        assert max(array.shape) <= 256 or level + 1 < len(datasets)


def test_many_nuclei_take_four_bytes(tmp_path):
    for count, dtype in ((2**16 - 1, np.uint16), (2**16, np.uint32)):
        labels = np.array([[0, count]], np.int32)
        array = zarr.open_array(written(labels, tmp_path / str(count), (9, 9))[0] / "0", mode="r")
        assert array.dtype == dtype and array[0, 1] == count


def test_units_may_be_done_in_any_order_and_twice(tmp_path):
    labels = labels_of((40, 200, 300))
    wanted, _ = written(labels, tmp_path / "a", (32, 128, 128))
    result = result_of(labels, tmp_path / "b" / "scratch", (32, 128, 128))
    rng = np.random.default_rng(1)
    for step in level_steps(result).values():
        assert sorted(step.missing()) == list(range(len(step)))
        for index in rng.permutation(np.repeat(np.arange(len(step)), 2)):
            step.do(int(index))
        assert not list(step.missing())
    write_ome_zarr(tmp_path / "b" / "a.ome.zarr", result)
    assert files_of(tmp_path / "b" / "a.ome.zarr") == files_of(wanted)


def test_a_unit_that_stops_in_the_middle_is_done_again_and_leaves_nothing_else(tmp_path, monkeypatch):
    labels = labels_of((40, 200, 300))
    wanted, count = written(labels, tmp_path / "a", (64, 256, 256))
    result = result_of(labels, tmp_path / "b" / "scratch", (64, 256, 256))
    replace, moved, told = ome_zarr.os.replace, [], []

    def stops(*paths):
        moved.append(paths)
        if len(moved) in (1, 20, 30):
            raise OSError(28, "No space left on device")
        replace(*paths)

    with monkeypatch.context() as patch:
        patch.setattr(ome_zarr.os, "replace", stops)
        for _ in range(3):
            with pytest.raises(OSError, match="No space left"):
                told.extend(run_steps(level_steps(result)))
    told += run_steps(level_steps(result))
    assert len(told) == len(set(told)) <= count
    write_ome_zarr(tmp_path / "b" / "a.ome.zarr", result)
    assert files_of(tmp_path / "b" / "a.ome.zarr") == files_of(wanted)


def test_what_is_in_its_place_already_is_written_again_when_it_is_asked_for(tmp_path):
    labels = labels_of((4, 30, 513))
    path, count = written(labels, tmp_path, (4, 30, 128))
    wanted = files_of(path)
    assert written(labels, tmp_path, (4, 30, 128)) == (path, count)  # the marks of the first are there
    assert files_of(path) == wanted


def test_the_metadata_are_valid_ome_zarr(tmp_path):
    models = pytest.importorskip("ome_zarr_models.v05.image")
    for shape in ((5, 700, 300), (40, 30)):
        folder = tmp_path / str(len(shape))  # a second result in one place would move the first to scratch
        path, _ = written(np.zeros(shape, np.int32), folder, (9, 64, 64))
        models.Image.from_zarr(zarr.open_group(path, mode="r"))
        for left in (folder / "scratch").iterdir():
            assert left.name.startswith("level-")
