import math
import multiprocessing
import os
import random
import signal
import time

import numpy as np
import pytest
import torch
from support.naming import names
from support.toy_methods import TASK, Duo, Told, batches, settings, trainer
from torch import nn

from nucleizoo.contracts import Clock, Group, Method, Update
from nucleizoo.core.errors import DivergedError, UserError
from nucleizoo.ops.nn.joint_backward import gather_gradients
from nucleizoo.runs import Run
from nucleizoo.training.hooks import Hook, Save
from nucleizoo.training.solver import Solver
from nucleizoo.training.trainer import Trainer
from nucleizoo.training.workers import stream


def test_each_update_moves_its_group_by_its_own_gradient():
    method = Duo(made=2.0, judged=3.0)
    losses = trainer(method).step({})
    # maker: d(made * judged) / d made = 3; critic, with the new maker: d(judged - made)^2 = 2 (3 - -1)
    assert method.made.item() == 2.0 - 3.0
    assert method.judged.item() == 3.0 - 2 * (3.0 - -1.0)
    assert {name: loss.item() for name, loss in losses.items()} == {"product": 6.0, "pull": 16.0}


def test_the_code_between_two_yields_sees_the_earlier_update_applied():
    seen = []

    def told(method, batch, clock):
        seen.append(method.made.item())
        yield Update("maker", {"up": -method.made.sum()})
        seen.append(method.made.item())
        yield Update("critic", {"rest": method.judged.sum()})
        seen.append(method.judged.item())

    trainer(Told(told, made=2.0, judged=3.0)).step({})
    assert seen == [2.0, 3.0, 2.0]


def test_losses_of_an_update_are_summed():
    def told(method, batch, clock):
        yield Update("maker", {"one": method.made.sum(), "two": 5 * method.made.sum()})

    method = Told(told, made=2.0)
    trainer(method).step({})
    assert method.made.item() == 2.0 - 6.0


def test_a_step_of_the_maker_leaves_the_critic_untouched():
    gradients = []

    def told(method, batch, clock):
        yield Update("maker", {"through": (method.made * method.judged).sum()}, step=False)
        gradients.append((method.made.grad.item(), method.judged.grad))
        yield Update("maker", {"again": method.made.sum()})

    method = Told(told, made=2.0, judged=3.0)
    trainer(method).step({})
    assert gradients == [(3.0, None)]
    assert method.judged.item() == 3.0
    assert method.made.grad is None and method.judged.grad is None
    assert all(parameter.requires_grad for parameter in method.parameters())


class Chain(Method):
    """An encoder and a decoder in one group, one number each; the picture is decoder * encoder * 7."""

    def __init__(self, updates):
        super().__init__(TASK)
        self.encoder, self.decoder = nn.Parameter(torch.tensor([2.0])), nn.Parameter(torch.tensor([3.0]))
        self.updates = updates

    def groups(self):
        return {"generator": Group((self.encoder, self.decoder))}

    def train_step(self, batch, clock):
        picture = (self.decoder * self.encoder * 7).sum()
        return self.updates(self, picture)


def test_only_names_the_parameters_that_receive_gradient():
    def updates(method, picture):
        yield Update("generator", {"picture": picture}, only=[method.encoder])

    method = Chain(updates)
    trainer(method).step({})
    assert method.encoder.item() == 2.0 - 3.0 * 7
    assert method.decoder.item() == 3.0


def test_gathered_gradients_of_one_graph_are_applied_together():
    def updates(method, picture):
        yield Update("generator", {"both": picture}, keep_graph=True, step=False)
        yield Update("generator", {"encoder alone": 10 * picture}, only=[method.encoder])

    method = Chain(updates)
    trainer(method).step({})
    assert method.encoder.item() == 2.0 - 11 * 3.0 * 7  # both updates at the weights before either
    assert method.decoder.item() == 3.0 - 2.0 * 7  # the first alone


def test_a_graph_that_is_not_kept_is_gone():
    def updates(method, picture):
        yield Update("generator", {"first": picture}, step=False)
        yield Update("generator", {"second": 10 * picture})

    with pytest.raises(RuntimeError, match="second time"):
        trainer(Chain(updates)).step({})


