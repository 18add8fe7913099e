"""One volume from file to labels by blocks: as in memory, and resumed after any interruption."""

import contextlib
import csv
import itertools
import json
import logging
import os
import re
import shutil
import sys
import threading
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import h5py
import numpy as np
import pytest
import tifffile
import torch
from support.forked import SERVER
from support.naming import names
from support.toy_methods import Duo, Plain
from support.toy_picture import toy_picture

from nucleizoo import io
from nucleizoo.api import load_config
from nucleizoo.blockwise import FORMATS, Options, RunSpec, predict_volume
from nucleizoo.blockwise import job as jobs
from nucleizoo.blockwise.decode import table
from nucleizoo.blockwise.maps import intensities
from nucleizoo.blockwise.maps.network import NetworkMaps
from nucleizoo.blockwise.maps.volume import VolumeInput
from nucleizoo.blockwise.plan import plan
from nucleizoo.blockwise.write import ome_zarr
from nucleizoo.blockwise.write import result as write_result
from nucleizoo.blockwise.write.formats import write_hdf5
from nucleizoo.contracts import Task
from nucleizoo.core.errors import ImageReadError, UserError
from nucleizoo.inference import nuclei_table
from nucleizoo.inference.segmenter import Segmenter
from nucleizoo.ops import memory
from nucleizoo.ops.image.resize import linear
from nucleizoo.ops.nn.adain import instance_norm
from nucleizoo.ops.nn.norm_statistics import Moments, Statistics
from nucleizoo.preprocess import limits_of

TOY = Path(__file__).parents[2] / "configs" / "toy"
SPACING = (2.0, 0.5, 0.5)
REMEMBERED = Statistics([Moments(1.0, torch.tensor([-0.4]).double(), torch.tensor([0.2]).double())])


class Bright(Duo):
    def forward(self, image):
        return (image + 1) / 2


def segmenter(*pairs, dims=3, method=Bright):
    task = Task(channels=1, source_channels=1, dims=dims, target=Plain())
    window = "[8, 16, 16]" if dims == 3 else "[16, 24]"
    config = load_config(TOY / f"adgan_{dims}d.yaml", ["INFERENCE.WINDOW", window, *pairs])
    return Segmenter(method(task), config, torch.float32, REMEMBERED)


class Normed(Bright):
    """The mask is what is brighter than the mean."""

    def forward(self, image):
        return torch.sigmoid(instance_norm(image))


def in_memory(made, path):
    (scan,) = made.read(path)
    return made.segment(scan).labels


@pytest.fixture
def small(monkeypatch):
    """Blocks of few voxels, so that small volumes have many."""
    monkeypatch.setattr(plan, "MAX_BLOCK", {2: (20, 16), 3: (7, 16, 24)})
    monkeypatch.setattr(plan, "MARGIN", 3)
    monkeypatch.setattr(plan, "MAX_WINDOWS", 1)
    monkeypatch.setattr(write_result, "CHUNK", {2: (16, 16), 3: (8, 16, 16)})
    monkeypatch.setattr(ome_zarr, "SMALLEST", 20)


@pytest.fixture
def volume(tmp_path):
    picture = toy_picture(0, (12, 40, 48), np.uint16)[1]
    with h5py.File(tmp_path / "brain.h5", "w") as file:
        file.create_dataset("image", data=picture, chunks=(4, 16, 16), fletcher32=True)
        file["image"].attrs["voxel_size_um_zyx"] = SPACING
    return tmp_path / "brain.h5"


def stored(path):
    if path.suffix == ".zarr":
        opened = io.open_lazily(path)
        return opened.read(tuple(slice(0, n) for n in opened.shape))[0], opened.spacing
    read = io.read(path, usual="label")
    return read.data, read.spacing


@pytest.mark.parametrize("kind", FORMATS)
def test_labels_of_every_format_are_those_of_decoding_in_memory(tmp_path, small, volume, kind):
    if kind == "ome-zarr":
        pytest.importorskip("zarr")
    made = segmenter("INFERENCE.DECODER.SPLIT", "3.0")
    done = predict_volume(made, volume, tmp_path, Options(kind))
    labels, spacing = stored(done.result)
    np.testing.assert_array_equal(labels, in_memory(made, volume))
    assert done.count == labels.max() > 3 and labels.dtype == np.uint16
    assert spacing == pytest.approx(SPACING)
    assert sorted(f.name for f in tmp_path.iterdir()) == sorted({"brain.h5", done.result.name})


def limits_after(made, path, folder, stop):
    """The limits that a job finds which is resumed after so many tasks, and how many tasks there were."""
    told = []
    while True:
        job = jobs.Job(made, path, folder, Options("h5", resume=True))
        work = job.run()
        some = list(itertools.islice(work, stop))
        work.close()
        passed = [(name, index) for name, index in some if name in ("extremes", "intensities")]
        told += passed
        if len(passed) < len(some):
            assert len(told) == len(set(told))
            return job, [name for name, _ in told]


