"""Prediction by the workers of dask: what one process gives, whoever dies on the way."""

import itertools
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import replace

import h5py
import numpy as np
import pytest
import torch
from support.free_run import PLUGIN, make, own_plugin
from support.naming import names
from support.toy_picture import toy_picture

from nucleizoo import api
from nucleizoo.blockwise import Options, RunSpec, cluster, predict_volume
from nucleizoo.blockwise import job as jobs
from nucleizoo.blockwise.dask import local, scheduler
from nucleizoo.blockwise.dask import workers as dask_workers
from nucleizoo.blockwise.maps import intensities
from nucleizoo.blockwise.plan import plan
from nucleizoo.blockwise.step import serial
from nucleizoo.blockwise.write import ome_zarr, result
from nucleizoo.core.errors import ImageReadError, UserError
from nucleizoo.inference.segmenter import Segmenter
from nucleizoo.preprocess import limits_of
from nucleizoo.runs import Run

pytest.importorskip("distributed")

UNEVEN = PLUGIN.replace(
    "        return torch",
    "        image = image - torch.linspace(0, 0.6, image.shape[-1]).square()\n"
    "        image = image + 0.1 * instance_norm(image)\n        return torch",
).replace("import torch\n", "import torch\nfrom nucleizoo.ops.nn.adain import instance_norm\n")
CONFIG = """
SYSTEM: {DEVICE: cpu, PRECISION: fp32}
DATASET: {SIZE: [4, 16, 16], IMAGE: {SCALING: {NAME: percentile, HIGH: 99.9}}}
METHOD: {NAME: bright}
TARGET: {NAME: mask}
INFERENCE:
  WINDOW: [4, 12, 8]
  OVERLAP: 0.5
  STATISTICS: image
  DECODER: {NAME: components, FOREGROUND: 0.4, SPLIT: 3.0}
"""