def test_a_yield_inside_no_grad_is_caught():
    def told(method, batch, clock):
        loss = method.made.sum()
        with torch.no_grad():
            yield Update("maker", {"loss": loss})

    with pytest.raises(AssertionError, match="no_grad"):
        trainer(Told(told)).step({})
    torch.set_grad_enabled(True)  # the abandoned generator may not have left its block yet


def test_a_gathered_gradient_that_waits_for_a_pass_is_caught():
    def told(passes):
        def updates(method, picture):
            meeting = gather_gradients(method.encoder * 7, passes)
            yield Update("generator", {"one": (meeting * method.decoder).sum()}, keep_graph=True, step=False)
            yield Update("generator", {"other": (2 * meeting).sum()}, only=[method.encoder])

        return updates

    method = Chain(told(passes=2))
    trainer(method).step({})
    assert method.encoder.item() == 2.0 - 7 * (3.0 + 2.0)
    with pytest.raises(AssertionError, match=r"seldom\W+1\b"):
        trainer(Chain(told(passes=3))).step({})
    with pytest.raises(AssertionError, match="more often"):
        trainer(Chain(told(passes=1))).step({})


def test_one_name_for_two_losses_of_a_step_is_caught():
    def told(method, batch, clock):
        yield Update("maker", {"loss": method.made.sum()})
        yield Update("critic", {"loss": method.judged.sum()})

    with pytest.raises(AssertionError, match="'loss'"):
        trainer(Told(told)).step({})


def test_the_clock_tells_iteration_and_progress():
    told_times = []

    def told(method, batch, clock):
        told_times.append((clock.iteration, clock.total, clock.progress))
        yield Update("maker", {"loss": method.made.sum()})

    trainer(Told(told), TOTAL=4).train(batches(4))
    assert told_times == [(0, 4, 0.0), (1, 4, 0.25), (2, 4, 0.5), (3, 4, 0.75)]


def falling(name, hold, **solver):
    """Settings with a schedule that holds for a share of the training."""
    return {"SCHEDULE": {"NAME": name, "HOLD": hold}, **solver}


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"SCHEDULE": {"NAME": "constant"}}, [1, 1, 1, 1, 1, 1, 1, 1]),
        (falling("linear", 0.5), [1, 1, 1, 1, 1, 0.75, 0.5, 0.25]),
        (falling("linear", 0.0), [1, 7 / 8, 6 / 8, 5 / 8, 4 / 8, 3 / 8, 2 / 8, 1 / 8]),
        (falling("linear", 1.0), [1, 1, 1, 1, 1, 1, 1, 1]),
        ({"SCHEDULE": {"NAME": "poly", "POWER": 2.0}}, [(n / 8) ** 2 for n in range(8, 0, -1)]),
        ({"SCHEDULE": {"NAME": "step", "EVERY": 0.25, "FACTOR": 0.5}}, [0.5 ** (n // 2) for n in range(8)]),
        (falling("cosine", 0.5), [1, 1, 1, 1, 1, (2 + 2**0.5) / 4, 0.5, (2 - 2**0.5) / 4]),
        ({"SCHEDULE": {"NAME": "constant"}, "WARMUP": 4}, [0.25, 0.5, 0.75, 1, 1, 1, 1, 1]),
        (falling("linear", 0.0, WARMUP=2), [n / 8 for n in (4, 7, 6, 5, 4, 3, 2, 1)]),
    ],
)  # fmt: skip
def test_the_rate_follows_its_schedule(keys, expected):
    config = settings(TOTAL=8, **keys)
    made = Solver(config, {})
    assert [made.factor(Clock(i, 8)) for i in range(8)] == pytest.approx(expected)


def test_every_group_steps_at_its_scale_of_the_scheduled_rate():
    class Scaled(Duo):
        def groups(self):
            return {"maker": Group((self.made,)), "critic": Group((self.judged,), lr_scale=0.5)}

        def train_step(self, batch, clock):
            yield Update("maker", {"made": self.made.sum()})
            yield Update("critic", {"judged": self.judged.sum()})

    method = Scaled(made=0.0, judged=0.0)
    trainer(method, SCHEDULE={"NAME": "linear", "HOLD": 0.0}, LR=0.1, TOTAL=4).train(batches(4))
    travelled = 0.1 * (1 + 0.75 + 0.5 + 0.25)
    assert method.made.item() == pytest.approx(-travelled)
    assert method.judged.item() == pytest.approx(-travelled / 2)


@pytest.mark.parametrize(
    ("schedule", "factors"),
    [("linear", [1, 0.5, 0, 0]), ("cosine", [1, 0.5, 0, 0.5])],  # a cosine climbs again behind the end
)
def test_a_group_of_double_pace_runs_through_its_schedule_twice_as_fast(schedule, factors):
    group = Group((nn.Parameter(torch.zeros(1)),), pace=2.0)
    config = settings(**falling(schedule, 0.0, LR=0.1, TOTAL=4))
    made = Solver(config, {"all": group})
    for iteration, factor in enumerate(factors):
        made.set_rates(Clock(iteration, 4))
        assert made.optimisers["all"].param_groups[0]["lr"] == pytest.approx(0.1 * factor, abs=1e-12)


class Layers(Method):
    """A convolution and a norm, for what depends on the shape of parameters."""

    def __init__(self):
        super().__init__(TASK)
        self.conv, self.norm = nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3)

    def groups(self):
        return {"all": Group(tuple(self.parameters()))}


