"""How much memory there is, and what fits in it."""

from __future__ import annotations

import math
import os
import sys
from dataclasses import dataclass

from nucleizoo.core.errors import UserError
from nucleizoo.ops import memory

BYTES = 72
"""Memory that decoding takes for every voxel that it looks at, at most."""

DEFAULT_SHARE = 0.5
"""Share of the machine's memory that is used when nothing else is said."""

SIDE = {2: (4096, 4096), 3: (64, 512, 512)}
"""Blocks are not larger than this, by the number of axes."""

REACH = 16
"""Margin of a block in pixels of the last axis to begin with: about the radius of a large nucleus."""


@dataclass(frozen=True)
class Plan:
    """How a volume is cut.

    Attributes:
        block: of decoding, voxels an axis.
        margin: around it.
        band: length along the second axis of what is predicted in one go.
    """

    block: tuple[int, ...]
    margin: tuple[int, ...]
    band: int


def in_use() -> float:
    """Bytes that this process has in memory; 0 where it cannot be told."""
    return float(memory.resident() or 0)


def machine() -> float:
    """Bytes of memory of the machine, or a guess where it does not tell."""
    if os.name != "posix":
        return 8e9
    return float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))


def voxels(budget: float) -> float:
    """How many voxels can be decoded at once in so many bytes."""
    return budget / BYTES


def plan(
    shape: tuple[int, ...], voxel: tuple[float, ...], budget: float, *, line: tuple[float, float], window: int
) -> Plan:
    """Choose blocks and bands that fit.

    Args:
        shape: of the volume.
        voxel: edge lengths of a voxel in those of the last axis.
        budget: bytes to be used beyond those that are in use.
        line: bytes that prediction takes for every line along the second axis, of the picture (of which it
            needs a window more on either side of a band) and of the maps.
        window: length of the network's window along the second axis.

    Raises:
        UserError: when nothing fits.
    """
    margin = tuple(math.ceil(REACH / edge) for edge in voxel)
    block = [min(side, n) for side, n in zip(SIDE[len(shape)], shape, strict=True)]
    while math.prod(b + 2 * m for b, m in zip(block, margin, strict=True)) > voxels(budget) / 2:
        longest = max(range(len(block)), key=lambda axis: block[axis] / margin[axis])
        if block[longest] <= margin[longest]:
            raise _too_little(budget)
        block[longest] = -(-block[longest] // 2)
    band = int((budget - 2 * window * line[0]) // sum(line))
    if band < min(window, shape[1]):
        raise _too_little(budget)
    count = -(-shape[1] // band)
    return Plan(tuple(block), margin, -(-shape[1] // count))


def peak() -> float:
    """Bytes that this process had in memory at most; 0 where it cannot be told."""
    if (told := memory.peak()) is not None:
        return float(told)
    if os.name != "posix":
        return 0.0
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit)


def _too_little(budget: float) -> UserError:
    return UserError(
        f"--max-memory leaves {max(budget, 0) / 1e9:.2f} GB beside the program itself, which is not enough "
        "for one block; raise it, or lower INFERENCE.WINDOW"
    )
