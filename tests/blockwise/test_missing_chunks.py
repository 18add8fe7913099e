"""Work on dask when workers, the scheduler, or the wish to go on are lost: told in words, soon, and once."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np
import pytest
from support.free_run import PLUGIN, ROOT, make, own_plugin, predicting
from support.toy_picture import toy_picture

from nucleizoo.blockwise import Options, RunSpec, cluster
from nucleizoo.blockwise import job as jobs
from nucleizoo.blockwise.dask import workers as dask_workers
from nucleizoo.blockwise.plan import plan
from nucleizoo.blockwise.step import serial
from nucleizoo.core.errors import UserError
from nucleizoo.inference.segmenter import Segmenter
from nucleizoo.runs import Run

pytest.importorskip("distributed")

CONFIG = """
SYSTEM: {DEVICE: cpu, PRECISION: fp32}
DATASET: {SIZE: [4, 16, 16], IMAGE: {SCALING: {NAME: percentile, HIGH: 99.9}}}
METHOD: {NAME: bright}
TARGET: {NAME: mask}
INFERENCE: {WINDOW: [4, 16, 16], OVERLAP: 0.0, DECODER: {NAME: components, FOREGROUND: 0.4}}
"""
DEADLY = PLUGIN.replace("import torch\n", "import multiprocessing, os\nimport torch\n").replace(
    "        ranges =",
    "        if multiprocessing.parent_process():\n            os._exit(1)\n        ranges =",
)
"""Ends every process that was started by another."""

ALONE = {**os.environ, "OMP_NUM_THREADS": "1"}

needs_signals = pytest.mark.skipif(os.name != "posix", reason="needs signals")


@pytest.fixture(scope="module", autouse=True)
def small():
    """Units of few voxels; and a plugin for this file alone."""
    with own_plugin(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(plan, "MAX_BLOCK", {3: (7, 16, 24)})
        patch.setattr(plan, "MARGIN", 3)
        patch.setattr(plan, "MAX_WINDOWS", 1)
        patch.setattr(dask_workers, "COUNT_EVERY", 0.2)
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lost")
    make(folder, CONFIG)
    with h5py.File(folder / "brain.h5", "w") as file:
        file["image"] = toy_picture(0, (24, 32, 48), np.uint16)[1]
    return folder


@pytest.fixture(scope="module")
def segmenter(folder):
    return Segmenter.open(Run.open(folder / "run", [str(folder / "bright.py")]))


@pytest.fixture(scope="module")
def scheduler(folder):
    """The address of one."""
    told = folder / "scheduler.json"
    words = ["--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(told)]
    with process("distributed.cli.dask_scheduler", *words):
        until(told.exists)
        yield json.loads(told.read_text())["address"]


def worker(address, **environment):
    words = ["--nthreads", "1", "--no-nanny", "--no-dashboard", "--memory-limit", "0"]
    return process("distributed.cli.dask_worker", address, *words, **environment)


@contextmanager
def process(module, *words, **environment):
    """A module's command, until the block ends."""
    begun = subprocess.Popen(
        [sys.executable, "-P", "-m", module, *words], env={**ALONE, **environment}, stderr=subprocess.DEVNULL
    )
    try:
        yield begun
    finally:
        begun.kill()
        begun.wait()


def until(there, seconds=60.0):
    end = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def labels(job, executor):
    assert len(list(job.run(executor))) > 10
    with h5py.File(job.result) as file:
        assert file["label"].attrs["nuclei"] > 3
        return file["label"][...]


def broken_off(workers, job, what):
    """The executor of a job, which does something after the second unit."""

    def executor(name, step):
        for count, index in enumerate(workers.executor(job.spec(workers.spec))(name, step)):
            yield index
            if (name, count) == ("predict", 1):
                what()

    return executor


@needs_signals
def test_the_last_worker_may_die_and_another_go_on(
    folder, tmp_path, scheduler, segmenter, caplog, monkeypatch
):
    """A new one is waited for; one of another version is refused; and nobody is waited for in vain."""
    source = RunSpec(str(folder / "run"), (str(folder / "bright.py"),))
    begin = lambda name: jobs.Job(segmenter, folder / "brain.h5", tmp_path / name, Options("h5"), 1)  # noqa: E731
    wanted = labels(begin("alone"), serial)
    with worker(scheduler) as first, cluster(scheduler, source) as workers, ThreadPoolExecutor(1) as thread:
        job = begin("died")
        found = thread.submit(labels, job, broken_off(workers, job, first.kill))
        until(lambda: "no worker" in caplog.text)
        with worker(scheduler) as second:
            np.testing.assert_array_equal(found.result(60), wanted)
            assert caplog.text.count("no worker") == 1

            (tmp_path / "nucleizoo-9.9.dist-info").mkdir()
            (tmp_path / "nucleizoo-9.9.dist-info/METADATA").write_text("Name: nucleizoo\nVersion: 9.9\n")
            with worker(scheduler, PYTHONPATH=str(tmp_path)):
                job = begin("late")
                late = lambda: until(lambda: len(workers.client.nthreads()) == 2)  # noqa: E731
                with pytest.raises(UserError, match=r"worker tcp://.* nucleizoo 9\.9 .* install"):
                    labels(job, broken_off(workers, job, late))
            until(lambda: len(workers.client.nthreads()) == 1)

            monkeypatch.setattr(dask_workers, "PATIENCE", 1.0)
            job = begin("vain")
            with pytest.raises(UserError, match=r" 1 s\b.*dask worker .*--resume"):
                labels(job, broken_off(workers, job, second.kill))


