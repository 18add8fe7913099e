"""Trainings in two real processes: as torchrun starts them, but forked from one with everything imported."""

import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
import torch
from support.forked import SERVER
from support.naming import names
from support.same import assert_same
from torch import nn

from nucleizoo import api, build
from nucleizoo.cli import main
from nucleizoo.core.errors import ConfigError
from nucleizoo.runs import Run, weights_of
from nucleizoo.training import session
from nucleizoo.training.batches import Batches
from nucleizoo.training.distributed.process_group import process_group
from nucleizoo.training.hooks import Hook
from nucleizoo.training.trainer import Trainer

ROOT = Path(__file__).parents[2]
TOY = ROOT / "configs" / "toy"

PLAIN = [
    "SYSTEM.DEVICE", "cpu", "SYSTEM.PRECISION", "fp32", "SYSTEM.WORKERS", "0", "MONITOR.TENSORBOARD", "False",
    "MONITOR.VALIDATE", "0", "MONITOR.SNAPSHOT", "0",
]  # fmt: skip


def config(images, name, *more):
    return api.load_config(TOY / f"{name}.yaml", ["DATASET.ROOT", str(images), *PLAIN, *more])


def begin(number, count, port, said, work, given):
    """What a new process does."""
    os.environ |= {
        "RANK": str(number), "LOCAL_RANK": str(number), "WORLD_SIZE": str(count),
        "LOCAL_WORLD_SIZE": str(count),
        "MASTER_ADDR": "localhost", "MASTER_PORT": str(port), "TORCHELASTIC_USE_AGENT_STORE": "True",
    }  # fmt: skip
    for channel in (1, 2):
        os.dup2(os.open(said, os.O_WRONLY | os.O_CREAT | os.O_APPEND), channel)
    torch.set_num_threads(1)
    sys.exit(work(*given))


@dataclass
class Ended:
    """How processes ended: their exit codes, and what all of them printed."""

    codes: list[int]
    said: str


def together(folder, work, *given, count=2):
    """Run a function of this file in `count` processes that find one another."""
    meeting = torch.distributed.TCPStore("localhost", 0, is_master=True, timeout=timedelta(seconds=60))
    said = folder / f"said{time.monotonic_ns()}.txt"
    processes = [
        SERVER.Process(target=begin, args=(number, count, meeting.port, said, work, given))
        for number in range(count)
    ]
    for process in processes:
        process.start()
    deadline = time.monotonic() + 120
    for process in processes:
        process.join(max(0, deadline - time.monotonic()))
    if hanging := [process for process in processes if process.is_alive()]:
        for process in hanging:
            process.kill()
        pytest.fail(f"{len(hanging)} of {count} hang: {said.read_text()}")
    return Ended([process.exitcode for process in processes], said.read_text())


# The same batch gives the same gradients.

SWITCHED_OFF = {
    # what is drawn at random in a step, and critics of distributions, which judge what their own rank has
    "udct_2d": ["METHOD.NOISE", "0", "METHOD.HISTOGRAM_GAN.WEIGHT", "0", "METHOD.POOL", "0"],
    "supervised_2d": [],
}


STEPS = {torch.float32: 1, torch.float64: 3}
"""In float32, rounding of the first step flips signs in the gradients of the next."""

CASES = [
    *((name, torch.float64) for name in ("adgan_2d", "cyclegan_2d", "cysgan_2d", "supervised_2d")),
    ("udct_2d", torch.float32),  # its distributions are of float32
]