@pytest.mark.parametrize("scaling", ["minmax", "percentile", "dtype"])
@pytest.mark.parametrize("over", ["volume", "image"])
@pytest.mark.parametrize(("kind", "stop"), [("u2", 1), ("i2", 4), ("f4", 1), ("f4", 4)])
def test_intensities_are_scaled_as_in_memory(tmp_path, small, volume, monkeypatch, scaling, over, kind, stop):
    monkeypatch.setattr(intensities, "TASK_BYTES", 1)
    with h5py.File(volume, "r+") as file:
        data = file["image"][...].astype(kind) / (65535 if kind == "f4" else 1)
        data[5] = 0  # a plane without contrast
        del file["image"]
        file.create_dataset("image", data=data.astype(kind), chunks=(4, 16, 16))
    made = segmenter(
        "DATASET.IMAGE.SCALING.NAME", scaling, "DATASET.IMAGE.SCALING.OVER", over,
        "DATASET.IMAGE.SCALING.ASINH", "0.1", "DATASET.IMAGE.SCALING.INVERT", "true",
    )  # fmt: skip
    job, told = limits_after(made, volume, tmp_path, stop)
    box = (slice(3, 9), slice(10, 30), slice(0, 48))
    (scan,) = made.read(volume)
    np.testing.assert_allclose(job.pipeline.image(box), scan.image[(slice(None), *box)], atol=2e-6)
    at_once = limits_of(job.input.values, made.reader.scaling)
    for one, other in zip(job.pipeline.intensities.limits(), at_once, strict=True):
        np.testing.assert_array_equal(one, other)
        assert one.dtype == other.dtype and one.shape == other.shape
    boxes = 3 if over == "image" else 3 * 3 * 3
    nothing = scaling == "dtype" and over == "volume" and kind != "f4"
    extremes = boxes if over == "volume" and kind == "f4" else 0
    assert told == ["extremes"] * extremes + ["intensities"] * (0 if nothing else boxes)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_intensities_that_cannot_be_scaled_are_told_also_when_gone_on_with(
    tmp_path, volume, monkeypatch, value
):
    monkeypatch.setattr(intensities, "TASK_BYTES", 1)
    data = np.full((12, 40, 48), 7, np.float32)
    data[6, 20, 20] = value
    with h5py.File(volume, "w") as file:
        file.create_dataset("image", data=data, chunks=(4, 16, 16))
    match = r"brain\.h5.* NaN .*z 6, y 20, x 20"
    for _ in range(2):
        with pytest.raises(ImageReadError, match=match):
            predict_volume(segmenter(), volume, tmp_path, Options("h5", resume=True))


def test_damage_that_a_pass_meets_is_noted_whoever_goes_on(tmp_path, small, volume, monkeypatch):
    monkeypatch.setattr(intensities, "TASK_BYTES", 1)
    with h5py.File(volume) as file:
        place = file["image"].id.get_chunk_info_by_coord((0, 0, 0))
    whole = volume.read_bytes()
    volume.write_bytes(whole[: place.byte_offset] + bytes(64) + whole[place.byte_offset + 64 :])
    options = Options("h5", resume=True, skip_damaged=True)
    job = jobs.Job(segmenter(), volume, tmp_path, options)
    work = job.run()
    next(work)
    work.close()
    skipped = []
    monkeypatch.setattr(NetworkMaps, "skipped", lambda _: [])  # it would meet the chunk again
    job = jobs.Job(segmenter(), volume, tmp_path, options)
    for name, _ in job.run():
        if name == "components":
            skipped = job.pipeline.skipped()
    assert skipped == ["chunk 0.0.0 (zyx 0:4, 0:16, 0:16)"]


@pytest.mark.parametrize("zoom", [[0.6], [1.0, 0.5, 0.5], [1.4, 0.7, 1.0], [1.7]])
def test_a_volume_on_other_voxels_is_resampled_as_in_memory(tmp_path, small, volume, zoom):
    made = segmenter("DATASET.IMAGE.ZOOM", str(zoom))
    done = predict_volume(made, volume, tmp_path, Options("h5"))
    labels, spacing = stored(done.result)
    np.testing.assert_array_equal(labels, in_memory(made, volume))
    assert labels.shape == (12, 40, 48) and labels.max() > 3 and spacing == SPACING


def test_float_and_flat_pictures_are_predicted_too(tmp_path, small):
    picture = toy_picture(1, (64, 50), np.uint8)[1].astype(np.float32) * 0.37 - 11
    tifffile.imwrite(tmp_path / "a.tif", picture)
    for name in ("minmax", "percentile"):
        made = segmenter("DATASET.IMAGE.SCALING.NAME", name, dims=2)
        labels, _ = stored(predict_volume(made, tmp_path / "a.tif", tmp_path, Options("h5")).result)
        np.testing.assert_array_equal(labels, in_memory(made, tmp_path / "a.tif"))


