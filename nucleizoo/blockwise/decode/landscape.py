"""Foreground, seeds and watershed landscape of any part of a volume."""

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
class Landscape:
    """What a marker watershed needs, each (*S).

    Attributes:
        mask: the foreground.
        seeds: where they are; None when every component of the foreground is a nucleus.
        height: the landscape to flood; None without seeds.
    """

    mask: NDArray[np.bool_]
    seeds: NDArray[np.bool_] | None
    height: NDArray[np.float32] | None


class LandscapeReader(Protocol):
    """Gives any part of a volume, with the same values however the volume is cut."""

    def read(self, box: Box) -> Landscape:
        """Foreground, seeds and height of a part."""
        ...

    def height(self, box: Box) -> NDArray[np.float32]:
        """The height alone."""
        ...


class MapLandscape:
    """The landscape that rules derive from maps.

    Args:
        rules: of the decoder.
        maps: reads any part of the maps.
        grid: of the volume.
    """

    def __init__(self, rules: Rules, maps: ReadMaps, grid: Grid) -> None:
        self.rules, self.maps, self.grid = rules, maps, grid

    def read(self, box: Box) -> Landscape:
        """Foreground, seeds and height of a part."""
        maps, here = self._around(box)
        mask = self.rules.foreground(maps)[here]
        if self.rules.seeds is None:
            return Landscape(mask, None, None)
        return Landscape(mask, self.rules.seeds.where(maps)[here], self.rules.seeds.height(maps)[here])

    def height(self, box: Box) -> NDArray[np.float32]:
        """The height alone."""
        assert self.rules.seeds is not None
        maps, here = self._around(box)
        return self.rules.seeds.height(maps)[here]

    def _around(self, box: Box) -> tuple[Maps, Box]:
        """The maps of a part and its neighbourhood within the rules' reach; and where the part is in them."""
        wide = self.grid.grown(box, self.rules.reach)
        return self.maps(wide), inside(box, wide)