def gradients(images, name, dtype):
    """Of every group in some steps of plain descent, on batches of four; losses and weights after these."""
    settings = config(images, name, "SOLVER.BATCH", "4", *SWITCHED_OFF.get(name, ["METHOD.POOL", "0"]))
    seen = []
    with process_group() as ranks:
        torch.manual_seed(ranks.number)  # so that weights are equal because they were made so
        trainer = Trainer(build.method(settings), settings, ranks=ranks)
        trainer.method.to(dtype)
        for name, group in trainer.groups.items():
            one = torch.optim.SGD(group.parameters, lr=0.0)
            one.register_step_pre_hook(
                lambda *_, name=name, group=group: seen.append((name, [p.grad for p in group.parameters]))
            )
            trainer.optimisers[name] = one
        torch.manual_seed(0)  # the coins of CySGAN
        batches = Batches.of(settings, (ranks.number, ranks.count))
        trainer.train({k: v.to(dtype) for k, v in batches[i].items()} for i in range(STEPS[dtype]))
    return {"gradients": seen, "losses": trainer.losses, "weights": list(trainer.method.parameters())}


def write_gradients(images, folder):
    for name, dtype in CASES:
        torch.save(gradients(images, name, dtype), folder / f"{name}_{dtype}_{os.environ['RANK']}.pt")


@pytest.fixture(scope="module")
def images(toy_images):
    return toy_images / "images"


@pytest.fixture(scope="module")
def shared(images, tmp_path_factory):
    """A folder of what two ranks saw, a file a method and rank."""
    folder = tmp_path_factory.mktemp("gradients")
    ended = together(folder, write_gradients, images, folder)
    assert ended.codes == [0, 0], ended.said
    return folder


@pytest.mark.parametrize(("name", "dtype"), CASES)
def test_a_batch_gives_the_same_gradients_on_one_rank_and_on_two(images, shared, name, dtype):
    alone = gradients(images, name, dtype)
    first, second = (torch.load(shared / f"{name}_{dtype}_{number}.pt") for number in range(2))
    assert_same(first, second)  # weights do not drift apart by a bit
    groups = [group for group, _ in alone["gradients"]]
    assert groups == [group for group, _ in first["gradients"]] and len(groups) >= STEPS[dtype]
    for (_, expected), (_, got) in zip(alone["gradients"], first["gradients"], strict=True):
        largest = max(grad.abs().max() for grad in expected)
        assert largest > 0
        error = max((a - b).abs().max() for a, b in zip(expected, got, strict=True)) / largest
        assert error < (1e-4 if dtype == torch.float32 else 1e-12)
    for loss, value in alone["losses"].items():
        torch.testing.assert_close(first["losses"][loss], value, check_dtype=False)


def test_shares_of_a_batch_are_the_batch(images):
    settings = config(images, "adgan_2d", "SOLVER.BATCH", "6")
    shares = [Batches.of(settings, (part, 3))[5] for part in range(3)]
    for key, whole in Batches.of(settings)[5].items():
        assert torch.equal(torch.cat([share[key] for share in shares]), whole)


def test_a_batch_that_cannot_be_shared_out_is_refused(images):
    with pytest.raises(ConfigError, match=r"SOLVER\.BATCH .*\b6\b.*\b4\b.*\b8\b"):
        Batches.of(config(images, "adgan_2d", "SOLVER.BATCH", "6"), (0, 4))


def average_some(folder):
    """Three parameters: reached by both ranks, by the second alone, and by none."""
    with process_group() as ranks:
        parameters = [nn.Parameter(torch.zeros(2, 3)) for _ in range(3)]
        parameters[0].grad = torch.full((2, 3), 1.0 + ranks.number)
        if not ranks.is_first:
            parameters[1].grad = torch.ones(2, 3)
        ranks.average(parameters)
        torch.save([p.grad for p in parameters], folder / f"{ranks.number}.pt")


def test_a_gradient_is_the_mean_over_ranks_and_none_where_none_has_one(tmp_path):
    ended = together(tmp_path, average_some, tmp_path)
    assert ended.codes == [0, 0], ended.said
    for number in range(2):
        both, second, none = torch.load(tmp_path / f"{number}.pt")
        assert both.eq(1.5).all() and second.eq(0.5).all() and none is None


def start_from(images, folder):
    """The weights before the first step on every rank, of which only the first can read the run."""
    with process_group() as ranks:
        source = folder / "source" if ranks.is_first else folder / "nowhere"
        settings = config(images, "supervised_2d", "SOLVER.FROM", str(source))
        trainer, _ = session._prepared(Run(folder / "run", settings), ranks, ())
        torch.save(weights_of(trainer.method), folder / f"{ranks.number}.pt")


