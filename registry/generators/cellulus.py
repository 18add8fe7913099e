"""The U-Net of Cellulus, which sees no further than a nucleus [1, 2].

[1] Wolf et al., Unsupervised learning of object-centric embeddings for cell instance segmentation in
    microscopy images, 2023 (arXiv 2310.08501).
[2] funkelab/cellulus at a13ea66 (MIT), read for layers and widths.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nucleizoo.kinds import GENERATORS
from nucleizoo.ops.nn.layers import CONV
from nucleizoo.ops.nn.sliding_window import cut, to_multiple

_POOL = {2: F.max_pool2d, 3: F.max_pool3d}


class Stage(nn.Sequential):
    """Convolutions of 3, 1, 1 and 3 voxels per axis, each with a ReLU."""

    def __init__(self, dims: int, into: int, out: int) -> None:
        layers: list[nn.Module] = []
        for first, kernel in ((into, 3), (out, 1), (out, 1), (out, 3)):
            layers += [CONV[dims](first, out, kernel, padding=kernel // 2), nn.ReLU(inplace=True)]
        super().__init__(*layers)


@GENERATORS.register("cellulus")
class CellulusNet(nn.Module):
    """U-Net of two resolutions, without norms: an output depends on the 16 voxels around it alone.

    Args:
        in_channels: channels of a picture.
        out_channels: channels of the output.
        dims: 2 or 3.
        width: channels of the first stage (published: 256).
        growth: times as many in the second (published: 3).
        features: channels of the last stage and of the head (code: 64).

    Raises:
        ValueError: for a setting outside its range.

    Differs: convolutions are padded with zeros, so that the output has the size of the picture.

    References: [1, 2] of this module.
    """

    serves = ("translator", "segmenter")

    def __init__(
        self, in_channels: int, out_channels: int, dims: int, *, width: int = 256, growth: int = 3,
        features: int = 64,
    ) -> None:  # fmt: skip
        super().__init__()
        if min(width, growth, features) < 1:
            raise ValueError(
                f"WIDTH, GROWTH and FEATURES must be 1 or more, got {width}, {growth} and {features}"
            )
        conv, self.pool = CONV[dims], _POOL[dims]
        self.enter, self.deep = Stage(dims, in_channels, width), Stage(dims, width, growth * width)
        self.up = Stage(dims, (1 + growth) * width, features)
        self.head = nn.Sequential(
            conv(features, features, 1), nn.ReLU(inplace=True), conv(features, out_channels, 1)
        )
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d | nn.Conv3d):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")

    def forward(self, picture: Tensor) -> Tensor:
        """Picture (B, in_channels, *S) in [-1, 1] -> (B, out_channels, *S); any size."""
        fine = self.enter(to_multiple(picture, 2))
        coarse = F.interpolate(self.deep(self.pool(fine, 2)), scale_factor=2, mode="nearest")
        made: Tensor = self.head(self.up(torch.cat([fine, coarse], dim=1)))
        return cut(made, tuple(picture.shape[2:]))
