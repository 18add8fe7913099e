"""A threshold as a method: what it finds is known without training."""

from pathlib import Path

import torch
from torch import nn

from nucleizoo import Method
from nucleizoo.contracts import Group, Update

CONFIG = Path(__file__).with_name("cut.yaml")


def words(data, level, seed, *more):
    """KEY VALUE pairs of a training on a folder."""
    pairs = {"DATASET.ROOT": data, "METHOD.LEVEL": level, "SYSTEM.SEED": seed}
    return [str(word) for pair in pairs.items() for word in pair] + list(more)


class Cut(Method):
    """Whatever is brighter than a level, which every seed shifts a little.

    Args:
        level: in [-1, 1].
        blind: find nothing, as a method that only translates.
    """

    needs = frozenset({"image"})

    def __init__(self, task, *, level: float = 0.0, blind: bool = False):
        super().__init__(task)
        self.blind = blind
        self.level = nn.Parameter(level + 0.02 * torch.randn(()))
        self.unused = nn.Parameter(torch.zeros(6))

    @property
    def segments(self):
        return not self.blind

    def groups(self):
        return {"all": Group(tuple(self.parameters()))}

    def train_step(self, batch, clock):
        yield Update(
            "all", {"nothing": 0 * self.level + self.unused.square().sum() + 1 / (1 + clock.iteration)}
        )

    def forward(self, image):
        return torch.sigmoid(50 * (image - self.level))
