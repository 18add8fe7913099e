"""How much memory there is, and what fits in it."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from nucleizoo.core.errors import UserError
from nucleizoo.ops import memory

BYTES = 72
"""Memory that decoding takes for every voxel that it looks at, at most."""

ROOM = 2
"""So many times a block and its margin must fit, for where the margin is too small."""

DEFAULT_SHARE = 0.5
"""Share of the machine's memory that is used when nothing else is said."""

SIDE = {2: (4096, 4096), 3: (64, 512, 512)}
"""Blocks are not larger than this, by the number of axes."""

REACH = 16
"""Margin of a block in pixels of the last axis to begin with: about the radius of a large nucleus."""

LONGEST = 8
"""Windows in a unit of prediction along the first axis, at most: so much is done again after a crash."""


@dataclass(frozen=True)
class Plan:
    """How a volume is cut.

    Attributes:
        block: of decoding, voxels an axis.
        margin: around it.
        unit: of prediction, voxels an axis.
        memory: bytes that a process has in memory which works so, about.
    """

    block: tuple[int, ...]
    margin: tuple[int, ...]
    unit: tuple[int, ...]
    memory: float


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
    shape: tuple[int, ...], voxel: tuple[float, ...], limit: float, *, taken: float,
    window: tuple[int, ...], step: tuple[int, ...], costs: tuple[float, float], units: int = 1,
) -> Plan:  # fmt: skip
    """Choose blocks and units that fit.

    Args:
        shape: of the volume.
        voxel: edge lengths of a voxel in those of the last axis.
        limit: bytes that a process may have in memory.
        taken: bytes of them that are in use, or not to be counted on.
        window: of the network, voxels an axis.
        step: from one window to the next.
        costs: bytes that prediction takes for every voxel of a row of windows, of the picture (of which it
            needs a window more on either side of a unit) and of the maps.
        units: so many are wanted, where they can be three windows long.

    Raises:
        UserError: when nothing fits.
    """
    margin = tuple(math.ceil(REACH / edge) for edge in voxel)
    block = _block(shape, margin, voxels(limit - taken) / ROOM)
    unit, row = _unit(shape, window, step, costs, limit - taken, units)
    decoding = BYTES * _looked_at(block, margin)
    if (least := max(ROOM * decoding, row)) > limit - taken:
        raise UserError(
            f"--max-memory allows {limit / 1e9:.3g} GB; the program itself takes {taken / 1e9:.2f} GB, the "
            f"smallest blocks {least / 1e9:.2f}: raise it to {in_option(taken + least)}, or lower "
            "INFERENCE.WINDOW"
        )
    return Plan(block, margin, unit, taken + max(decoding, row))


def in_option(amount: float) -> str:
    """Bytes as they must be given for --max-memory, with a little more for what differs from run to run."""
    return f"{math.ceil(amount * 1.02 / 1e8) / 10:.1f}"


def _looked_at(block: Sequence[int], margin: tuple[int, ...]) -> int:
    """Voxels of a block and its margin."""
    return math.prod(b + 2 * m for b, m in zip(block, margin, strict=True))


def _block(shape: tuple[int, ...], margin: tuple[int, ...], room: float) -> tuple[int, ...]:
    """The largest that has room, in voxels, with its margin; the smallest if none has."""
    block = [min(side, n) for side, n in zip(SIDE[len(shape)], shape, strict=True)]
    while _looked_at(block, margin) > room:
        longest = max(range(len(block)), key=lambda axis: block[axis] / margin[axis])
        if block[longest] <= margin[longest]:
            break
        block[longest] = -(-block[longest] // 2)
    return tuple(block)


def _unit(
    shape: tuple[int, ...], window: tuple[int, ...], step: tuple[int, ...], costs: tuple[float, float],
    budget: float, units: int,
) -> tuple[tuple[int, ...], float]:  # fmt: skip
    """As few cuts as memory allows, each where pieces are longest; then more for as many units.

    Returns:
        The unit, and the bytes that it takes; more than the budget where none fits.
    """
    cuts = [-(-shape[0] // (LONGEST * window[0])), *(1 for _ in shape[1:])]

    def windows_long(axis: int) -> float:
        return shape[axis] / cuts[axis] / window[axis]

    def bytes_of(*lengths: int) -> float:
        """What a row of windows over all of a unit takes."""
        seen = math.prod(min(b + 2 * w, n) for b, w, n in zip(lengths, window[1:], shape[1:], strict=True))
        return window[0] * (costs[0] * seen + costs[1] * math.prod(lengths))

    def lengths() -> list[int]:
        """Where a window begins, or fewer of them were predicted for one unit only."""
        return [min(-(-n // (c * s)) * s, n) for n, c, s in zip(shape, cuts, step, strict=True)]

    while bytes_of(*lengths()[1:]) > budget:
        axis = max(range(1, len(shape)), key=windows_long)
        if windows_long(axis) <= 1:
            break
        cuts[axis] += 1
    while math.prod(cuts) < units and windows_long(axis := max(range(len(shape)), key=windows_long)) >= 6:
        cuts[axis] += 1
    return tuple(lengths()), bytes_of(*lengths()[1:])


def peak() -> float:
    """Bytes that this process had in memory at most; 0 where it cannot be told."""
    if (told := memory.peak()) is not None:
        return float(told)
    if os.name != "posix":
        return 0.0
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit)
