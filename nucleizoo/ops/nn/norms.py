"""Norms over space whose statistics can be replaced: instance, group and layer normalisation.

A norm of a network must *ask* for its statistics (`ops.nn.norm_statistics`), so that those of the training
can be used in a tile of a large image (INFERENCE.STATISTICS). `adain.instance_norm` and `adain.adain` do;
here are the others, and a function that finds norms that do not.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.modules.instancenorm import _InstanceNorm

from nucleizoo.ops.nn import norm_statistics
from nucleizoo.ops.nn.adain import instance_norm
from nucleizoo.ops.nn.group_norm import group_norm


class InstanceNorm(nn.Module):
    """Instance normalisation without parameters, with its activation.

    Args:
        slope: of the activation below zero: 0 is ReLU, 0.2 a leaky ReLU, 1 none.
    """

    def __init__(self, *, slope: float = 1.0) -> None:
        super().__init__()
        self.slope = slope

    def forward(self, x: Tensor) -> Tensor:
        """X (B, C, *S) -> the same shape."""
        return instance_norm(x, slope=self.slope)


class GroupNorm(nn.GroupNorm):
    """Group normalisation in the precision of its weights, on every device as autocast does on CUDA.

    In bfloat16, its backward takes four times as long on a CPU as in float32.
    """

    def forward(self, x: Tensor) -> Tensor:
        """X (B, C, *S) -> the same shape."""
        x = x.to(self.weight.dtype)
        if norm_statistics.is_watched():
            return self._as_told(x)
        return group_norm(x, self.num_groups, self.weight, self.bias, self.eps)

    def _as_told(self, x: Tensor) -> Tensor:
        """Pool the moments of a group's channels: the mean of variances, plus the variance of means."""
        mean, variance = (m.reshape(len(x), self.num_groups, -1) for m in norm_statistics.moments(x))
        middle = mean.mean(2, keepdim=True)
        rate = torch.rsqrt((variance + (mean - middle).square()).mean(2, keepdim=True) + self.eps)
        gain = rate * self.weight.reshape(self.num_groups, -1)
        shift = self.bias - (middle * gain).flatten(1)
        at = norm_statistics.wide(x)
        return torch.addcmul(shift[at], x, gain.flatten(1)[at])


class LayerNorm(GroupNorm):
    """Normalisation over all channels and all of space, with a scale and a shift per channel (MUNIT's).

    Args:
        channels: of the input.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(1, channels)


PLAIN = (_InstanceNorm, nn.GroupNorm, nn.LayerNorm, nn.RMSNorm)
"""Norms of torch that always use the statistics of their input."""


def plain_norms(network: nn.Module) -> list[str]:
    """Names of the norms over space that do not ask for their statistics: the classes of `PLAIN`.

    Batch normalisation is not one of them, because in prediction it uses statistics of the training anyway.
    Neither is a norm over the last axis alone, as in transformers, which does not pool over space.
    """
    return [
        name
        for name, one in network.named_modules()
        if isinstance(one, PLAIN)
        and not isinstance(one, GroupNorm)
        and not (isinstance(one, (nn.LayerNorm, nn.RMSNorm)) and len(one.normalized_shape) == 1)
    ]
