"""PatchGAN: a critic that scores every patch of a picture [1, 2].

[1] Isola et al., Image-to-image translation with conditional adversarial networks, 2017, section 3.2.2.
[2] junyanz/pytorch-CycleGAN-and-pix2pix (BSD), read for layer sizes, padding and initialisation.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from nucleizoo.kinds import DISCRIMINATORS
from nucleizoo.ops.nn.adain import instance_norm
from nucleizoo.ops.nn.layers import CONV, init_normal

SLOPE = 0.2  # of the leaky ReLU


@DISCRIMINATORS.register("patchgan")
class PatchGAN(nn.Module):
    """Scores patches of a picture: strided convolutions, then two of stride 1, the last for the score.

    Args:
        in_channels: channels of a picture.
        dims: 2 or 3.
        heads: scores per patch; methods that judge several domains with one critic need more.
        width: channels of the first convolution (paper: 64; AD-GAN's comparison in 3D: 32).
        blocks: strided convolutions; 2, 3 and 4 see patches of 34, 70 and 142 pixels (paper: 3).
        full_map: pad the two unstrided convolutions so that the score map is exactly size / 2^blocks;
            False loses two scores on each axis, as [2] does.
        padding: 'zeros' [2], or 'reflect' (UDCT).

    Raises:
        ValueError: for a setting outside its range.
    """

    serves: tuple[str, ...] = ("critic", "multi-head critic")

    def __init__(
        self,
        in_channels: int,
        dims: int,
        heads: int = 1,
        *,
        width: int = 64,
        blocks: int = 3,
        full_map: bool = False,
        padding: str = "zeros",
    ) -> None:
        super().__init__()
        if width < 1 or blocks < 1:
            raise ValueError(f"WIDTH and BLOCKS of the critic must be 1 or more, got {width} and {blocks}")
        if padding not in ("zeros", "reflect"):
            raise ValueError(f"PADDING must be 'zeros' or 'reflect', got '{padding}'")
        self.smallest = 2**blocks * (1 if full_map else 3)
        self.smallest_advice = "fewer BLOCKS" if full_map else "fewer BLOCKS, or FULL_MAP true"
        self.full_map, self.dims = full_map, dims
        widths = [in_channels, *(width * 2**level for level in range(blocks + 1)), heads]
        strides = [2] * blocks + [1, 1]
        self.layers = nn.ModuleList(
            CONV[dims](into, out, 4, stride=stride, padding=1, padding_mode=padding)
            for into, out, stride in zip(widths[:-1], widths[1:], strides, strict=True)
        )
        init_normal(self)

    def forward(self, picture: Tensor) -> Tensor:
        """Picture (B, C, *S), S at least `smallest` -> scores (B, heads, *S')."""
        x = picture
        for level, layer in enumerate(self.layers):
            if level == 1:
                x = F.leaky_relu(x, SLOPE)
            elif level > 1:
                x = instance_norm(x, slope=SLOPE)
            if self.full_map and level >= len(self.layers) - 2:  # the two of stride 1
                x = F.pad(x, (0, 1) * self.dims)
            x = layer(x)
        return x
