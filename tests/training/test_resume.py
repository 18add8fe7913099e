"""A training that was stopped, killed or out of disk goes on to the very bits of one that was not."""

import errno
import multiprocessing
import os
import random
import re
import runpy
import shutil
import signal
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from support.forked import SERVER
from support.naming import names
from support.same import assert_same

from nucleizoo import api, build
from nucleizoo.cli import main
from nucleizoo.core.errors import RunError
from nucleizoo.runs import Run
from nucleizoo.training import randomness, session
from nucleizoo.training.batches import Batches
from nucleizoo.training.hooks import Average, Hook
from nucleizoo.training.trainer import Trainer
from nucleizoo.training.workers import stream

ROOT = Path(__file__).parents[2]
TOY = ROOT / "configs" / "toy"
FAST = [
    "SYSTEM.DEVICE", "cpu", "SYSTEM.WORKERS", "0", "MONITOR.TENSORBOARD", "False", "SOLVER.AVERAGE", "0.9",
    "MONITOR.VALIDATE", "0",
]  # fmt: skip


def pairs(toy_images, *more):
    return ["DATASET.ROOT", str(toy_images / "images"), *FAST, *more]


def config(toy_images, *more):
    return api.load_config(TOY / "adgan_2d.yaml", pairs(toy_images, *more))


def assert_same_run(one, other):
    """Equal checkpoints (weights, optimisers, pools, average, random numbers) and equal final weights."""
    assert_same(Run.open(one).latest(), Run.open(other).latest())
    files = [(path / "weights.safetensors").read_bytes() for path in (one, other)]
    assert files[0] == files[1]


