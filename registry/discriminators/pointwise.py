"""UFDN's feature critic: says of every place of a content map which domain it comes from [1, 2].

[1] Liu et al., UFDN, 2018.
[2] Alexander-H-Liu/UFDN at cd005db (MIT), read for layer sizes and initialisation.
"""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

from nucleizoo.kinds import DISCRIMINATORS
from nucleizoo.ops.nn.layers import CONV, init_normal

SLOPE = 0.2  # of the leaky ReLU
LAYERS = 4  # before the score


@DISCRIMINATORS.register("pointwise")
class Pointwise(nn.Module):
    """Scores each place by itself: four layers, each half as wide as the one before, and a score.

    Args:
        in_channels: channels of what it judges.
        dims: 2 or 3.
        heads: scores per place.
        width: channels of the first layer (code: 512).

    Raises:
        ValueError: when `width` is below 1.

    Differs: in [2] content is one vector, and layers are fully connected; here they are so at every place.
    """

    serves = ("critic", "multi-head critic")

    def __init__(self, in_channels: int, dims: int, heads: int = 1, *, width: int = 512) -> None:
        super().__init__()
        if width < 1:
            raise ValueError(f"WIDTH of the critic must be 1 or more, got {width}")
        widths = [in_channels, *(max(1, width // 2**level) for level in range(LAYERS))]
        layers = [
            one for into, out in pairwise(widths) for one in (CONV[dims](into, out, 1), nn.LeakyReLU(SLOPE))
        ]
        self.layers = nn.Sequential(*layers, CONV[dims](widths[-1], heads, 1))
        init_normal(self)

    def forward(self, content: Tensor) -> Tensor:
        """Content (B, C, *S) -> scores (B, heads, *S)."""
        scores: Tensor = self.layers(content)
        return scores
