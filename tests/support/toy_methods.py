"""Methods of a few numbers, so that what the engine does to them can be worked out by hand."""

import torch
from torch import nn
from yacs.config import CfgNode

from nucleizoo.contracts import Channel, Group, Method, Target, Task, Update
from nucleizoo.defaults import DEFAULTS
from nucleizoo.training.trainer import Trainer


class Plain(Target):
    """One map in [0, 1], shown as it is."""

    channels = (Channel("mask", "sigmoid"),)

    def encode(self, labels, spacing=()):
        return (labels > 0)[None].astype("float32")

    def as_image(self, maps):
        return 2 * maps - 1

    def from_image(self, picture):
        return (picture + 1) / 2


TASK = Task(channels=1, source_channels=1, dims=2, target=Plain())


class Duo(Method):
    """Two numbers: `made` belongs to the group 'maker', `judged` to the group 'critic'."""

    def __init__(self, task=TASK, made=2.0, judged=3.0):
        super().__init__(task)
        self.made = nn.Parameter(torch.tensor([made]))
        self.judged = nn.Parameter(torch.tensor([judged]))

    def groups(self):
        return {"maker": Group((self.made,)), "critic": Group((self.judged,))}

    def train_step(self, batch, clock):
        yield Update("maker", {"product": (self.made * self.judged).sum()})
        yield Update("critic", {"pull": (self.judged - self.made.detach()).square().sum()})

    def forward(self, image):
        return self.task.target.from_image(self.made * image)


class Told(Duo):
    """A Duo whose step is the function it is given: called with the method, the batch and the clock."""

    def __init__(self, told, **settings):
        super().__init__(**settings)
        self.told = told

    def train_step(self, batch, clock):
        return self.told(self, batch, clock)


def settings(*, precision="fp32", **solver):
    """The sections that a trainer reads: constant rate 1 unless told otherwise."""
    plain = {"LR": 1.0, "SCHEDULE": {"NAME": "constant"}, "TOTAL": 3}
    plain["OPTIMISER"] = {"NAME": "adam", "BETAS": (0.5, 0.99), "WEIGHT_DECAY": 0.0, "DECAY_ALL": False}
    return CfgNode({
        "SYSTEM": {**DEFAULTS["SYSTEM"], "DEVICE": "cpu", "PRECISION": precision},
        "SOLVER": {**DEFAULTS["SOLVER"], **plain, **solver},
    })  # fmt: skip


def trainer(method, hooks=(), **solver):
    """A trainer that steps by the plain gradient, w <- w - rate * gradient: easy to follow by hand."""
    made = Trainer(method, settings(**solver), hooks)
    for name, group in made.groups.items():
        made.optimisers[name] = torch.optim.SGD(group.parameters, lr=0.0)
    return made


def batches(count=3):
    """As many batches of one black pixel."""
    return [{"image": torch.zeros(1, 1, 1, 1)} for _ in range(count)]