LOSING = """
import sys, time
from subprocess import DEVNULL, PIPE, Popen

from nucleizoo.blockwise.dask import cluster, workers
from nucleizoo.blockwise.plan import plan

serve = '''if True:
    import sys
    from distributed import LocalCluster
    here = LocalCluster(n_workers=1, threads_per_worker=1, processes=False, protocol="tcp://")
    print(here.scheduler_address, flush=True)
    sys.stdin.read()
'''
scheduler = Popen([sys.executable, "-c", serve], stdin=PIPE, stdout=PIPE, stderr=DEVNULL, text=True)
plan.MAX_WINDOWS, cluster.ANSWER_WITHIN, each = 1, 5.0, cluster.Cluster._run_step


def losing(cluster, spec, name, step):
    if (step_lost, name) == ("components", name):
        lose()
    for index in each(cluster, spec, name, step):
        yield index
        if (step_lost, name) == ("predict", name):
            lose()


def lose():
    scheduler.send_signal(number)
    cluster.ANSWER_WITHIN = 0.1
    time.sleep(pause)


number, step_lost, pause = int(sys.argv[1]), sys.argv[2], float(sys.argv[3])
workers.COUNT_EVERY, workers.SILENT_FOR = 0.5, 2.0
cluster.Cluster._run_step = losing
from nucleizoo.cli import main
code = main(["predict", *sys.argv[4:], "--dask", scheduler.stdout.readline().strip()])
scheduler.kill()
sys.exit(code)
"""


@pytest.mark.slow
@needs_signals
@pytest.mark.parametrize(
    ("step", "pause"),
    [("predict", 0), ("predict", 1), ("components", 0), ("components", 1), ("components", 7)],
)
def test_a_lost_scheduler_is_told_in_one_line(folder, tmp_path, step, pause):
    """In the middle of a step and between two; while dask tries to find it again and when it has given up."""
    told = told_when_lost(signal.SIGKILL, step, pause, [*words_of(folder), "--output", tmp_path])
    assert re.search(r"connection .*tcp://\S+ .*--resume", told)


@pytest.mark.slow
@needs_signals
def test_a_scheduler_that_hangs_is_not_waited_for(folder, tmp_path):
    told = told_when_lost(signal.SIGSTOP, "predict", 0, [*words_of(folder), "--output", tmp_path])
    assert re.search(r"scheduler tcp://\S+ .* 2 s\b.*--resume", told)


def told_when_lost(number, step, pause, words):
    """The one line of an error that is told when the scheduler gets a signal."""
    losing = [sys.executable, "-c", LOSING, int(number), step, pause, *words]
    told = subprocess.run(list(map(str, losing)), cwd=ROOT, env=ALONE, capture_output=True, text=True)
    assert told.returncode == 2
    *before, line = told.stderr.splitlines()
    assert all(re.search("voxels|does not name its axes", one) for one in before)
    assert line.startswith("error: ")
    return line.removeprefix("error: ")


def words_of(folder, plugin=None):
    plugin = plugin or folder / "bright.py"
    return ["--run", folder / "run", "--plugin", plugin, "--input", folder / "brain.h5", "--format", "h5"]


@pytest.mark.slow
@needs_signals
def test_a_unit_that_kills_all_its_workers_is_named(folder, tmp_path):
    """Dask gives such a unit up after three more deaths; here after the first."""
    (tmp_path / "bright.py").write_text(DEADLY)
    words = words_of(folder, tmp_path / "bright.py")
    told = subprocess.run(
        [sys.executable, "tools/predict.py", *words, "--output", tmp_path, "--dask", "1"],
        cwd=ROOT, env={**ALONE, "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "0"},
        capture_output=True, text=True,
    )  # fmt: skip
    assert told.returncode == 2 and "Traceback" not in told.stderr
    last = told.stderr.splitlines()[-1]
    assert re.match(r"error: predict \d+\b.* tcp://127.*--max-memory.*--resume", last)


@pytest.mark.slow
@pytest.mark.skipif(
    not Path("/proc/self/stat").exists(), reason="needs signals, and the processes of a group"
)
def test_ctrl_c_ends_all_processes_and_says_how_to_go_on(folder, tmp_path):
    words = [*words_of(folder), "--output", tmp_path, "--dask", "2"]
    driver = predicting(words, stderr=subprocess.PIPE, text=True, start_new_session=True)
    until(lambda: any(tmp_path.glob(".brain_blocks/predict/*.maps")) or driver.poll() is not None)
    assert len(alive(driver.pid)) >= 3
    os.killpg(driver.pid, signal.SIGINT)  # as a terminal does
    told = driver.communicate(timeout=60)[1]
    assert driver.returncode == 130
    assert told.splitlines()[-1] == "interrupted" and "--resume" in told.splitlines()[-2]
    assert "Traceback" not in told
    until(lambda: not alive(driver.pid), 10)


def alive(group):
    """Processes of a group that have not ended."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, of = stat.read_text().rpartition(")")[2].split()[:3]
        except OSError:  # ended meanwhile
            continue
        if int(of) == group and state != "Z":
            found.append(int(stat.parent.name))
    return found
