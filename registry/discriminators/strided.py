"""CySGAN's critic: in-plane strides first, volumetric ones later [1].

[1] PytorchConnectomics/pytorch_connectomics, branch v1.0 at 7ec3284e, projects/CySGAN (MIT), read for
    widths, kernels, strides and padding; the paper only mentions a discriminator.
"""

from __future__ import annotations

from torch import Tensor, nn

from nucleizoo.kinds import DISCRIMINATORS
from nucleizoo.ops.nn.adain import instance_norm
from nucleizoo.ops.nn.layers import EDGE_CONV, in_plane

SLOPE = 0.2  # of the leaky ReLU
WIDTHS = (1, 1, 2, 2, 4)  # times `width`
KERNELS = (5, 3, 3, 3, 3)
STRIDES = (2, 2, 2, 2, 1)
FLAT = 3  # first layers, which are in-plane


@DISCRIMINATORS.register("strided")
class Strided(nn.Module):
    """Scores patches: one score per sixteenth pixel along y and x, and per second plane.

    Args:
        in_channels: channels of a picture or of maps.
        dims: 2 or 3.
        width: channels of the first two layers, then twice, twice and four times as many (code: 64).

    Raises:
        ValueError: when `width` is below 1.
    """

    def __init__(self, in_channels: int, dims: int, *, width: int = 64) -> None:
        super().__init__()
        if width < 1:
            raise ValueError(f"WIDTH of the critic must be 1 or more, got {width}")
        into, layers = in_channels, []
        for level, (times, kernel, stride) in enumerate(zip(WIDTHS, KERNELS, STRIDES, strict=True)):
            flat = level < FLAT
            kernels = in_plane(dims, kernel, 1 if flat else kernel)
            strides = in_plane(dims, stride, 1 if flat else stride)
            padding = tuple(k // 2 for k in kernels)
            layers.append(
                EDGE_CONV[dims](
                    into, times * width, kernels, strides, padding, bias=False, padding_mode="replicate"
                )
            )
            into = times * width
        self.layers = nn.ModuleList(layers)
        self.score = EDGE_CONV[dims](into, 1, 3, padding=1, padding_mode="replicate")

    def forward(self, picture: Tensor) -> Tensor:
        """Picture (B, C, *S) -> scores (B, 1, *S')."""
        x = picture
        for layer in self.layers:
            x = instance_norm(layer(x), slope=SLOPE)
        scores: Tensor = self.score(x)
        return scores
