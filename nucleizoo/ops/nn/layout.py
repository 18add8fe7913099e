"""The memory layout of tensors, and what is fast in it."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def channels_last(dims: int) -> torch.memory_format:
    """The layout in which convolutions of `dims` spatial dimensions are fastest."""
    return torch.channels_last if dims == 2 else torch.channels_last_3d


def to_channels_last(network: nn.Module, dims: int) -> None:
    """Convert the weights of convolutions to that layout, in place, so that optimisers may hold them."""
    for parameter in network.parameters():
        if parameter.ndim == dims + 2:
            parameter.data = parameter.data.contiguous(memory_format=channels_last(dims))


def spread(values: Tensor, like: Tensor) -> Tensor:
    """Values of channels (B, C), to be broadcast against `like` (B, C, *S), channels last: (B, C, 1, ..., W).

    Where a tensor of few channels meets one value a channel, the library's inner loop is as long as there
    are channels; here it is a row longer, and several times as fast at eight channels.
    """
    column = values.reshape(*values.shape, *(1,) * (like.ndim - 2))
    row = column.expand(*column.shape[:-1], like.shape[-1])
    return row.contiguous(memory_format=channels_last(like.ndim - 2))
