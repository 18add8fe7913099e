"""A patch critic without norms, the critic of MUNIT and of UFDN [1, 2].

[1] NVlabs/MUNIT at a82e222 (CC BY-NC-SA 4.0), read for layer sizes, padding and initialisation.
[2] Alexander-H-Liu/UFDN at cd005db (MIT), read for the same.
"""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

from nucleizoo.kinds import DISCRIMINATORS
from nucleizoo.ops.nn.layers import CONV, init_normal

SLOPE = 0.2  # of the leaky ReLU


@DISCRIMINATORS.register("normless")
class Normless(nn.Module):
    """Strided convolutions of 4 voxels per axis, then a score for every place that is left.

    Args:
        in_channels: channels of a picture.
        dims: 2 or 3.
        heads: scores per place.
        width: channels of the first convolution; each further one has twice as many (MUNIT: 64, UFDN: 16).
        blocks: strided convolutions (MUNIT: 4, UFDN: 5).
        hidden: channels of a layer before the score that sees 2 places per axis; 0 leaves it out
            (MUNIT: 0, UFDN: 512).
        padding: 'reflect' (MUNIT) or 'zeros' (UFDN).

    Raises:
        ValueError: for a setting outside its range.

    Differs: UFDN's hidden layer is fully connected and sees all 2x2 places of a picture of 64x64. Here it is
    the same layer as a convolution, so that pictures may be larger, and get a score per patch of 64 pixels.
    """

    serves = ("critic", "multi-head critic")

    def __init__(
        self, in_channels: int, dims: int, heads: int = 1, *, width: int = 64, blocks: int = 4,
        hidden: int = 0, padding: str = "reflect",
    ) -> None:  # fmt: skip
        super().__init__()
        if width < 1 or blocks < 1 or hidden < 0:
            raise ValueError(
                "WIDTH and BLOCKS of the critic must be 1 or more and HIDDEN 0 or more, got "
                f"{width}, {blocks} and {hidden}"
            )
        if padding not in ("zeros", "reflect"):
            raise ValueError(f"PADDING must be 'zeros' or 'reflect', got '{padding}'")
        self.smallest, self.smallest_advice = 2**blocks * (2 if hidden else 1), "fewer BLOCKS"
        widths = [in_channels, *(width * 2**level for level in range(blocks))]
        layers = [
            CONV[dims](into, out, 4, stride=2, padding=1, padding_mode=padding)
            for into, out in pairwise(widths)
        ]
        if hidden:
            layers.append(CONV[dims](widths[-1], hidden, 2))
        activated = [one for layer in layers for one in (layer, nn.LeakyReLU(SLOPE))]
        self.layers = nn.Sequential(*activated, CONV[dims](hidden or widths[-1], heads, 1))
        init_normal(self)

    def forward(self, picture: Tensor) -> Tensor:
        """Picture (B, C, *S), S at least `smallest` -> scores (B, heads, *S')."""
        scores: Tensor = self.layers(picture)
        return scores