@pytest.mark.parametrize("kind", ["h5", "npy"])
def test_a_volume_of_one_plane_is_predicted_as_in_memory(tmp_path, small, kind):
    path, picture = tmp_path / f"a.{kind}", toy_picture(0, (4, 40, 48), np.uint16)[1][:1]
    if kind == "h5":
        with h5py.File(path, "w") as file:
            file.create_dataset("image", data=picture)
    else:
        np.save(path, picture)
    made = segmenter()
    labels, _ = stored(predict_volume(made, path, tmp_path, Options("h5")).result)
    wanted = in_memory(made, path)
    assert labels.shape == (1, 40, 48) and labels.max() > 0
    np.testing.assert_array_equal(labels, wanted)


def rows_of(file):
    with file.open(newline="") as opened:
        return [{key: float(value) for key, value in row.items()} for row in csv.DictReader(opened)]


@pytest.mark.parametrize("zoom", ["[]", "[1, 0.5, 0.5]"])
@pytest.mark.parametrize("at_once", [2, 1000])
def test_the_table_is_that_of_decoding_in_memory(tmp_path, small, volume, monkeypatch, zoom, at_once):
    monkeypatch.setattr(jobs.Pipeline, "free_memory", 6 * table.BYTES * at_once)
    monkeypatch.setattr(table, "LEAST", 1)
    made = segmenter("DATASET.IMAGE.ZOOM", zoom)
    monkeypatch.setattr(Plain, "likelihood", lambda _, maps: 1 - 0.5 * maps[0])  # of the target's own
    predict_volume(made, volume, tmp_path, Options("h5"), table=True)
    (scan,) = made.read(volume)
    maps = made.rounded(made.maps(scan.image))
    likely = linear(made.target.likelihood(maps), scan.shape, blur=False)
    wanted = list(nuclei_table.rows(in_memory(made, volume), likely, scan.file_spacing))
    found = rows_of(tmp_path / "brain_nuclei.csv")
    assert len(found) == len(wanted) > 3 and "um3" in found[0]
    for one, other in zip(found, wanted, strict=True):
        sure, also = one.pop("confidence"), other.pop("confidence")
        assert one == other and sure == pytest.approx(also, abs=1.1e-4)  # it has four digits


def test_a_volume_without_nuclei_has_a_table_with_a_head(tmp_path, volume):
    made = segmenter("INFERENCE.DECODER.MIN_SIZE", "100000")
    assert predict_volume(made, volume, tmp_path, Options("h5"), table=True).count == 0
    assert (tmp_path / "brain_nuclei.csv").read_text().split() == [
        "picture,label,voxels,um3,z,y,x,confidence"
    ]


def test_a_complete_result_without_the_table_that_is_asked_for_is_told(tmp_path, small, volume):
    predict_volume(segmenter(), volume, tmp_path, Options("h5"))
    with pytest.raises(UserError, match=r"brain_label\.h5.* table .*without --resume"):
        predict_volume(segmenter(), volume, tmp_path, Options("h5", resume=True), table=True)
    predict_volume(segmenter(), volume, tmp_path, Options("h5"), table=True)
    count = len(rows_of(tmp_path / "brain_nuclei.csv"))
    other = segmenter("INFERENCE.DECODER.MIN_SIZE", "100000")
    predict_volume(other, volume, tmp_path, Options("h5"))
    with pytest.raises(
        UserError, match=r"brain_label\.h5.* table .*without --resume"
    ):  # the one that is there is older
        predict_volume(other, volume, tmp_path, Options("h5", resume=True), table=True)
    predict_volume(segmenter(), volume, tmp_path, Options("h5"), table=True)
    again = predict_volume(segmenter(), volume, tmp_path, Options("h5", resume=True), table=True)
    assert again.count == count


@pytest.mark.parametrize("kind", ["h5", "ome-zarr"])
def test_work_interrupted_anywhere_goes_on_to_the_same_labels(tmp_path, small, volume, kind):
    if kind == "ome-zarr":
        pytest.importorskip("zarr")
    made = segmenter()
    whole = predict_volume(made, volume, tmp_path / "whole", Options(kind), table=True).result
    yields = []
    for stop in itertools.count(1, 2):
        job = jobs.Job(made, volume, tmp_path, Options(kind, resume=True), table=True)
        steps = job.run()
        yields.append(list(itertools.islice(steps, stop)))
        steps.close()
        if not (tmp_path / ".brain_blocks").exists():
            break
        assert not job.result.exists()
    assert len(yields) > 4
    told = [step for some in yields for step in some]
    assert len(told) == len(set(told))
    np.testing.assert_array_equal(stored(job.result)[0], stored(whole)[0])
    assert rows_of(tmp_path / "brain_nuclei.csv") == rows_of(tmp_path / "whole" / "brain_nuclei.csv")
    written = [some for some in yields if any(name.startswith("level") for name, _ in some)]
    assert len(written) > 1 or kind == "h5"  # interrupted there too