@pytest.fixture(scope="module", autouse=True)
def own_random_numbers():
    """Python's generator, for this file alone: threads that other tests have left draw from the global one.

    dask's do while they try to connect again. A draw between the seed and a checkpoint makes two equal
    trainings differ, in nothing but that generator's state.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(randomness, "random", random.Random())
        yield


@pytest.fixture(scope="module")
def whole(toy_images, tmp_path_factory):
    """The folder of a training of six steps that nothing disturbed."""
    path = tmp_path_factory.mktemp("whole") / "run"
    api.train(config(toy_images), path)
    return path


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_three_steps_and_three_more_are_six_to_the_bit(toy_images, tmp_path, precision):
    """With averaging; that every method resumes is tested in tests/contracts."""
    settings = config(toy_images, "SYSTEM.PRECISION", precision)
    batches = Batches.of(settings)

    def train(first, last, state=None):
        torch.manual_seed(0)
        trainer = Trainer(build.method(settings), settings, [Average(0.9)])
        if state is not None:
            trainer.load_state_dict(state)
        trainer.train(stream(batches, first, last, 0))
        return trainer.state_dict()

    torch.save(train(0, 3), tmp_path / "state.pt")
    resumed, undisturbed = train(3, 6, torch.load(tmp_path / "state.pt", weights_only=True)), train(0, 6)
    assert_same(resumed, undisturbed)
    pools = [state for key, state in resumed["method"].items() if key.endswith("_extra_state")]
    assert pools and all(pool["pictures"] for pool in pools)
    assert resumed["iteration"] == 6 and resumed["hooks"]["Average"]


class StopAfter(Hook):
    """Ends the training as Ctrl-C does."""

    def __init__(self, iteration):
        self.iteration = iteration

    def after_step(self, trainer):
        trainer.stop = trainer.stop or trainer.iteration == self.iteration


def stopped(monkeypatch, config, path, iteration):
    """Train until `iteration`, in the folder `path`."""
    hooks = session._hooks
    with monkeypatch.context() as patch:
        patch.setattr(session, "_hooks", lambda *given: [*hooks(*given), StopAfter(iteration)])
        return api.train(config, path)


@pytest.mark.parametrize("iteration", [1, 2, 5])
def test_a_stopped_training_goes_on_as_if_it_was_not(monkeypatch, toy_images, tmp_path, whole, iteration):
    run = stopped(monkeypatch, config(toy_images), tmp_path / "run", iteration)
    assert run.latest()["iteration"] == iteration
    api.train(config(toy_images), run.path, resume=True)
    assert_same_run(run.path, whole)


@pytest.mark.parametrize(("change", "told"), [
    ("nothing", []), ("copy", []), ("added", ["new", "cell9.png"]), ("removed", ["gone", "cell1.png"]),
    ("replaced", ["other", "cell0.png"]), ("renamed", ["new", "x1.png", "gone", "cell1.png"]),
])  # fmt: skip
def test_images_that_changed_meanwhile_are_told(monkeypatch, toy_images, tmp_path, caplog, change, told):
    folder = shutil.copytree(toy_images / "images", tmp_path / "images")
    run = stopped(monkeypatch, config(tmp_path), tmp_path / "run", 2)
    if change == "copy":
        shutil.copytree(folder, tmp_path / "other"), shutil.rmtree(folder)
        shutil.copytree(tmp_path / "other", folder)
    elif change == "added":
        shutil.copy(folder / "cell0.png", folder / "cell9.png")
    elif change == "removed":
        (folder / "cell1.png").unlink()
    elif change == "replaced":
        Image.fromarray(np.asarray(Image.open(folder / "cell0.png"))[::-1]).save(folder / "cell0.png")
    elif change == "renamed":
        (folder / "cell1.png").rename(folder / "x1.png")
    for _ in range(2):
        caplog.clear()
        api.train(config(tmp_path), run.path, resume=True)
        warned = [record.message for record in caplog.records if record.levelname == "WARNING"]
        assert len(warned) == bool(told)
        for one in warned:
            names(one, run.path, "changed", *told)


def test_workers_log_scores_and_pictures_change_nothing(monkeypatch, toy_images, tmp_path, whole):
    run = stopped(monkeypatch, config(toy_images), tmp_path / "run", 3)
    other = [f"MONITOR.{name}" for name in ("SNAPSHOT", "LOG", "SAVE", "VALIDATE")]
    other = ["SYSTEM.WORKERS", "2", *(word for key in other for word in (key, "1"))]
    api.train(config(toy_images, *other), run.path, resume=True)
    assert_same_run(run.path, whole)


def test_resume_starts_what_was_never_begun(toy_images, tmp_path, whole):
    api.train(config(toy_images), tmp_path / "run", resume=True)
    assert_same_run(tmp_path / "run", whole)


@pytest.mark.parametrize("left", [
    ["config.yaml", "run.json"], ["run.json"], [".part-0123.yaml", "run.json"], [".part-0123.json"],
])  # fmt: skip
def test_resume_after_a_kill_before_the_first_checkpoint(toy_images, tmp_path, whole, left):
    run = Run(tmp_path / "run", config(toy_images)).create()
    for file in run.path.iterdir():
        if file.name not in left:
            file.unlink()
    for name in left:
        (run.path / name).touch()
    api.train(config(toy_images), run.path, resume=True)
    assert_same_run(run.path, whole)


def test_resuming_a_finished_training_changes_nothing(toy_images, tmp_path, whole):
    odd = config(toy_images, "MONITOR.SNAPSHOT", "4")  # a picture would be due at the end
    run = api.train(odd, tmp_path / "run")
    files = sorted(run.path.rglob("*"))
    api.train(odd, run.path, resume=True)
    assert sorted(run.path.rglob("*")) == files
    assert_same_run(run.path, whole)


def test_a_truncated_newest_checkpoint_falls_back_to_the_one_before(
    monkeypatch, toy_images, tmp_path, whole, caplog
):
    run = stopped(monkeypatch, config(toy_images), tmp_path / "run", 4)
    before, newest = run.checkpoints()
    newest.write_bytes(newest.read_bytes()[:-100])
    api.train(config(toy_images), run.path, resume=True)
    names(caplog.text, newest, "read")
    assert before.name == "iteration_00000002.pt"
    assert_same_run(run.path, whole)


class Poison:
    def __init__(self, file):
        self.file = file

    def __reduce__(self):
        return os.mkdir, (self.file,)


def test_a_poisoned_checkpoint_does_not_run(monkeypatch, toy_images, tmp_path, whole):
    run = stopped(monkeypatch, config(toy_images), tmp_path / "run", 3)
    state = run.latest() | {"iteration": 5, "more": Poison(str(tmp_path / "victim"))}
    torch.save(state, run.path / "checkpoints" / "iteration_00000005.pt")
    api.train(config(toy_images), run.path, resume=True)
    assert not (tmp_path / "victim").exists()
    assert_same_run(run.path, whole)


def test_a_checkpoint_of_other_networks_is_refused(monkeypatch, toy_images, tmp_path):
    run = stopped(monkeypatch, config(toy_images), tmp_path / "run", 2)
    wide = stopped(monkeypatch, config(toy_images, "METHOD.GENERATOR.WIDTH", "8"), tmp_path / "wide", 3)
    wide.checkpoints()[-1].rename(run.path / "checkpoints" / "iteration_00000003.pt")
    with pytest.raises(RunError, match=r"checkpoints: .*networks .*config\.yaml.*--out"):
        api.train(config(toy_images), run.path, resume=True)


def test_another_configuration_is_refused_and_a_run_is_not_overwritten(toy_images, whole, capsys):
    command = ["train", "--cfg", str(TOY / "adgan_2d.yaml"), "--out", str(whole)]
    before = {file: file.stat().st_mtime_ns for file in whole.rglob("*") if file.is_file()}
    assert main([*command, *pairs(toy_images)]) == 2
    names(capsys.readouterr().err, whole, "exists", "--resume", "--out")
    assert main([*command, "--resume", *pairs(toy_images, "SOLVER.LR", "0.5", "METHOD.POOL", "9")]) == 2
    told = capsys.readouterr().err
    assert "SOLVER.LR: 0.5 here, 0.0002 there" in told and "METHOD.POOL: 9 here, 4 there" in told
    assert before == {file: file.stat().st_mtime_ns for file in whole.rglob("*") if file.is_file()}


def test_a_stop_is_one_for_all_configurations(monkeypatch, toy_images, tmp_path, capsys):
    hooks = session._hooks
    monkeypatch.setattr(session, "_hooks", lambda *given: [*hooks(*given), StopAfter(1)])
    monkeypatch.chdir(tmp_path)
    files = [str(TOY / f"{name}.yaml") for name in ("adgan_2d", "adgan_ins_2d")]
    assert main(["train", "--cfg", *files, *pairs(toy_images)]) == 130
    assert capsys.readouterr().out == "run folder: runs/adgan_2d\n"


def test_a_stop_before_the_training_leaves_nothing(monkeypatch, toy_images, tmp_path, capsys):
    def interrupted(config, share, **opened):
        raise KeyboardInterrupt

    monkeypatch.setattr(Batches, "of", interrupted)
    command = ["train", "--cfg", str(TOY / "adgan_2d.yaml"), "--out", str(tmp_path / "run")]
    assert main([*command, *pairs(toy_images)]) == 130
    assert capsys.readouterr().err == "interrupted\n" and not list(tmp_path.iterdir())


def test_a_training_that_fails_leaves_no_process_behind(monkeypatch, toy_images, tmp_path):
    class Fail(Hook):
        def after_step(self, trainer):
            raise ZeroDivisionError

    hooks = session._hooks
    monkeypatch.setattr(session, "_hooks", lambda *given: [*hooks(*given), Fail()])
    with pytest.raises(ZeroDivisionError):
        api.train(config(toy_images, "SYSTEM.WORKERS", "2"), tmp_path / "run")
    assert not multiprocessing.active_children()


@pytest.mark.parametrize(("owner", "name", "call", "left"), [
    (os, "fsync", 1, None),  # run.json
    (os, "fsync", 2, None),  # config.yaml
    (os, "fsync", 3, None),  # the note of files
    (os, "fsync", 4, None),  # the first checkpoint
    (os, "fsync", 7, 2),  # weights beside the checkpoint of iteration 2
    (os, "fsync", 8, 2),  # a picture
    (Path, "write_bytes", 5, 2),  # in the middle of the checkpoint of iteration 4
])  # fmt: skip
def test_a_full_disk_loses_nothing(monkeypatch, toy_images, tmp_path, whole, capsys, owner, name, call, left):
    real, calls = getattr(owner, name), []

    def full(*given):
        calls.append(given)
        if len(calls) < call:
            return real(*given)
        if name == "write_bytes":
            real(given[0], b"half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    out = tmp_path / "run"
    command = ["train", "--cfg", str(TOY / "adgan_2d.yaml"), "--out", str(out), *pairs(toy_images)]
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, full)
        assert main(command) == 2
    told = capsys.readouterr().err.splitlines()[-1]
    assert told.startswith("error: ")
    names(told, "disk", "full", "--resume")
    assert not list(tmp_path.rglob(".part*"))
    if left is not None:
        assert Run.open(out).latest()["iteration"] == left
    assert main([*command, "--resume"]) == 0
    assert_same_run(out, whole)


# Real processes.


def write_half(file, content):
    """In place of `Path.write_bytes`: of the checkpoint after that of iteration 4, half is written."""
    with file.open("wb") as opened:
        opened.write(content[: len(content) // 2])
        opened.flush()
        if (file.parent / "iteration_00000004.pt").exists():
            time.sleep(120)
        opened.write(content[len(content) // 2 :])


def run_tool(words, said, stalls, threads):
    """What a new process does: `tools/train.py`, in a process group of its own."""
    os.setsid()
    for channel in (1, 2):
        os.dup2(os.open(said, os.O_WRONLY | os.O_CREAT | os.O_APPEND), channel)
    if stalls:
        Path.write_bytes = write_half
    torch.set_num_threads(threads)
    sys.argv = ["train.py", "--cfg", str(TOY / "adgan_2d.yaml"), *words]
    runpy.run_path(str(ROOT / "tools" / "train.py"), run_name="__main__")


class Training:
    """A training in a real process, forked from one that has everything imported.

    Args:
        stalls: whether it stops for ever in the middle of its third checkpoint, that of iteration 6.
        threads: bits are the same for the same number only.
    """

    def __init__(self, out, words, *, stalls=False, threads=1):
        self.out, self.said = out, out.with_name(f"said{time.monotonic_ns()}.txt")
        arguments = (["--out", str(out), *words], self.said, stalls, threads)
        self.process = SERVER.Process(target=run_tool, args=arguments)
        self.process.start()

    def wait_for(self, condition):
        deadline = time.monotonic() + 120
        while not condition():
            if not self.process.is_alive() or time.monotonic() > deadline:
                pytest.fail(f"it ended too early: {self.said.read_text()}")
            time.sleep(0.001)

    def signal(self, number):
        os.killpg(self.process.pid, number)
        return self.end()

    def end(self):
        self.process.join(120)
        return self.process.exitcode, self.said.read_text()

    def is_stalled(self):
        parts = (self.out / "checkpoints").glob(".part-*")
        return self.saved() >= 4 and any(part.stat().st_size for part in parts if part.exists())

    def saved(self):
        files = (self.out / "checkpoints").glob("iteration_*.pt")
        return max((int(file.stem.split("_")[1]) for file in files), default=-1)


@pytest.fixture(scope="module")
def words(toy_images):
    return pairs(toy_images, "SOLVER.TOTAL", "20", "SYSTEM.WORKERS", "1", "MONITOR.SNAPSHOT", "0")


@pytest.fixture(scope="module")
def undisturbed(words, tmp_path_factory):
    training = Training(tmp_path_factory.mktemp("undisturbed") / "run", words)
    code, said = training.end()
    assert code == 0, said
    return training.out


def test_a_training_killed_while_it_saves_goes_on_to_the_same_bits(toy_images, tmp_path, whole):
    """The short form of the next, for every run of the tests."""
    first = Training(tmp_path / "run", pairs(toy_images), stalls=True, threads=torch.get_num_threads())
    first.wait_for(first.is_stalled)
    assert first.signal(signal.SIGKILL)[0] == -signal.SIGKILL
    assert Run.open(first.out).latest()["iteration"] == 4
    api.train(config(toy_images), first.out, resume=True)
    assert not list(first.out.rglob(".part-*"))
    assert_same_run(first.out, whole)


@pytest.mark.slow
def test_a_killed_process_leaves_a_checkpoint_and_loses_no_bit(words, undisturbed, tmp_path):
    out = tmp_path / "run"
    first = Training(out, words, stalls=True)
    first.wait_for(first.is_stalled)
    assert first.signal(signal.SIGKILL)[0] == -signal.SIGKILL
    assert list((out / "checkpoints").glob(".part-*"))  # it was killed while saving
    reached = Run.open(out).latest()["iteration"]
    assert reached == 4

    second = Training(out, ["--resume", *words])
    second.wait_for(lambda: second.saved() > reached + 4)
    time.sleep(np.random.default_rng().uniform(0, 0.1))  # anywhere
    assert second.signal(signal.SIGKILL)[0] == -signal.SIGKILL
    assert reached < Run.open(out).latest()["iteration"] < 20

    code, said = Training(out, ["--resume", *words]).end()
    assert code == 0, said
    assert not list(out.rglob(".part-*"))
    assert (out / "weights.safetensors").read_bytes() == (undisturbed / "weights.safetensors").read_bytes()
    assert_same(Run.open(out).latest(), Run.open(undisturbed).latest())


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_and_ends_cleanly(words, undisturbed, tmp_path, number):
    training = Training(tmp_path / "run", words)
    training.wait_for(lambda: training.saved() >= 2)
    code, said = training.signal(number)
    assert code == 130, said
    assert "Traceback" not in said
    iteration = training.saved()
    assert 2 <= iteration < 20
    assert re.search(rf"\b{iteration} of 20\b.*--resume", said)
    assert said.count("stopping") == 1
    if number == signal.SIGTERM:
        return  # the rest is the same
    code, said = Training(tmp_path / "run", ["--resume", *words]).end()
    assert code == 0, said
    final = [(folder / "weights.safetensors").read_bytes() for folder in (tmp_path / "run", undisturbed)]
    assert final[0] == final[1]


@pytest.mark.slow
def test_two_trainings_do_not_share_a_folder(words, tmp_path):
    first = Training(tmp_path / "run", words, stalls=True)
    first.wait_for(lambda: first.saved() >= 2)
    settings = api.load_config(TOY / "adgan_2d.yaml", words)
    with pytest.raises(RunError, match=r"run .*in use .*wait"):
        api.train(settings, tmp_path / "run", resume=True)
    assert first.signal(signal.SIGKILL)[0] == -signal.SIGKILL
