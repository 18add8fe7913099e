"""The classic U-Net [1] in 2D, and its 3D form [2], with batch normalisation as in the latter.

[1] Ronneberger et al., U-Net: convolutional networks for biomedical image segmentation, 2015.
[2] Cicek et al., 3D U-Net: learning dense volumetric segmentation from sparse annotation, 2016.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nucleizoo.kinds import GENERATORS
from nucleizoo.ops.nn.layers import CONV
from nucleizoo.ops.nn.sliding_window import cut, to_multiple

_POOL = {2: F.max_pool2d, 3: F.max_pool3d}
_UP = {2: nn.ConvTranspose2d, 3: nn.ConvTranspose3d}
_NORM = {2: nn.BatchNorm2d, 3: nn.BatchNorm3d}


class Double(nn.Sequential):
    """Two convolutions of 3 voxels per axis, each with batch normalisation and a ReLU."""

    def __init__(self, dims: int, into: int, out: int) -> None:
        layers: list[nn.Module] = []
        for first in (into, out):
            layers += [
                CONV[dims](first, out, 3, padding=1, bias=False), _NORM[dims](out), nn.ReLU(inplace=True)
            ]  # fmt: skip
        super().__init__(*layers)


@GENERATORS.register("unet_classic")
class UNetClassic(nn.Module):
    """U-Net whose skip connections are concatenated; the output has no activation.

    Batch normalisation uses the statistics of the training in prediction, so that a nucleus looks the same
    in every tile of an image, and a voxel depends on what is near it alone.

    Args:
        in_channels: channels of a picture.
        out_channels: channels of the output.
        dims: 2 or 3.
        width: channels of the first stage; each further stage has twice as many (published: 64; 3D: 32).
        stages: stages; each except the first halves the resolution (published: 5; 3D: 4).

    Raises:
        ValueError: for a setting outside its range.

    Differs: convolutions are padded with zeros, so that the output has the size of the picture; batch
    normalisation in 2D too; channels double at the start of a stage in 3D as well, not within it.
    """

    serves = ("translator", "segmenter")

    def __init__(
        self, in_channels: int, out_channels: int, dims: int, *, width: int = 64, stages: int = 5
    ) -> None:
        super().__init__()
        if width < 1 or stages < 1:
            raise ValueError(f"WIDTH and STAGES must be 1 or more, got {width} and {stages}")
        widths = [width * 2**stage for stage in range(stages)]
        self.pool = _POOL[dims]
        self.down = nn.ModuleList(Double(dims, into, out) for into, out in pairwise([in_channels, *widths]))
        self.grow = nn.ModuleList(_UP[dims](below, here, 2, stride=2) for here, below in pairwise(widths))
        self.up = nn.ModuleList(Double(dims, 2 * here, here) for here in widths[:-1])
        self.leave = CONV[dims](width, out_channels, 1)

    def forward(self, picture: Tensor) -> Tensor:
        """Picture (B, in_channels, *S) in [-1, 1] -> (B, out_channels, *S); any size."""
        # every stage must halve it: cells half outside, which training does not show, become nuclei
        grown = to_multiple(picture, 2 ** len(self.grow))
        x, skips = self.down[0](grown), []
        for stage in self.down[1:]:
            skips.append(x)
            x = stage(self.pool(x, 2))
        for skip, grow, stage in zip(skips[::-1], self.grow[::-1], self.up[::-1], strict=True):
            x = stage(torch.cat([skip, grow(x)], dim=1))
        return cut(self.leave(x), tuple(picture.shape[2:]))