@pytest.mark.parametrize("name", ["adam", "adamw"])
def test_biases_and_norms_are_decayed_only_when_asked(name):
    for decay_all, expected in ((False, {0.1: 1, 0.0: 3}), (True, {0.1: 4, 0.0: 0})):
        method = Layers()
        made = Trainer(
            method,
            settings(
                OPTIMISER={"NAME": name, "WEIGHT_DECAY": 0.1, "DECAY_ALL": decay_all, "BETAS": (0.3, 0.7)}
            ),
        )
        groups = made.optimisers["all"].param_groups
        assert {group["weight_decay"]: len(group["params"]) for group in groups} == expected
        assert any(method.conv.weight is p for p in groups[0]["params"])
        assert all(group["betas"] == (0.3, 0.7) for group in groups)
    assert type(made.optimisers["all"]).__name__.lower() == name


def test_convolutions_get_their_layout_in_place():
    method = Layers()
    weight = method.conv.weight
    Trainer(method, settings())
    assert method.conv.weight is weight
    assert weight.is_contiguous(memory_format=torch.channels_last)


def test_groups_must_hold_every_parameter_exactly_once():
    class Forgetful(Duo):
        def groups(self):
            return {"maker": Group((self.made,))}

    class Greedy(Duo):
        def groups(self):
            return {"maker": Group((self.made,)), "critic": Group((self.judged, self.made))}

    with pytest.raises(AssertionError, match="judged"):
        Trainer(Forgetful(), settings())
    with pytest.raises(AssertionError, match="two groups"):
        Trainer(Greedy(), settings())


def diverging(at):
    """A method whose loss 'bad' is NaN from step number `at` on; 'good' stays finite."""

    def told(method, batch, clock):
        factor = math.nan if clock.iteration + 1 >= at else 1.0
        yield Update("maker", {"good": 0.1 * method.made.sum(), "bad": factor * method.made.sum()})

    return Told(told)


def test_a_loss_that_is_not_finite_names_term_and_iteration(tmp_path):
    run = Run(tmp_path / "run", settings()).create()
    with pytest.raises(DivergedError) as caught:
        trainer(diverging(at=3), [Save(run, every=1)], TOTAL=5).train(batches(5))
    assert "iteration 3" in str(caught.value) and "'bad' is nan" in str(caught.value)
    assert "'good'" not in str(caught.value)
    state = run.latest()
    assert state["iteration"] == 2
    assert all(torch.isfinite(value).all() for value in state["method"].values())


class Recorder(Hook):
    def __init__(self, name, events):
        self.name, self.events = name, events

    def before_training(self, trainer):
        self.events.append(f"{self.name} before {trainer.iteration}")

    def after_step(self, trainer):
        self.events.append(f"{self.name} step {trainer.iteration}")
        assert set(trainer.losses) == {"product", "pull"} and set(trainer.batch) == {"image"}

    def after_training(self, trainer):
        self.events.append(f"{self.name} after {trainer.iteration}")

    def close(self):
        self.events.append(f"{self.name} close")


def test_hooks_run_in_list_order():
    events = []
    trainer(Duo(), [Recorder("a", events), Recorder("b", events)]).train(batches(2))
    assert events == [
        "a before 0", "b before 0", "a step 1", "b step 1", "a step 2", "b step 2",
        "a after 2", "b after 2", "a close", "b close",
    ]  # fmt: skip