@pytest.fixture(scope="module", autouse=True)
def small():
    """Blocks of few voxels, so that small volumes have many; and a plugin for this file alone."""
    with own_plugin(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(plan, "MAX_BLOCK", {3: (7, 16, 24)})
        patch.setattr(plan, "MARGIN", 3)
        patch.setattr(plan, "MAX_WINDOWS", 2)
        patch.setattr(intensities, "TASK_BYTES", 20_000)  # three
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A run whose maps differ from window to window at the same place, and a volume."""
    folder = tmp_path_factory.mktemp("cluster")
    make(folder, CONFIG, UNEVEN)
    picture = toy_picture(0, (12, 40, 48), np.uint16)[1]
    with h5py.File(folder / "brain.h5", "w") as file:
        file.create_dataset("image", data=picture, chunks=(4, 16, 16), fletcher32=True)
    return folder


@pytest.fixture(scope="module")
def workers(folder):
    """Two processes, of a machine of which they see a GPU each; the run uses none."""
    spec = RunSpec(str(folder / "run"), (str(folder / "bright.py"),))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(local, "cores", lambda: 4)
        patch.setattr(torch.cuda, "device_count", lambda: 2)
        patch.setenv("CUDA_VISIBLE_DEVICES", "5,GPU-x")
        with cluster("local", spec, torch.device("cuda")) as workers:
            yield workers


@pytest.fixture(scope="module")
def segmenter(folder):
    return Segmenter.open(Run.open(folder / "run", [str(folder / "bright.py")]))


@pytest.fixture(scope="module")
def wanted(folder, segmenter):
    """Maps and labels that one process gives."""
    job = jobs.Job(segmenter, folder / "brain.h5", folder / "alone", Options("h5"), table=True)
    return finished(job, serial)


def executor_of(workers, job):
    return workers.executor(job.spec(workers.spec))


def finished(job, executor):
    """The maps and the labels of a job that may have been begun."""
    tasks = []
    for name, index in job.run(executor):
        tasks.append((name, index))
        if name not in ("extremes", "intensities", "statistics", "predict"):
            maps = job.pipeline.network_maps.store.read(tuple(slice(0, n) for n in job.input.shape))
    with h5py.File(job.result) as file:
        assert file["label"].attrs["nuclei"] == file["label"][...].max() > 3
        return maps["mask"], file["label"][...], tasks


def assert_same(found, wanted):
    for one, other in zip(found[:2], wanted[:2], strict=True):
        np.testing.assert_array_equal(one, other)


def environment():
    return os.environ["CUDA_VISIBLE_DEVICES"], os.environ["OMP_NUM_THREADS"]


def test_workers_on_one_machine_see_a_gpu_each(workers):
    assert len(workers) == 2
    assert sorted(workers.client.run(environment).values()) == [("5", "2"), ("GPU-x", "2")]


def test_workers_give_the_maps_and_labels_of_one_process(folder, tmp_path, segmenter, workers, wanted):
    job = jobs.Job(segmenter, folder / "brain.h5", tmp_path, Options("h5"), workers=2, table=True)
    assert len(job.pipeline.network_maps) > len(workers) == 2
    found = finished(job, executor_of(workers, job))
    assert_same(found, wanted)
    assert {name for name, _ in found[2]} == set(job.steps()) - {"watershed"}
    assert sorted(os.listdir(tmp_path)) == [".brain_nuclei.csv.sum", "brain_label.h5", "brain_nuclei.csv"]
    table = (tmp_path / "brain_nuclei.csv").read_text()
    assert table == (folder / "alone" / "brain_nuclei.csv").read_text() and "confidence" in table


@pytest.mark.parametrize("first", ["one process", "workers"])
def test_what_one_began_others_end(folder, tmp_path, segmenter, workers, wanted, first):
    for stop, step in itertools.product((2, 3, 15), (0, 1)):
        job = jobs.Job(segmenter, folder / "brain.h5", tmp_path, Options("h5", resume=True), workers=2)
        executors = [serial, executor_of(workers, job)]
        executor = executors[step if first == "one process" else 1 - step]
        if (stop, step) == (15, 1):
            assert_same(finished(job, executor), wanted)
            return
        work = job.run(executor)
        assert len(list(itertools.islice(work, stop))) == stop
        work.close()


def test_workers_find_the_range_of_fractions_in_two_passes(folder, tmp_path, segmenter, workers):
    with h5py.File(folder / "brain.h5") as file, h5py.File(tmp_path / "brain.h5", "w") as other:
        data = file["image"][...] * np.float32(0.37) - 11
        other.create_dataset("image", data=data, chunks=(4, 16, 16))
    job = jobs.Job(segmenter, tmp_path / "brain.h5", tmp_path, Options("h5"), workers=2)
    low, high = limits_of(job.input.values, segmenter.reader.scaling)
    work = job.run(executor_of(workers, job))
    told = list(itertools.takewhile(lambda unit: unit[0] != "statistics", work))
    work.close()
    extremes, counts = [("extremes", i) for i in range(9)], [("intensities", i) for i in range(9)]
    assert sorted(told[:9]) == extremes and sorted(told[9:]) == counts
    assert job.pipeline.intensities.limits() == (low, high) and low < high


def small_chunks():
    """Let this process write chunks and pyramids of few voxels."""
    from nucleizoo.blockwise.write import ome_zarr, result

    result.CHUNK, ome_zarr.SMALLEST = {3: (7, 16, 16)}, 12


def test_workers_write_the_pyramid_of_one_process(folder, tmp_path, segmenter, workers, monkeypatch):
    """They begin it, one process resumes it, they end it."""
    pytest.importorskip("zarr")
    for module, name in ((result, "CHUNK"), (ome_zarr, "SMALLEST")):
        monkeypatch.setattr(module, name, getattr(module, name))  # to have it back
    small_chunks()
    wanted = predict_volume(segmenter, folder / "brain.h5", tmp_path / "alone", Options("ome-zarr")).result
    workers.client.register_worker_callbacks(small_chunks)  # also of those that come later
    told = []
    for number, last in enumerate(("level-0", "level-1", "end")):
        options = Options("ome-zarr", resume=True)
        job = jobs.Job(segmenter, folder / "brain.h5", tmp_path, options, workers=2)
        work = job.run(serial if number == 1 else executor_of(workers, job))
        for unit in work:
            told.append(unit)
            if unit[0] == last:
                break
        work.close()
    assert len(told) == len(set(told)) and {name for name, _ in told} == set(job.steps()) - {"watershed"}
    assert files_of(job.result) == files_of(wanted)
    assert sorted(os.listdir(tmp_path)) == ["alone", "brain_label.ome.zarr"]


def files_of(folder):
    return {str(f.relative_to(folder)): f.read_bytes() for f in folder.rglob("*") if f.is_file()}


@pytest.mark.slow
def test_a_worker_killed_while_it_works_loses_nothing(folder, tmp_path, segmenter, workers, wanted):
    job = jobs.Job(segmenter, folder / "brain.h5", tmp_path, Options("h5"), workers=2)
    killed = []

    def executor(name, step):
        for count, index in enumerate(executor_of(workers, job)(name, step)):
            yield index
            if name in ("predict", "peaks") and count == 1:
                while not (busy := [w for w, tasks in workers.client.processing().items() if tasks]):
                    time.sleep(0.001)
                killed.append(workers.client.run(os.getpid, workers=busy[:1])[busy[0]])
                os.kill(killed[-1], signal.SIGKILL)

    assert_same(finished(job, executor), wanted)
    assert len(set(killed)) == 2


def test_damage_and_a_full_disk_are_told_in_the_words_of_one_process(
    folder, tmp_path, segmenter, workers, wanted
):
    (tmp_path / "damaged").mkdir()
    shutil.copy(folder / "brain.h5", tmp_path / "damaged")
    with h5py.File(tmp_path / "damaged" / "brain.h5") as file:
        place = file["image"].id.get_chunk_info_by_coord((8, 16, 16))
    with (tmp_path / "damaged" / "brain.h5").open("r+b") as file:
        file.seek(place.byte_offset)
        file.write(bytes(range(64)))
    job = jobs.Job(
        segmenter, tmp_path / "damaged" / "brain.h5", tmp_path / "damaged", Options("h5"), workers=2
    )
    with pytest.raises(ImageReadError, match=r"chunk 2\.1\.1 .* read .*--skip-damaged"):
        finished(job, executor_of(workers, job))
    job = jobs.Job(segmenter, folder / "brain.h5", tmp_path, Options("h5"), workers=2)
    workers.client.run(fill_disk)
    with pytest.raises(OSError, match="No space left"):
        finished(job, executor_of(workers, job))
    workers.client.run(fill_disk, free=True)
    assert_same(finished(job, executor_of(workers, job)), wanted)


def fill_disk(free=False):
    """Let this process find the disk full."""
    from nucleizoo.blockwise.state import block_store

    def savez(*_, **__):
        raise OSError(28, "No space left on device")

    block_store.np.savez, block_store.np.whole = (
        (block_store.np.whole, None) if free else (savez, block_store.np.savez)
    )


def test_damage_that_is_borne_is_noted_by_whoever_met_it(folder, tmp_path, workers, segmenter):
    shutil.copy(folder / "brain.h5", tmp_path)
    with h5py.File(tmp_path / "brain.h5") as file:
        place = file["image"].id.get_chunk_info_by_coord((4, 16, 16))
    with (tmp_path / "brain.h5").open("r+b") as file:
        file.seek(place.byte_offset)
        file.write(bytes(range(64)))
    done = predict_volume(
        segmenter, tmp_path / "brain.h5", tmp_path, Options("h5", skip_damaged=True), workers
    )
    with h5py.File(done.result) as file:
        assert list(file["skipped"].asstr()) == ["chunk 1.1.1 (zyx 4:8, 16:32, 16:32)"]


def test_a_job_that_was_begun_again_or_is_not_seen_is_left_alone(folder, tmp_path, segmenter, workers):
    job = jobs.Job(segmenter, folder / "brain.h5", tmp_path, Options("h5"))
    spec = job.spec(workers.spec)
    for other, match in (
        (replace(spec, job="another"), r"\.brain_blocks\b.* again.*--output.*--resume"),
        (replace(spec, scratch=str(tmp_path / "elsewhere")), "worker .*/elsewhere.* same"),
        (replace(spec, path="/elsewhere/brain.h5"), r"worker .* /elsewhere/brain\.h5\b.* same"),
        (replace(spec, run=RunSpec("/elsewhere/run")), r"worker .* /elsewhere/run\b.* same"),
        (
            replace(spec, run=replace(spec.run, plugins=("/elsewhere/a.py",))),
            r"worker .* /elsewhere/a\.py\b.* same",
        ),
        (
            replace(spec, run=replace(spec.run, overrides=("SYSTEM.DEVICE", "cuda:7"))),
            r"worker .*SYSTEM\.DEVICE.*cuda:7",
        ),
        (replace(spec, weights="others"), "worker .*other weights"),
        (replace(spec, versions=("9.9", "1.0")), r"worker .*nucleizoo 0.*nucleizoo 9\.9"),
    ):
        with pytest.raises(UserError, match=match):
            finished(job, workers.executor(other))
    assert not list((tmp_path / ".brain_blocks" / "predict").iterdir())


def test_a_cluster_that_is_there_is_used_and_asked_for_its_versions(folder, workers, monkeypatch, tmp_path):
    address, source = workers.client.scheduler.address, workers.spec
    (done,) = api.predict(
        folder / "run", [folder / "brain.h5"], tmp_path, dask=address, options=Options("h5"),
        plugins=source.plugins,
    )  # fmt: skip
    assert done.count > 3
    monkeypatch.setattr(dask_workers, "versions", lambda: ("9.9", "1.0"))
    with pytest.raises(UserError, match=r"worker tcp://.* nucleizoo 0\..* nucleizoo 9\.9"):
        with cluster(address, source):
            pass
    monkeypatch.setattr(dask_workers, "PACKAGES", ("no_such_package", "torch"))
    with pytest.raises(UserError, match=r"worker tcp://.* nucleizoo \(none\) .*torch 2"):
        with cluster(address, source):
            pass


def test_a_worker_that_dask_allows_less_memory_is_told(caplog):
    distributed = pytest.importorskip("distributed")
    own = {"processes": False, "dashboard_address": ":0", "memory_limit": "1GB"}
    with distributed.LocalCluster(n_workers=1, **own) as local, distributed.Client(local) as client:
        seen = dask_workers.Workers(client, is_local=False)
        seen.check_memory(0.7e9)
        assert "--max-memory" not in caplog.text
        seen.check_memory(2e9)
        names(caplog.text, "0.8 GB", "--max-memory", "2", "--memory-limit 0")


@pytest.mark.parametrize("listens", [False, True])
def test_nobody_at_an_address_is_told_soon(monkeypatch, listens):
    """Who listens and says nothing, as a tunnel to nowhere, is as good as nobody."""
    monkeypatch.setattr(scheduler, "ANSWER_WITHIN", 0.5)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        if listens:
            taken.listen()
        address = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
        began = time.monotonic()
        with pytest.raises(UserError, match=rf"{address}.* 0\.5 s .*'dask scheduler'"):
            with cluster(address, RunSpec("run")):
                pass
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("says", [b"SSH-2.0-OpenSSH_9.2", b"HTTP/1.1 400 Bad Request", bytes(24)])
def test_a_stranger_at_an_address_is_told_as_one(says):
    def talk():
        held.append(taken.accept()[0])
        held[0].sendall(says)

    held = []
    with socket.create_server(("127.0.0.1", 0)) as taken:
        talking = threading.Thread(target=talk)
        talking.start()
        address = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(UserError, match=f"{address} .* port .*'dask scheduler'"):
            with cluster(address, RunSpec("run")):
                pass
        talking.join()
        held[0].close()


def test_an_address_that_is_that_of_a_worker_is_told_so(workers):
    ((address, nanny),) = list(workers.client.run(lambda dask_worker: dask_worker.nanny).items())[:1]
    for one in (address, nanny):
        with pytest.raises(UserError, match=f"{one} .*worker.*--dask .*'dask scheduler'"):
            with cluster(one, RunSpec("run")):
                pass


def test_what_is_no_address_is_refused():
    for address in (
        "somewhere",
        "http://a:80",
        "tcp://a",
        "tcp://",
        "0",
        "-1",
        "²",
        "",
        "tcp://a:65536",
        "tcp://a:0",
    ):
        with pytest.raises(UserError, match=rf"--dask .* processes.*{re.escape(address)}"):
            with cluster(address, RunSpec("run")):
                pass


def test_dask_is_not_loaded_before_it_is_wanted():
    words = "import sys, nucleizoo.cli, nucleizoo.api; print({'dask', 'distributed'} & set(sys.modules))"
    told = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "set()"


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(UserError, match=r"pip install 'nucleizoo\[dask\]'"):
        with cluster("2", RunSpec("run")):
            pass
