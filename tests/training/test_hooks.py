import random

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from support.toy_methods import TASK, Duo, batches, settings, trainer
from torch import nn

from nucleizoo.contracts import Group, Method, Update
from nucleizoo.core.errors import DivergedError
from nucleizoo.runs import Run
from nucleizoo.training.hooks import Average, Every, Save, predicting


class Ramp(Duo):
    """After step i the weight `made` is exactly i, and `judged` stays 3."""

    def train_step(self, batch, clock):
        yield Update("maker", {"down": -self.made.sum()})


@pytest.mark.parametrize(
    ("decay", "mean"),
    [
        (0.0, 6.0),  # nothing is kept: the last step's weight
        # a step's weights keep 1 - its decay, times the decays of all later steps; those are 2/11, then 0.2
        (0.2, 9 / 11 * 0.2**5 + 0.8 * (2 * 0.2**4 + 3 * 0.2**3 + 4 * 0.2**2 + 5 * 0.2 + 6)),
        # and 2/11, 3/12, 4/13, 5/14, 6/15, 7/16, which never reach 0.9
        (0.9, 9 / 2288 + 2 * 3 / 208 + 3 * 9 / 208 + 4 * 9 / 80 + 5 * 21 / 80 + 6 * 9 / 16),
    ],
)
def test_the_average_is_the_mean_of_all_steps_each_with_its_share(decay, mean):
    average = Average(decay)
    trainer(Ramp(made=0.0), [average]).train(batches(6))
    assert average.mean["made"].item() == pytest.approx(mean, rel=1e-6)
    assert average.mean["judged"].item() == 3.0


def test_a_mean_of_many_steps_stays_as_far_behind_as_its_decay_says():
    """Of a weight that grows by 1 a step, a mean that keeps the share d is d / (1 - d) behind: 1 for 0.5."""
    average = Average(0.5)
    trainer(Ramp(made=0.0), [average], TOTAL=60).train(batches(60))
    assert average.mean["made"].item() == pytest.approx(60 - 1, rel=1e-6)


def test_the_average_copies_what_cannot_be_averaged():
    class Counting(Ramp):
        def __init__(self):
            super().__init__(made=0.0)
            self.norm = nn.BatchNorm1d(1, affine=False)

        def train_step(self, batch, clock):
            self.norm(torch.randn(4, 1))
            yield from super().train_step(batch, clock)

    average = Average(0.9)
    trainer(Counting(), [average]).train(batches(3))
    assert average.mean["norm.num_batches_tracked"].item() == 3


def test_the_average_is_applied_inside_the_block_alone():
    average = Average(0.9)
    made = trainer(Ramp(made=0.0), [average])
    made.train(batches(4))
    mean = average.mean["made"].clone()
    with pytest.raises(KeyError), predicting(made, average.mean):
        assert torch.equal(made.method.made, mean) and made.method.made.item() != 4.0
        raise KeyError
    assert made.method.made.item() == 4.0
    assert torch.equal(average.mean["made"], mean)


def test_a_resumed_average_goes_on_from_its_mean():
    whole, first = Average(0.9), Average(0.9)
    trainer(Ramp(made=0.0), [whole]).train(batches(6))
    made = trainer(Ramp(made=0.0), [first])
    made.train(batches(3))
    state = {name: value.clone() for name, value in first.state_dict().items()}
    second = Average(0.9)
    resumed = trainer(Ramp(made=3.0), [second])
    second.load_state_dict(state)
    resumed.iteration = 3
    resumed.train(batches(3))
    assert torch.equal(second.mean["made"], whole.mean["made"])


class Looked:
    """Remembers when it was called, and uses up random numbers."""

    def __init__(self):
        self.calls = []

    def __call__(self, trainer):
        torch.rand(7), np.random.rand(7), random.random()
        np.testing.assert_equal(torch.is_grad_enabled(), False)
        assert not trainer.method.training
        self.calls.append((trainer.iteration, trainer.method.made.item()))


def test_validate_looks_on_time_and_at_the_end():
    look = Looked()
    made = trainer(Ramp(made=0.0), [Every(2, look)])
    made.train(batches(5))
    assert [iteration for iteration, _ in look.calls] == [2, 4, 5]
    assert made.method.training and torch.is_grad_enabled()


