"""UDCT's second critic, which sees the distribution of intensities instead of the picture [1, 2].

[1] Haering et al., Generative adversarial networks for image-based segmentation by unsupervised
    translation (UDCT), 2018: the histogram discriminator.
[2] UDCTGAN/UDCT at a2d80be (no licence), read for facts: sorting, layers, offsets.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from nucleizoo.kinds import DISCRIMINATORS
from nucleizoo.ops.nn.layers import mlp


@DISCRIMINATORS.register("histogram")
class Histogram(nn.Module):
    """Scores the sorted intensities of a whole batch: one score for all its pictures together.

    Args:
        in_channels: channels of a picture, each with its own distribution.
        dims: 2 or 3.
        bins: quantiles that the sorted pixels are averaged into (code: the picture's height).
        width: of the two hidden layers (code: 64).

    Raises:
        ValueError: when `bins` or `width` is below 1.
    """

    serves = ("distribution critic",)

    def __init__(self, in_channels: int, dims: int, *, bins: int = 128, width: int = 64) -> None:
        super().__init__()
        if bins < 1 or width < 1:
            raise ValueError(f"BINS and WIDTH must be 1 or more, got {bins} and {width}")
        self.bins = bins
        self.layers = mlp(in_channels * bins, width, 1, activation=nn.Tanh)
        for layer in self.layers:
            if isinstance(layer, nn.Linear):  # as in [2]; smaller weights barely respond to the input
                nn.init.xavier_uniform_(layer.weight)
                nn.init.zeros_(layer.bias)

    def profile(self, picture: Tensor) -> Tensor:
        """Pictures (B, C, *S) in [-1, 1] -> their quantiles (1, C * bins) in [-0.5, 0.5], descending."""
        pixels = picture.transpose(0, 1).flatten(1).float()
        quantiles = F.adaptive_avg_pool1d(pixels.sort(dim=1, descending=True).values[None], self.bins)
        return quantiles.flatten(1) / 2

    def forward(self, profile: Tensor) -> Tensor:
        """Quantiles from `profile`, with or without noise -> score (1, 1), initially about 0.5: undecided."""
        score: Tensor = self.layers(profile)
        return score + 0.5