def test_the_first_rank_reads_the_weights_that_all_start_from(images, tmp_path):
    run = Run(tmp_path / "source", config(images, "supervised_2d", "SYSTEM.SEED", "3")).create()
    given = weights_of(build.method(run.config))
    run.save({"iteration": 0}, given)
    ended = together(tmp_path, start_from, images, tmp_path)
    assert ended.codes == [0, 0], ended.said
    for number in range(2):
        assert_same(torch.load(tmp_path / f"{number}.pt"), given)


# Stopping and resuming.


class At(Hook):
    """Does something to the trainer after a step of one rank."""

    def __init__(self, number, iteration, act):
        self.number, self.iteration, self.act = number, iteration, act

    def after_step(self, trainer):
        if (trainer.ranks.number, trainer.iteration) == (self.number, self.iteration):
            self.act(trainer)


def also(hook):
    """Give trainings of this process another hook; for processes that end with them."""
    hooks = session._hooks
    session._hooks = lambda *given: [hook, *hooks(*given)]


def stop(trainer):
    trainer.stop = True


def train(images, out, name, resume=False, stopping=None):
    """Six steps of a toy; the rank `stopping` is told to stop after three."""
    if stopping is not None:
        also(At(stopping, 3, stop))
    api.train(config(images, name, "SOLVER.AVERAGE", "0.9"), out, resume=resume)


def test_a_stopped_training_of_two_ranks_goes_on_to_the_bit(images, tmp_path):
    whole, halves = tmp_path / "whole", tmp_path / "halves"  # of UDCT: it draws noise, and has pools
    for out, resume, stopping, reached in (
        (whole, False, None, 6), (halves, False, 1, 3), (halves, True, None, 6)
    ):  # fmt: skip
        ended = together(tmp_path, train, images, out, "udct_2d", resume, stopping)
        assert ended.codes == [0, 0] and "bit for bit" not in ended.said, ended.said
        assert Run.open(out).latest()["iteration"] == reached
    state = Run.open(whole).latest()
    assert_same(Run.open(halves).latest(), state)
    (other,) = state["others"]
    assert not torch.equal(state["random"]["torch"], other["random"]["torch"]) and other["method"]
    for key, pool in other["method"].items():
        assert not torch.equal(pool["pictures"][0], state["method"][key]["pictures"][0])


@pytest.mark.parametrize(("before", "after"), [(2, 1), (1, 2)])
def test_other_ranks_go_on_with_a_warning(images, tmp_path, before, after):
    for count, given in ((before, (False, 0)), (after, (True,))):
        ended = together(tmp_path, train, images, tmp_path / "run", "adgan_2d", *given, count=count)
        assert ended.codes == [0] * count, ended.said
    assert len(re.findall(rf"bit for bit.*\branks {before}\b.* {after}\n", ended.said)) == 1
    state = Run.open(tmp_path / "run").latest()
    assert state["iteration"] == 6 and len(state.get("others", [])) == after - 1


# What goes wrong at one rank ends all.


def fail(trainer):
    raise ZeroDivisionError("a mistake")


def mend(trainer):
    raise ConfigError("this must be mended")


def die(trainer):
    os.kill(os.getpid(), signal.SIGKILL)


def spoil(trainer):
    next(trainer.method.parameters()).data.fill_(float("nan"))


def command(images, out, number, act, *more):
    """The command, with a misfortune after the second step of one rank, or of all."""
    for one in range(2) if number is None else [number]:
        also(At(one, 2, act))
    words = ["--cfg", str(TOY / "adgan_2d.yaml"), "--out", str(out), "DATASET.ROOT", str(images), *PLAIN]
    return main(["train", *words, "MONITOR.SAVE", "9", *more])