def test_hooks_are_closed_after_an_error_but_not_told_of_an_end():
    events = []

    def failing():
        yield batches(1)[0]
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="gone"):
        trainer(Duo(), [Recorder("a", events)]).train(failing())
    assert events == ["a before 0", "a step 1", "a close"]


def test_stop_ends_the_training_after_the_step_under_way():
    class Stop(Hook):
        def after_step(self, trainer):
            trainer.stop = trainer.iteration == 2

    events = []
    made = trainer(Duo(), [Stop(), Recorder("a", events)])
    made.train(batches(5))
    assert made.iteration == 2
    assert events[-2:] == ["a after 2", "a close"]


@pytest.mark.parametrize(("precision", "dtype"), [("fp32", torch.float32), ("bf16", torch.bfloat16)])
def test_forward_passes_run_in_the_precision_and_weights_stay_float32(precision, dtype):
    seen = []

    class Wide(Layers):
        def train_step(self, batch, clock):
            made = self.conv(batch["image"])
            seen.append(made.dtype)
            yield Update("all", {"loss": self.norm(made).float().square().mean()})

    made = Trainer(Wide(), settings(precision=precision, LR=0.1))
    made.train([{"image": torch.randn(1, 2, 8, 8)}])
    assert seen == [dtype]
    assert all(p.dtype == torch.float32 for p in made.method.parameters())


def test_state_survives_a_file_and_continues_to_the_bit(tmp_path):
    def noise():
        return torch.randn(1) + np.random.normal() + random.random()

    def told(method, batch, clock):
        yield Update("maker", {"made": (noise() * method.made).square().sum()})
        yield Update("critic", {"judged": (method.judged - noise()).square().sum()})

    def run(first, last, state=None):
        for seed in (torch.manual_seed, np.random.seed, random.seed):
            seed(5 if state is None else 99)
        made = Trainer(
            Told(told),
            settings(
                TOTAL=6, LR=0.1, SCHEDULE={"NAME": "linear"}, OPTIMISER={"NAME": "adam", "WEIGHT_DECAY": 0.01}
            ),
        )
        if state is not None:
            made.load_state_dict(state)
        made.train(batches(last - first))
        return made

    torch.save(run(0, 3).state_dict(), tmp_path / "state.pt")
    resumed, after_resumed = run(3, 6, torch.load(tmp_path / "state.pt", weights_only=True)), noise()
    whole, after_whole = run(0, 6), noise()
    assert resumed.iteration == whole.iteration == 6 and after_resumed == after_whole
    for one, other in zip(resumed.method.parameters(), whole.method.parameters(), strict=True):
        assert torch.equal(one, other)


def test_a_continuation_with_other_arithmetic_says_that_bits_will_differ(caplog):
    one = trainer(Duo())
    state = one.state_dict()
    one.load_state_dict(state)
    assert not caplog.records
    state["arithmetic"]["threads"] = "64"
    one.load_state_dict(state)
    names(caplog.text, "threads 64", "bit for bit")


class Crops:
    """Batches of one black pixel, as the loader wants them."""

    def __getitem__(self, iteration):
        return batches(1)[0]


def test_a_worker_that_is_killed_during_a_step_is_told_with_the_ways_out():
    class Kill(Hook):
        def after_step(self, trainer):
            (worker,) = multiprocessing.active_children()
            os.kill(worker.pid, signal.SIGKILL)
            time.sleep(5)  # the news interrupts it

    events = []
    with pytest.raises(UserError, match=r"SYSTEM\.WORKERS"):
        trainer(Duo(), [Kill(), Recorder("a", events)]).train(stream(Crops(), 0, 50, workers=1))
    assert events == ["a before 0", "a close"]


def test_a_group_may_be_given_the_iterator_that_a_module_gives():
    layer = nn.Linear(2, 2)
    group = Group(layer.parameters())
    assert group.parameters == tuple(layer.parameters()) == group.parameters


def test_a_method_that_never_sees_images_draws_its_source():
    source = torch.full((1, 1, 2, 2), 0.25)
    drawn = Duo(made=2.0).snapshot({"source": source})
    assert list(drawn) == ["source", "prediction"]
    torch.testing.assert_close(drawn["prediction"], 2 * source)
