"""What methods of classical image analysis share: they see whole pictures, one by one, and learn nothing."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nucleizoo.contracts import Clock, Group, Method, Task, Update

Picture = NDArray[np.float64]
"""Values (*S)."""


class Classical(Method):
    """Gives the map of the target 'mask' for a picture of one channel. It needs SOLVER.TOTAL 0.

    Subclasses implement `mask`.

    Raises:
        ValueError: for more than one channel, or a target other than 'mask'.
    """

    windowed = False

    def __init__(self, task: Task) -> None:
        super().__init__(task)
        if task.channels != 1:
            raise ValueError(f"it segments one channel, but DATASET.CHANNELS is {task.channels}")
        if task.target.names != ("mask",):
            raise ValueError(f"it gives the map of TARGET 'mask', not {', '.join(task.target.names)}")

    @abstractmethod
    def mask(self, picture: Picture) -> Picture:
        """Picture (*S) in [0, 1] -> its map (*S) in [0, 1], above 0.5 in nuclei."""

    def groups(self) -> dict[str, Group]:
        """None: there is no parameter."""
        return {}

    def train_step(self, batch: dict[str, Tensor], clock: Clock) -> Iterator[Update]:
        """No update."""
        yield from ()

    @torch.no_grad()
    def forward(self, image: Tensor) -> Tensor:
        """Image (B, 1, *S) in [-1, 1] -> maps (B, 1, *S) in [0, 1]."""
        pictures = ((image[:, 0].double() + 1) / 2).cpu().numpy()
        return torch.from_numpy(np.stack([self.mask(one) for one in pictures])[:, None]).to(image)
