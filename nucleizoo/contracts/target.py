"""The interface of targets: instance labels encoded as maps that a network can predict."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


@dataclass(frozen=True)
class Channel:
    """One map of a target: its name (decoders ask for it) and the activation that gives its range."""

    name: str
    activation: str
    """'sigmoid' for a map in [0, 1], 'tanh' for a map in [-1, 1]."""
    is_number: bool = False
    """Whether values are numbers of something, so that none between two of them has a meaning: voxels are
    then resampled to the nearest, and no network learns it."""

    def to_bytes(self, map_: NDArray[np.float32]) -> NDArray[np.uint8]:
        """A map in its range -> 0 to 255, rounded.

        Example:
            >>> Channel("distance", "tanh").to_bytes(np.array([-1, 0, 1], np.float32)).tolist()
            [0, 128, 255]
        """
        share = (map_ + 1) / 2 if self.activation == "tanh" else map_
        return np.asarray(np.rint(np.clip(share, 0, 1) * 255), np.uint8)

    def from_bytes(self, stored: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The inverse of `to_bytes`: 0 to 255 -> a map in its range."""
        share = stored.astype(np.float32) / np.float32(255)
        return share * 2 - 1 if self.activation == "tanh" else share


class Target(ABC):
    """A representation of instance labels: built as `Entry(**settings)`."""

    channels: tuple[Channel, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Channel names in map order."""
        return tuple(channel.name for channel in self.channels)

    @abstractmethod
    def encode(self, labels: NDArray[np.int32], spacing: tuple[float, ...] = ()) -> NDArray[np.float32]:
        """Labels (*S), 0 = background -> maps (C, *S) in the channels' ranges.

        `spacing` is the voxel size in micrometres, in axis order; () means isotropic.
        """

    def activate(self, logits: Tensor) -> Tensor:
        """Network output (B, C, *S) of any range -> maps in the channels' ranges."""
        parts = [getattr(logits[:, i], c.activation)() for i, c in enumerate(self.channels)]
        return torch.stack(parts, dim=1)

    def likelihood(self, maps: NDArray[np.float32]) -> NDArray[np.float32]:
        """Maps (C, *S) -> the probability of nucleus, (*S) in [0, 1]; the first map unless overridden."""
        first: NDArray[np.float32] = maps[0]
        return first

    @abstractmethod
    def as_image(self, maps: Tensor) -> Tensor:
        """Maps (B, C, *S) -> the same maps seen as a picture in [-1, 1], same shape."""

    def picture_of(self, labels: NDArray[np.int32], spacing: tuple[float, ...] = ()) -> NDArray[np.float32]:
        """Labels (*S) -> the picture for a dataset that has only labels, (C, *S) in [-1, 1]."""
        maps = torch.from_numpy(self.encode(labels, spacing))
        return self.as_image(maps[None])[0].numpy()

    @abstractmethod
    def from_image(self, picture: Tensor) -> Tensor:
        """The inverse of `as_image`: picture (B, C, *S) in [-1, 1] -> maps."""