def test_a_file_that_is_written_to_while_it_is_predicted_gives_no_labels(tmp_path, small, volume):
    job = jobs.Job(segmenter(), volume, tmp_path, Options("h5"), table=True)
    steps = job.run()
    next(steps)
    with volume.open("r+b") as file:  # as another program does
        file.write(b"\x89")
    with pytest.raises(UserError, match=r"brain\.h5: was written to .* predict again .*\.brain_blocks"):
        list(steps)
    assert not job.result.exists() and not (tmp_path / "brain_nuclei.csv").exists()


def test_work_that_stops_between_its_result_and_its_end_goes_on(tmp_path, small, volume, monkeypatch):
    pytest.importorskip("zarr")
    with monkeypatch.context() as patch:
        patch.setattr(jobs, "remove", lambda _: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            predict_volume(segmenter(), volume, tmp_path, Options("ome-zarr"))
    first, _ = stored(tmp_path / "brain_label.ome.zarr")
    done = predict_volume(segmenter(), volume, tmp_path, Options("ome-zarr", resume=True))
    np.testing.assert_array_equal(stored(done.result)[0], first)
    assert first.max() == done.count and not (tmp_path / ".brain_blocks").exists()


@pytest.mark.parametrize("kind", ["image", "training"])
def test_statistics_are_those_in_memory_also_after_any_interruption(tmp_path, small, volume, kind):
    keys = ["INFERENCE.DECODER.FOREGROUND", "0.5", "INFERENCE.STATISTICS"]
    made = segmenter(*keys, kind, method=Normed)
    expected, stop, count = in_memory(made, volume), 2, 0
    while not (done := tmp_path / "brain_label.h5").exists():
        steps = jobs.Job(made, volume, tmp_path, Options("h5", resume=True)).run()
        told = [name for name, _ in itertools.islice(steps, stop)]
        steps.close()
        stop, count = stop + 2, count + told.count("statistics")
    np.testing.assert_array_equal(stored(done)[0], expected)
    assert count == (6 if kind == "image" else 0)  # 2 x 3 places of windows along z and y, each once
    own = segmenter(*keys, "tile", method=Normed)
    assert (in_memory(own, volume) != expected).any()


def test_a_network_without_norms_needs_no_first_pass(tmp_path, small, volume):
    work = jobs.Job(segmenter("INFERENCE.STATISTICS", "image"), volume, tmp_path, Options("h5")).run()
    assert next(name for name, _ in work if name != "intensities") == "predict"
    work.close()


def test_only_with_resume_is_something_gone_on_with_and_only_as_it_was_begun(tmp_path, small, volume, caplog):
    steps = jobs.Job(segmenter(), volume, tmp_path, Options("h5")).run()
    next(steps)
    steps.close()
    with pytest.raises(UserError, match=r"\.brain_blocks.* interrupted .*--resume"):
        predict_volume(segmenter(), volume, tmp_path, Options("h5"))
    job = tmp_path / ".brain_blocks" / "job.json"
    noted = job.read_text()
    older = json.loads(noted)
    del older["plan"]["memory"]
    job.write_text(json.dumps(older))
    with pytest.raises(UserError, match=r"\.brain_blocks.* version .*remove"):
        predict_volume(segmenter(), volume, tmp_path, Options("h5", resume=True))
    job.write_text(noted)
    changed = r" INFERENCE\.DECODER\.FOREGROUND .*0\.5 .*0\.7\b"
    with pytest.raises(UserError, match=rf"\.brain_blocks.*{changed}.* remove"):
        other = segmenter("INFERENCE.DECODER.FOREGROUND", "0.7")
        predict_volume(other, volume, tmp_path, Options("h5", resume=True))
    first = predict_volume(segmenter(), volume, tmp_path, Options("h5", resume=True))
    with caplog.at_level(logging.INFO):
        assert predict_volume(segmenter(), volume, tmp_path, Options("h5", resume=True)) == first
    assert "complete" in caplog.text
    with pytest.raises(UserError, match=rf"brain_label\.h5.*{changed}.*without --resume"):
        predict_volume(other, volume, tmp_path, Options("h5", resume=True))
    assert predict_volume(other, volume, tmp_path, Options("h5")).result == first.result


def test_more_damage_than_an_attribute_holds_is_noted_all_the_same(tmp_path):
    labels = SimpleNamespace(count=1, read=lambda box: np.ones([c.stop - c.start for c in box], np.int32))
    skipped = [f"chunk {number}.0.0 (zyx 0:64, 0:512, 0:512)" for number in range(5000)]
    result = write_result.Result(lambda: labels, (4, 8, 8), (), (4, 8, 8), lambda: skipped, tmp_path)
    write_hdf5(tmp_path / "a.h5", result)
    with h5py.File(tmp_path / "a.h5") as file:
        assert list(file["skipped"].asstr()) == skipped and file["label"].attrs["complete"] == 1


def test_the_estimate_comes_first(tmp_path, small, volume, caplog):
    with caplog.at_level(logging.INFO):
        predict_volume(segmenter(), volume, tmp_path, Options("h5", max_memory=8))
    names(caplog.messages[0], "12x40x48", "40 windows", "8x16x16", "12 blocks", "7x16x24")
    memory = float(re.search(r"(\d+\.\d+) GB\b.*\b8 GB\b", caplog.messages[0])[1])
    assert 0.2 < memory < 4  # of the program itself, in truth


def test_the_estimate_counts_the_passes_that_are_left(tmp_path, small, volume, monkeypatch):
    monkeypatch.setattr(intensities, "TASK_BYTES", 1)
    monkeypatch.setattr(intensities, "COUNTED_PER_SECOND", 12 * 40 * 48 / 7200)
    job = jobs.Job(segmenter(), volume, tmp_path, Options("h5"), workers=2)
    names(job.estimate(), "1 h 0 min")
    work = job.run()
    for _ in itertools.islice(work, 9):  # of 27
        pass
    assert 4700 < job.pipeline.intensities.seconds() < 4900
    assert next(name for name, _ in work if name != "intensities") == "predict"
    work.close()
    assert job.pipeline.intensities.seconds() == 0


def test_the_estimate_of_a_single_block_speaks_of_one(tmp_path, volume):
    made = segmenter("INFERENCE.WINDOW", "[12, 40, 48]")
    told = jobs.Job(made, volume, tmp_path, Options("h5")).estimate()
    names(told, "1 window", "1 block", "12x40x48")


def test_a_limit_that_is_too_small_is_told(tmp_path, volume):
    with pytest.raises(UserError, match=r"--max-memory .*\b0\.05 GB.*INFERENCE\.WINDOW") as told:
        predict_volume(segmenter(), volume, tmp_path, Options("h5", max_memory=0.05))
    enough = float(re.findall(r"\d+\.?\d*", str(told.value))[-1])
    assert predict_volume(segmenter(), volume, tmp_path, Options("h5", max_memory=enough)).count > 3
    assert not (tmp_path / ".brain_blocks").exists()
    for amount in (-1.0, float("nan"), float("inf")):
        with pytest.raises(UserError, match=f"--max-memory .*{amount:g}"):
            Options(max_memory=amount)


def test_a_format_that_is_not_installed_is_told_at_once(monkeypatch):
    monkeypatch.setitem(sys.modules, "zarr", None)
    with pytest.raises(UserError, match=r"pip install 'nucleizoo\[volumes\]'"):
        Options("ome-zarr")


def test_damage_is_named_or_borne_and_marked_in_the_result(tmp_path, small, volume):
    with h5py.File(volume) as file:
        place = file["image"].id.get_chunk_info_by_coord((4, 16, 16))
    with volume.open("r+b") as file:
        file.seek(place.byte_offset)
        file.write(bytes(range(64)))
    with pytest.raises(ImageReadError, match=r"chunk 1\.1\.1 .* read .*--skip-damaged"):
        predict_volume(segmenter(), volume, tmp_path, Options("h5"))
    for kind in ("h5", "tif"):
        done = predict_volume(segmenter(), volume, tmp_path, Options(kind, skip_damaged=True, resume=True))
        labels, _ = stored(done.result)
        assert not labels[4:8, 16:32, 16:32].any() and labels.any()
    with h5py.File(tmp_path / "brain_label.h5") as file:
        assert list(file["skipped"].asstr()) == ["chunk 1.1.1 (zyx 4:8, 16:32, 16:32)"]
        assert file["label"].attrs["complete"] == 1
    with tifffile.TiffFile(tmp_path / "brain_label.tif") as tiff:
        assert "chunk 1.1.1" in tiff.ome_metadata


@pytest.mark.parametrize("kind", FORMATS)
def test_what_was_made_with_damage_is_not_taken_when_it_may_be_repaired(tmp_path, small, caplog, kind):
    zarr = pytest.importorskip("zarr")
    group = zarr.open_group(tmp_path / "brain.zarr", mode="w")
    group.create_array("image", data=toy_picture(0, (12, 40, 48), np.uint16)[1], chunks=(4, 16, 16))
    chunk = tmp_path / "brain.zarr" / "image" / "c" / "1" / "1" / "1"
    chunk.rename(tmp_path / "chunk")
    words = segmenter(), tmp_path / "brain.zarr", tmp_path
    skipping, going_on = Options(kind, skip_damaged=True, resume=True), Options(kind, resume=True)
    steps = jobs.Job(*words, skipping).run()
    assert any(name == "predict" for name, _ in steps)  # the first unit, in which the chunk lies
    steps.close()
    (tmp_path / "chunk").rename(chunk)
    black = r"\b1 chunk .* black .*1\.1\.1 \(zyx 4:8.*--skip-damaged, .*"
    with pytest.raises(UserError, match=black + "remove"):
        predict_volume(*words, going_on)
    done, told = predict_volume(*words, skipping), caplog.messages[-1]
    names(told, "brain.zarr", "1 chunk", "black", "(zyx 4:8", done.result, FORMATS[kind].skipped)
    assert not stored(done.result)[0][4:8, 16:32, 16:32].any()
    with pytest.raises(UserError, match=black + "without --resume"):
        predict_volume(*words, going_on)
    assert predict_volume(*words, skipping) == done and caplog.messages[-1] == told
    assert predict_volume(*words, Options(kind)).result == done.result
    assert stored(done.result)[0][4:8, 16:32, 16:32].any()
    predict_volume(*words, going_on)


def test_what_blocks_cannot_do_is_refused_with_the_reason(tmp_path, volume):
    for pairs, match in (
        (("DATASET.IMAGE.ZOOM", "[1e5]"), r"brain\.h5: .*\b1200000x4000000x4800000 .*ZOOM"),
        (("INFERENCE.DECODER.WATERSHED", "skimage"), "'frontier'"),
    ):
        with pytest.raises(UserError, match=match):
            predict_volume(segmenter(*pairs), volume, tmp_path / "x", Options("h5"))
    with pytest.raises(ImageReadError, match=r"brain\.h5.* zyx, 12x40x48.*\(y, x\)"):
        predict_volume(segmenter(dims=2), volume, tmp_path, Options("h5"))
    film = tmp_path / "film.tif"
    tifffile.imwrite(film, np.ones((3, 4, 20, 20), np.uint8), imagej=True, metadata={"axes": "TZYX"})
    with pytest.raises(ImageReadError, match=r"film\.tif.* tzyx, 3x4x20x20.*\(z, y, x\).*--blocks"):
        predict_volume(segmenter(), film, tmp_path, Options("h5"))
    tifffile.imwrite(film, np.ones((20, 20), np.uint8))
    with pytest.raises(ImageReadError, match=r"film\.tif.* yx, 20x20.*\(z, y, x\).* give"):
        predict_volume(segmenter(), film, tmp_path, Options("h5"))


def test_a_full_disk_leaves_no_result_and_can_be_gone_on_from(tmp_path, small, volume, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    for place in (
        "maps.map_store.Channel.to_bytes",
        "state.block_store.np.savez",
        "state.block_store.np.save",
    ):
        with monkeypatch.context() as patch:
            patch.setattr(f"nucleizoo.blockwise.{place}", full)
            with pytest.raises(OSError, match="No space left"):
                predict_volume(segmenter(), volume, tmp_path, Options("h5", resume=True))
    assert not (tmp_path / "brain_label.h5").exists()
    done = predict_volume(segmenter(), volume, tmp_path, Options("h5", resume=True))
    np.testing.assert_array_equal(stored(done.result)[0], in_memory(segmenter(), volume))


def test_a_disk_that_is_too_small_is_told_before_the_work(tmp_path, small, volume, monkeypatch):
    monkeypatch.setattr("nucleizoo.blockwise.job.shutil.disk_usage", lambda _: SimpleNamespace(free=400_000))
    array = tmp_path / "wide.npy"
    np.save(array, np.random.default_rng(0).integers(0, 9, (64, 128, 256), np.uint8))
    with pytest.raises(UserError, match=r" 2\.1 MB\b.* 400\.0 kB .*--output"):
        predict_volume(segmenter(), array, tmp_path, Options("h5"))
    assert not (tmp_path / ".wide_blocks").exists()


def test_work_on_a_zarr_array_that_was_changed_meanwhile_is_not_gone_on_with(tmp_path, small):
    zarr = pytest.importorskip("zarr")
    path = tmp_path / "brain.zarr"
    group = zarr.open_group(path, mode="w")
    group.create_array("image", data=toy_picture(0, (12, 40, 48), np.uint16)[1], chunks=(4, 16, 16))
    made, options = segmenter(), Options("h5", resume=True)
    done = predict_volume(made, path, tmp_path / "whole", options)
    assert predict_volume(made, path, tmp_path / "whole", options) == done
    steps = jobs.Job(made, path, tmp_path, options).run()
    next(steps)
    steps.close()
    jobs.Job(made, path, tmp_path, options)
    meta = path / "image" / "zarr.json"
    meta.write_text(meta.read_text() + "\n")  # as another writer of the same values would leave it
    with pytest.raises(UserError, match=r"\.brain_blocks.*brain\.zarr .*changed.* remove"):
        jobs.Job(made, path, tmp_path, options)
    with pytest.raises(UserError, match=r"brain_label\.h5.* weights.* file.* changed.*without --resume"):
        predict_volume(made, path, tmp_path / "whole", options)


@pytest.mark.parametrize("repaired", [False, True])
def test_chunks_are_looked_for_by_one_process_and_stay_black(tmp_path, small, monkeypatch, repaired):
    zarr, path = pytest.importorskip("zarr"), tmp_path / "brain.zarr"
    picture = toy_picture(0, (12, 40, 48), np.uint16)[1]
    zarr.create_array(path, data=picture, chunks=(4, 16, 16), fill_value=900)
    chunk, made, options = path / "c" / "1" / "1" / "1", segmenter(), Options("h5", skip_damaged=True)
    lost = chunk.read_bytes()
    chunk.unlink()
    whole, _ = stored(predict_volume(made, path, tmp_path / "whole", options).result)
    assert not whole[4:8, 16:32, 16:32].any()
    steps = jobs.Job(made, path, tmp_path, options).run()
    next(steps)
    steps.close()
    if repaired:
        chunk.write_bytes(lost)
    told = (
        r"\b1 chunk .* black .*chunk 1\.1\.1 .*--skip-damaged" if repaired else r"\b1 chunks? .*EMPTY_CHUNKS"
    )
    with pytest.raises(UserError, match=told):
        predict_volume(made, path, tmp_path, Options("h5", resume=True))
    spec = jobs.Job(made, path, tmp_path, replace(options, resume=True)).spec(RunSpec("run"))
    with monkeypatch.context() as patch:
        patch.setattr(io.LazyVolume, "check", lambda _: pytest.fail("a worker looked for them"))
        seen = VolumeInput(path, made.reader, skip_damaged=True, scratch=Path(spec.scratch), search=False)
        assert seen.volume.skipped == ["chunk 1.1.1 (zyx 4:8, 16:32, 16:32)"] and not seen.newly_skipped
    done = predict_volume(made, path, tmp_path, Options("h5", resume=True, skip_damaged=True))
    np.testing.assert_array_equal(stored(done.result)[0], whole)
    with h5py.File(done.result) as file:
        assert list(file["skipped"].asstr()) == ["chunk 1.1.1 (zyx 4:8, 16:32, 16:32)"]


def test_a_chunk_that_is_lost_while_work_is_interrupted_is_told_or_noted(tmp_path, small):
    zarr, path = pytest.importorskip("zarr"), tmp_path / "brain.zarr"
    zarr.create_array(path, data=toy_picture(0, (12, 40, 48), np.uint16)[1], chunks=(4, 16, 16))
    steps = jobs.Job(segmenter(), path, tmp_path, Options("h5", skip_damaged=True)).run()
    next(steps)
    steps.close()
    (path / "c" / "2" / "2" / "2").unlink()
    with pytest.raises(ImageReadError, match=r"\b1 chunks? .*chunk 2\.2\.2 .*EMPTY_CHUNKS"):
        predict_volume(segmenter(), path, tmp_path, Options("h5", resume=True))
    done = predict_volume(segmenter(), path, tmp_path, Options("h5", resume=True, skip_damaged=True))
    with h5py.File(done.result) as file:
        assert list(file["skipped"].asstr()) == ["chunk 2.2.2 (zyx 8:12, 32:40, 32:48)"]


def told_in_time(tmp_path, volume, kind, match):
    """Before anything is predicted, and without a trace."""
    made = segmenter()
    made.tiles = None
    with pytest.raises(UserError, match=match):
        predict_volume(made, volume, tmp_path, Options(kind))
    assert not (tmp_path / ".brain_blocks").exists()


@pytest.mark.parametrize("kind", FORMATS)
def test_a_place_that_a_result_cannot_take_is_told_before_the_work(tmp_path, volume, kind):
    if kind == "ome-zarr":
        pytest.importorskip("zarr")
    place = tmp_path / f"brain_label{FORMATS[kind].suffix}"
    place.mkdir()
    (place / "mine.txt").write_text("kept")
    told_in_time(tmp_path, volume, kind, rf"{place.name}: a folder\b.*--output")
    assert (place / "mine.txt").read_text() == "kept"
    shutil.rmtree(place)
    place.symlink_to("/dev/null" if kind != "ome-zarr" else tmp_path / "nowhere")
    told_in_time(tmp_path, volume, kind, rf"{place.name}: a file\b.*--output")
    (tmp_path / "file").touch()
    told_in_time(tmp_path / "file", volume, kind, r"/file: .*\(.*--output")


def test_a_file_in_the_place_of_a_zarr_folder_is_told_before_the_work(tmp_path, volume):
    pytest.importorskip("zarr")
    (tmp_path / "brain_label.ome.zarr").touch()
    told_in_time(tmp_path, volume, "ome-zarr", r"brain_label\.ome\.zarr: a file\b.*--output")


@pytest.mark.parametrize("kind", FORMATS)
def test_an_older_result_stays_until_the_new_one_is_complete(tmp_path, small, volume, kind):
    if kind == "ome-zarr":
        pytest.importorskip("zarr")
    other = segmenter("INFERENCE.DECODER.FOREGROUND", "0.8")
    result = predict_volume(other, volume, tmp_path, Options(kind)).result
    older, _ = stored(result)
    result.rename(tmp_path / "elsewhere")
    result.symlink_to(tmp_path / "elsewhere")
    job = jobs.Job(segmenter(), volume, tmp_path, Options(kind))
    for _ in job.run():
        np.testing.assert_array_equal(stored(result)[0], older)
    newer, _ = stored(result)
    assert (newer != older).any() and not result.is_symlink()
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == sorted(["brain.h5", result.name, "elsewhere"])


def test_less_memory_than_the_work_was_begun_for_is_refused_with_what_it_takes(tmp_path, small, volume):
    def going_on(amount):
        return predict_volume(segmenter(), volume, tmp_path, Options("h5", amount, resume=True))

    job = jobs.Job(segmenter(), volume, tmp_path, Options("h5", max_memory=16))
    steps, needed = job.run(), job.pipeline.plan.memory / 1e9
    next(steps)
    steps.close()
    with pytest.raises(UserError, match=rf" {needed:.2f} GB .*raise --max-memory") as told:
        going_on(needed * 0.99)
    assert going_on(float(re.findall(r"\d+\.?\d*", str(told.value))[-1])).count > 3


@pytest.mark.skipif(not os.access("/proc/self/clear_refs", os.W_OK), reason="a peak cannot be forgotten here")
def test_a_volume_has_the_memory_that_the_one_before_it_gave_back(tmp_path, volume):
    first = jobs.Job(segmenter(), volume, tmp_path / "first", Options("h5")).pipeline.plan.memory
    assert len(bytearray(b"x") * 500_000_000) == 500_000_000
    second = jobs.Job(segmenter(), volume, tmp_path / "second", Options("h5")).pipeline.plan.memory
    assert second < first + 2e8


@pytest.mark.skipif(not os.access("/proc/self/clear_refs", os.W_OK), reason="a peak cannot be forgotten here")
@pytest.mark.parametrize(("kind", "over"), [("h5", "volume"), ("zarr", "image"), ("tif", "volume")])
def test_large_chunks_keep_to_the_memory_that_is_told_or_are_refused_unread(
    tmp_path, kind, over, monkeypatch
):
    path, data = (
        tmp_path / f"brain.{kind}",
        np.random.default_rng(0).integers(0, 30, (8, 2800, 2800), np.uint8),
    )
    if kind == "h5":
        with h5py.File(path, "w") as file:
            file.create_dataset("image", data=data, chunks=data.shape, compression="lzf")
    elif kind == "zarr":
        pytest.importorskip("zarr").create_array(path, data=data, chunks=data.shape)
    else:
        data = data.reshape(2, 5600, 5600)
        tifffile.imwrite(path, data, compression="zlib", rowsperstrip=5600, photometric="minisblack")
    made = segmenter("DATASET.IMAGE.SCALING.OVER", over)
    del data
    with pytest.raises(UserError, match=rf"brain\.{kind}.* (chunks|planes) .* GB .*--max-memory") as told:
        with monkeypatch.context() as patch:
            patch.setattr(io.LazyVolume, "read", lambda *_: pytest.fail("was read"))
            jobs.Job(made, path, tmp_path, Options("h5", max_memory=memory.resident() * 1e-9 + 0.24))
    enough = float(re.findall(r"\d+\.?\d*", str(told.value))[-1])
    memory.forget_peak()
    job = jobs.Job(made, path, tmp_path, Options("h5", max_memory=enough))
    assert memory.peak() <= job.pipeline.plan.memory <= enough * 1e9


def begin_at_once(number, folder, gate, events, answers):
    """Predict a volume beside another process: number 1 notes a plan when number 0 is at work by its own."""
    begin, do, (working, noted) = jobs.Pipeline.begin, NetworkMaps.do, events

    def slow_begin(*args, **settings):
        with contextlib.suppress(threading.BrokenBarrierError):
            gate.wait(60)
        if number == 1:
            working.wait(60)
        begin(*args, **settings)
        if number == 1:
            noted.set()

    def slow_do(*args):
        if number == 0:
            working.set()
            noted.wait(60)
        do(*args)

    jobs.Pipeline.begin, NetworkMaps.do = slow_begin, slow_do
    try:
        answers.put(predict_volume(segmenter(), folder / "brain.h5", folder, Options("h5")).count)
    except (UserError, OSError) as error:
        gate.abort()
        for event in events:
            event.set()
        answers.put(str(error))


@pytest.mark.skipif(sys.platform == "win32", reason="nothing is locked there")
def test_of_two_that_begin_at_once_one_works(tmp_path, volume):
    meeting = SERVER.Barrier(2), (SERVER.Event(), SERVER.Event()), SERVER.Queue()
    both = [SERVER.Process(target=begin_at_once, args=(n, tmp_path, *meeting)) for n in range(2)]
    for process in both:
        process.start()
    told = sorted((meeting[-1].get(timeout=60) for _ in both), key=lambda said: isinstance(said, str))
    for process in both:
        process.join()
    assert told[0] == in_memory(segmenter(), volume).max()
    names(told[1], tmp_path / ".brain_blocks", "in use", "wait")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["brain.h5", "brain_label.h5"]
