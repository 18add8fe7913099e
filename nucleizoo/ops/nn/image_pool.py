"""A pool of earlier translations, so that a critic does not forget those that it already recognises."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


class ImagePool(nn.Module):
    """Keeps up to `size` pictures; each new one is exchanged for an old one with probability 1/2.

    The pictures and the random state are part of `state_dict`, so that a resumed run continues exactly
    where it stopped. The rule is that of Shrivastava et al., 2017, as CycleGAN uses it.

    Args:
        size: pictures kept; 0 returns every picture unchanged.
        seed: of the pool's own random numbers.

    Raises:
        ValueError: for a negative size.
    """

    def __init__(self, size: int, seed: int = 0) -> None:
        super().__init__()
        if size < 0:
            raise ValueError(f"the size of an image pool must be 0 or more, got {size}")
        self.size = size
        self.pictures: list[Tensor] = []
        self.rng = torch.Generator().manual_seed(seed)

    def forward(self, pictures: Tensor) -> Tensor:
        """Pictures (B, C, *S) -> as many, new or old, without gradient."""
        return torch.stack([self._exchange(picture) for picture in pictures.detach()])

    def _exchange(self, picture: Tensor) -> Tensor:
        if len(self.pictures) < self.size:
            self.pictures.append(picture.clone())
            return picture
        if self.size == 0 or torch.rand((), generator=self.rng) < 0.5:
            return picture
        place = int(torch.randint(self.size, (), generator=self.rng))
        old, self.pictures[place] = self.pictures[place], picture.clone()
        return old.to(picture.device)

    def get_extra_state(self) -> dict[str, Any]:
        """Pictures and random state, as tensors."""
        return {"pictures": list(self.pictures), "rng": self.rng.get_state()}

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Restore the state from `get_extra_state`."""
        self.pictures = list(state["pictures"])
        self.rng.set_state(state["rng"].cpu())
