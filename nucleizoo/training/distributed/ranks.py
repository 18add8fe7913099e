"""The interface between a training and its ranks, implemented here for a single process.

Every rank prepares its share of each batch and steps with the mean of all gradients, so that weights and
optimisers stay the same on all ranks.
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
        number: of this rank, 0 or more; rank 0 reads and writes the run folder.
        count: total number of ranks.
        local_count: ranks on this machine, including this one.
    """

    number, count, local_count = 0, 1, 1

    @property
    def is_first(self) -> bool:
        """Whether this is the rank that writes and reports."""
        return self.number == 0

    def place(self, device: torch.device) -> torch.device:
        """The device of this rank, where the configuration says `device`."""
        return device

    def seed(self, seed: int) -> int:
        """The seed of this rank's random numbers; that of the first rank is `seed`, as in one process."""
        if self.is_first:
            return seed
        return int(np.random.SeedSequence((seed, self.number)).generate_state(1, np.uint64)[0]) % 2**63

    def any(self, said: bool) -> bool:
        """Whether any rank says so; waits for all of them."""
        return said

    def from_first(self, make: Callable[[], T]) -> T:
        """What `make` returns on the first rank, the only one to call it; pickled for the others."""
        return make()

    def gathered(self, value: Any) -> list[Any]:
        """The values of all ranks, tensors and plain values, on the first one; [] on the others."""
        return [value]

    def broadcast(self, weights: dict[str, Tensor]) -> None:
        """Give all ranks the weights of the first, in place."""

    def average(self, parameters: Sequence[Parameter]) -> None:
        """Replace gradients by their mean over all ranks, in place; none where no rank has one."""

    def mean(self, losses: dict[str, Tensor]) -> dict[str, Tensor]:
        """The mean of each scalar over ranks, with the same names in the same order."""
        return losses


ALONE = Ranks()
"""A training in one process."""
