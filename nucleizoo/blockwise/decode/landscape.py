"""Foreground, seeds and landscape of any part of a volume."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from nucleizoo.ops.grid import Box, Grid, inside
from nucleizoo.ops.labels.rules import Maps, Rules

ReadMaps = Callable[[Box], Maps]
"""A part of a volume -> its maps by channel, float32 in the channels' ranges."""


@dataclass(frozen=True, eq=False)
class Seen:
    """What is where, each (*S).

    Attributes:
        mask: where nuclei may stand.
        seeds: from where they grow; None when every part of the mask is one.
        height: what is flooded; None without seeds.
    """

    mask: NDArray[np.bool_]
    seeds: NDArray[np.bool_] | None
    height: NDArray[np.float32] | None

    def cut(self, box: Box) -> Seen:
        """A part of it."""
        return Seen(
            self.mask[box],
            None if self.seeds is None else self.seeds[box],
            None if self.height is None else self.height[box],
        )


class Look(Protocol):
    """Shows any part of a volume, the same however the volume is cut."""

    def seen(self, box: Box) -> Seen:
        """All of a part."""
        ...

    def height(self, box: Box) -> NDArray[np.float32]:
        """The landscape alone."""
        ...


class MapsLook:
    """What rules see in maps.

    Args:
        rules: say it.
        maps: reads any part of the maps.
        grid: of the volume.
    """

    def __init__(self, rules: Rules, maps: ReadMaps, grid: Grid) -> None:
        self.rules, self.maps, self.grid = rules, maps, grid

    def seen(self, box: Box) -> Seen:
        """All of a part."""
        maps, here = self._around(box)
        mask = self.rules.foreground(maps)[here]
        if self.rules.seeds is None:
            return Seen(mask, None, None)
        return Seen(mask, self.rules.seeds.where(maps)[here], self.rules.seeds.height(maps)[here])

    def height(self, box: Box) -> NDArray[np.float32]:
        """The landscape alone."""
        assert self.rules.seeds is not None
        maps, here = self._around(box)
        return self.rules.seeds.height(maps)[here]

    def _around(self, box: Box) -> tuple[Maps, Box]:
        """The maps as far around a part as the rules look, and where the part is in them."""
        wide = self.grid.grown(box, self.rules.reach)
        return self.maps(wide), inside(box, wide)
