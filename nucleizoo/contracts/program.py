"""The interface of methods that are other people's programs, in place of networks that are trained here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nucleizoo.contracts.method import Clock, Group, Method, Task, Update
from nucleizoo.core.errors import ProgramError


class Program(Method):
    """Hands whole pictures to a program that is installed beside nucleizoo, and takes its result.

    Subclasses implement `versions` and `maps`, import the program where they use it, and never let it
    download: a `MissingProgramError` says what is to be installed, or which weights belong where.

    Args:
        task: of one channel.

    Attributes:
        folder: where the program may keep its files while it learns; a training sets it.

    Raises:
        ValueError: for more than one channel.
    """

    windowed = False

    learns: ClassVar[bool] = False
    """Whether the program is trained: in one step, whose batch is everything that it learns from."""

    folder: Path | None = None

    _here: Tensor

    def __init__(self, task: Task) -> None:
        super().__init__(task)
        if task.channels != 1:
            raise ValueError(f"it segments one channel, but DATASET.CHANNELS is {task.channels}")
        self.register_buffer("_here", torch.empty(0), persistent=False)

    @property
    def device(self) -> torch.device:
        """Where the program is to compute, if it can choose."""
        return self._here.device

    def versions(self) -> dict[str, str]:
        """The program and its weights by name, with what tells them from others: a version, a hash.

        Raises:
            MissingProgramError: when the program, or weights that nothing here trains, are missing.
        """
        raise NotImplementedError

    def maps(self, pictures: NDArray[np.float32]) -> NDArray[np.float32]:
        """Pictures (B, *S) in [0, 1] -> maps (B, C, *S) in the target's ranges.

        Raises:
            MissingProgramError: as `versions`.
            ProgramError: when the program fails.
        """
        raise NotImplementedError

    def groups(self) -> dict[str, Group]:
        """None: no parameter is trained here."""
        return {}

    def train_step(self, batch: dict[str, Tensor], clock: Clock) -> Iterator[Update]:
        """No update."""
        yield from ()

    @torch.no_grad()
    def forward(self, image: Tensor) -> Tensor:
        """Image (B, 1, *S) in [-1, 1] -> maps (B, C, *S)."""
        pictures = ((image[:, 0].float() + 1) / 2).cpu().numpy()
        return torch.from_numpy(self.maps(pictures)).to(image)


class LabelProgram(Program):
    """A program that gives labels, which pass through TARGET `labels` as they are.

    Subclasses implement `versions` and `labels`.

    Raises:
        ValueError: for another target, in which nuclei that touch would have to be parted anew.
    """

    def __init__(self, task: Task) -> None:
        super().__init__(task)
        if not all(channel.is_number for channel in task.target.channels):
            raise ValueError(
                f"it gives labels, not the maps {', '.join(task.target.names)}; set TARGET.NAME and "
                "INFERENCE.DECODER.NAME to labels"
            )

    def labels(self, picture: NDArray[np.float32]) -> NDArray[np.int32]:
        """Picture (*S) in [0, 1] -> labels (*S), 0 = background; raises as `maps`."""
        raise NotImplementedError

    def maps(self, pictures: NDArray[np.float32]) -> NDArray[np.float32]:
        """Pictures (B, *S) in [0, 1] -> their labels in the target's ranges (B, C, *S)."""
        return np.stack([self.task.target.encode(self._checked(one)) for one in pictures])

    def _checked(self, picture: NDArray[np.float32]) -> NDArray[np.int32]:
        found = np.asarray(self.labels(picture)).astype(np.int32)
        if found.shape != picture.shape:  # programs drop axes of one voxel
            if found.size != picture.size:
                raise ProgramError(f"the program gave labels {found.shape} for a picture {picture.shape}")
            found = found.reshape(picture.shape)
        return found
