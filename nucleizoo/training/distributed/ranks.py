"""What a training asks of the processes that train together; one that trains alone answers for itself.

Every rank prepares its share of each batch and steps with the mean of all gradients, so that weights and
optimisers are the same everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor
from torch.nn import Parameter

T = TypeVar("T")


class Ranks:
    """One process that trains alone: nothing is exchanged. See `training.distributed.process_group` for
    several.

    Attributes:
        number: of this rank, 0 or more; the first one reads and writes the run folder.
        count: ranks in all.
        neighbours: ranks on this machine, this one included.
    """

    number, count, neighbours = 0, 1, 1

    @property
    def is_first(self) -> bool:
        """Whether this is the rank that writes and reports."""
        return self.number == 0

    def place(self, device: torch.device) -> torch.device:
        """Where this rank computes, when `device` is asked for."""
        return device

    def seed(self, seed: int) -> int:
        """Of this rank's own random numbers; the first one has the seed of a training alone."""
        if self.is_first:
            return seed
        return int(np.random.SeedSequence((seed, self.number)).generate_state(1, np.uint64)[0]) % 2**63

    def any(self, said: bool) -> bool:
        """Wait for all ranks; whether one of them says so."""
        return said

    def from_first(self, make: Callable[[], T]) -> T:
        """What `make` gives at the first rank, which alone calls it; pickled on its way to the others."""
        return make()

    def gathered(self, value: Any) -> list[Any]:
        """The values of all ranks, tensors and plain values, at the first one; nothing at the others."""
        return [value]

    def level(self, weights: dict[str, Tensor]) -> None:
        """Give all ranks the weights of the first, in place."""

    def average(self, parameters: Sequence[Parameter]) -> None:
        """Give all ranks the mean of their gradients, in place; none where no rank has one."""

    def mean(self, losses: dict[str, Tensor]) -> dict[str, Tensor]:
        """The mean of each scalar, by the same names in the same order."""
        return losses


ALONE = Ranks()
"""A training in one process."""