def test_validate_looks_at_the_start_where_that_is_asked_for():
    look, resumed = Looked(), Looked()
    trainer(Ramp(made=0.0), [Every(2, look, from_start=True)]).train(batches(3))
    assert look.calls == [(0, 0.0), (2, 2.0), (3, 3.0)]
    made = trainer(Ramp(made=1.0), [Every(2, resumed, from_start=True)])
    made.iteration = 1
    made.train(batches(1))
    assert resumed.calls == [(2, 2.0)]


def test_validate_never_looks_when_switched_off_and_not_twice_at_the_end():
    never, even = Looked(), Looked()
    trainer(Ramp(), [Every(0, never), Every(2, even)]).train(batches(4))
    assert never.calls == [] and [i for i, _ in even.calls] == [2, 4]


def test_validate_has_nothing_to_look_at_where_nothing_was_trained():
    look = Looked()
    made = trainer(Ramp(), [Every(2, look)], TOTAL=3)
    made.iteration = 3
    made.train([])
    assert look.calls == []


def test_validate_does_not_delay_a_stop():
    look = Looked()
    made = trainer(Ramp(), [Every(3, look)])
    made.stop = True
    made.train(batches(5))
    assert made.iteration == 1 and look.calls == []


def test_validate_leaves_the_random_numbers_of_training_alone():
    def drawn(hooks):
        torch.manual_seed(0), np.random.seed(0), random.seed(0)
        trainer(Ramp(), hooks).train(batches(4))
        return torch.rand(()).item(), np.random.rand(), random.random()

    assert drawn([]) == drawn([Every(1, Looked())])


def test_validate_shows_the_averaged_weights():
    average, look = Average(0.9), Looked()
    made = trainer(Ramp(made=0.0), [average, Every(1, look)])
    made.train(batches(1))
    kept = min(0.9, 2 / 11)
    assert look.calls == [(1, pytest.approx(1 - kept))]
    assert made.method.made.item() == 1.0


def saved(run):
    return [int(file.stem.split("_")[1]) for file in run.checkpoints()]


def test_save_writes_at_the_start_on_time_and_at_the_end(tmp_path):
    run = Run(tmp_path / "run", settings()).create()
    seen = []

    class Watched(Save):
        def _save(self, trainer):
            super()._save(trainer)
            seen.append(saved(run))

    trainer(Ramp(made=0.0), [Watched(run, 2)]).train(batches(5))
    assert seen == [[0], [0, 2], [2, 4], [4, 5]]
    state = torch.load(run.checkpoints()[-1], weights_only=True)
    assert state["iteration"] == 5 and state["method"]["made"].item() == 5.0
    assert load_file(run.path / "weights.safetensors")["made"].item() == 5.0


def test_saved_weights_are_the_averaged_ones_and_the_checkpoint_has_both(tmp_path):
    run, average = Run(tmp_path / "run", settings()).create(), Average(0.9)
    trainer(Ramp(made=0.0), [average, Save(run, 2)]).train(batches(5))
    assert torch.equal(load_file(run.path / "weights.safetensors")["made"], average.mean["made"])
    state = run.latest()
    assert state["method"]["made"].item() == 5.0
    assert torch.equal(state["hooks"]["Average"]["made"], average.mean["made"])


def test_weights_that_are_not_finite_are_not_saved(tmp_path):
    class Exploding(Ramp):
        def train_step(self, batch, clock):
            steep = self.made if clock.iteration < 2 else (self.made - 2).sqrt()  # finite, its slope is not
            yield Update("maker", {"steep": -steep.sum()})

    run = Run(tmp_path / "run", settings()).create()
    with pytest.raises(DivergedError, match=r"iteration 3\b.* weights 'made' .*SOLVER\.LR"):
        trainer(Exploding(made=0.0), [Save(run, 1)]).train(batches(5))
    assert run.latest()["iteration"] == 2
    assert load_file(run.path / "weights.safetensors")["made"].item() == 2.0


def test_buffers_and_training_state_do_not_reach_the_weights_for_prediction(tmp_path):
    class Pooled(Method):
        def __init__(self):
            super().__init__(TASK)
            self.weight = nn.Parameter(torch.ones(1))
            self.register_buffer("mean", torch.zeros(1))

        def get_extra_state(self):
            return {"pool": [torch.ones(3)]}

        def set_extra_state(self, state):
            self.pool = state["pool"]

        def groups(self):
            return {"all": Group((self.weight,))}

    run = Run(tmp_path / "run", settings()).create()
    trainer(Pooled(), [Save(run, 2)]).train([])
    assert set(load_file(run.path / "weights.safetensors")) == {"weight", "mean"}
    assert run.latest()["method"]["_extra_state"]["pool"][0].shape == (3,)
