"""The memory layout of tensors."""

from __future__ import annotations

import torch


def channels_last(dims: int) -> torch.memory_format:
    """The layout in which convolutions of `dims` spatial dimensions are fastest."""
    return torch.channels_last if dims == 2 else torch.channels_last_3d