@pytest.mark.slow
@pytest.mark.parametrize(("number", "act", "more", "codes", "told"), [
    (1, fail, [], [2, 1], "ZeroDivisionError: a mistake"),
    (0, mend, [], [2, 2], "error: this must be mended"),
    (1, mend, [], [2, 2], "error: this must be mended"),
    (None, mend, [], [2, 2], "error: this must be mended"),
    (1, die, [], [2, -signal.SIGKILL], "error: .*process .*lost.*--resume"),
    (1, spoil, [], [2, 2], r"error: .*iteration 3\b.*loss.*SOLVER\.LR"),
    (1, stop, ["SOLVER.BATCH", "3"], [2, 2], r"error: SOLVER\.BATCH .*processes"),
    (1, stop, ["SOLVER.BACH", "3"], [2, 2], r"SOLVER\.BACH .*SOLVER\.BATCH"),
    (1, stop, ["SYSTEM.DEVICE", "meta"], [2, 2], r"error: SYSTEM\.DEVICE"),
    (1, stop, [], [130, 130], r"\b2 of 6\b.*--resume"),
])  # fmt: skip
def test_one_rank_ends_all_and_one_tells_why(images, tmp_path, number, act, more, codes, told):
    ended = together(tmp_path, command, images, tmp_path / "run", number, act, *more)
    assert ended.codes == codes, ended.said
    assert len(re.findall(told, ended.said)) == 1, ended.said
    assert ended.said.count("error: ") <= 1
    assert ended.said.count("Traceback") == (1 if act is fail else 0)


def predict():
    return main(["predict", "--run", "nowhere", "--input", "nothing", "--output", "nowhere"])


def test_other_commands_are_not_for_several_processes(tmp_path):
    ended = together(tmp_path, predict)
    assert ended.codes == [2, 2]
    assert len(re.findall("error: .*torchrun", ended.said)) == 1


def test_nothing_is_initialised_for_one_process(images, tmp_path, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "1")
    monkeypatch.setenv("RANK", "0")
    with process_group() as ranks:
        assert (ranks.number, ranks.count) == (0, 1) and not torch.distributed.is_initialized()


def test_processes_that_cannot_meet_say_so(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.delenv("RANK", raising=False)
    assert main(["train", "--cfg", str(TOY / "cysgan_2d.yaml"), "--out", str(tmp_path / "run")]) == 2
    names(capsys.readouterr().err, "WORLD_SIZE", "2", "processes", "torchrun")


@pytest.mark.parametrize("count", ["abc", ""])
def test_a_number_of_processes_that_is_none_is_told(monkeypatch, tmp_path, capsys, count):
    monkeypatch.setenv("WORLD_SIZE", count)
    assert main(["train", "--cfg", str(TOY / "cysgan_2d.yaml"), "--out", str(tmp_path / "run")]) == 2
    names(capsys.readouterr().err, f"'{count}'", "number", "torchrun", "unset WORLD_SIZE")


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_torchrun_trains_and_a_signal_to_it_saves(images, tmp_path, number):
    out = tmp_path / "run"
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    words = ["--cfg", str(TOY / "cyclegan_2d.yaml"), "--out", str(out), "DATASET.ROOT", str(images), *PLAIN]
    train = [*launch, str(ROOT / "tools" / "train.py"), *words, "SOLVER.TOTAL", "30"]
    with (tmp_path / "said.txt").open("w") as said:
        going = subprocess.Popen([*train, "SYSTEM.WORKERS", "1"], stdout=said, stderr=said)
        deadline = time.monotonic() + 120
        while not (out / "checkpoints" / "iteration_00000002.pt").is_file():
            assert going.poll() is None and time.monotonic() < deadline, (tmp_path / "said.txt").read_text()
            time.sleep(0.01)
        going.send_signal(number)
        assert going.wait(60) != 0
    told = (tmp_path / "said.txt").read_text()
    reached = Run.open(out).latest()["iteration"]
    assert 2 <= reached < 30 and re.search(rf"\b{reached} of 30\b.*--resume", told)
    done = subprocess.run([*train, "--resume"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"run folder: {out}\n" and Run.open(out).is_finished
