"""How a volume is cut, so that what is in memory at once fits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from nucleizoo.blockwise.plan.memory import in_option
from nucleizoo.blockwise.plan.reading import NOTHING, Reading
from nucleizoo.core.errors import UserError
from nucleizoo.ops.grid import size
from nucleizoo.ops.image.resize import Resizing

BYTES = 72.0
"""Memory that decoding takes for every voxel that it looks at, at most, beside the reading of its maps."""

ROOM = 2
"""So many times a block and its margin must fit, for where the margin is too small."""

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
        block: of decoding, voxels of the file an axis.
        margin: around it.
        unit: of prediction, voxels that the network sees an axis.
        memory: bytes that a process has in memory which works so, about.
    """

    block: tuple[int, ...]
    margin: tuple[int, ...]
    unit: tuple[int, ...]
    memory: float


@dataclass(frozen=True)
class Costs:
    """Bytes a voxel, at most.

    Attributes:
        decoding: for every voxel of the file that decoding looks at.
        picture: for every voxel that a row of windows sees; of these there is a window more on either side
            of a unit.
        maps: for every voxel of a unit in a row of windows.
    """

    decoding: float
    picture: float
    maps: float

    @classmethod
    def of(cls, resizing: Resizing, window: tuple[int, ...], stored: int, channels: int, maps: int) -> Costs:
        """What a volume costs.

        Args:
            resizing: from its voxels to those that the network sees.
            window: of the network.
            stored: bytes of a voxel in the file.
            channels: of the picture.
            maps: of the network.
        """
        if not resizing.is_needed:
            return cls(BYTES, stored + 4 * channels, 8 * maps + 4)
        finer = math.prod(resizing.new) / math.prod(resizing.old)
        starts = [max(n - w, 0) // 2 for n, w in zip(resizing.new, window, strict=True)]
        ends = [min(s + w, n) for s, w, n in zip(starts, window, resizing.new, strict=True)]
        some = tuple(map(slice, starts, ends))  # a window away from the border
        coarser = math.prod(size(resizing.made_of(some))) / math.prod(size(some))
        # what is read, as float32 and blurred, two pictures between the axes, and what is made
        picture = coarser * (stored + 4 * channels + 4) + 8 * max(coarser, 1) + 8 * channels
        return cls(BYTES + finer * (maps + 4) + 8 * max(finer, 1), picture, 8 * maps + 4)


def plan(
    resizing: Resizing, voxel: tuple[float, ...], limit: float, *, taken: float,
    window: tuple[int, ...], step: tuple[int, ...], costs: Costs,
    reading: Reading = NOTHING, units: int = 1, windows: float = math.inf,
) -> Plan:  # fmt: skip
    """Choose blocks and units that fit.

    Args:
        resizing: from the volume to what the network sees.
        voxel: edge lengths of a voxel of the volume in those of the last axis.
        limit: bytes that a process may have in memory.
        taken: bytes of them that are in use, or not to be counted on.
        window: of the network, voxels an axis.
        step: from one window to the next.
        costs: of the volume.
        reading: of the volume; it is read before decoding begins.
        units: so many are wanted, where they can be three windows long.
        windows: more are not wanted in a unit, where it can be cut along the first axis, to no less than a
            window.

    Raises:
        UserError: when nothing fits.
    """
    margin = tuple(math.ceil(REACH / edge) for edge in voxel)
    block = _block(resizing.old, margin, (limit - taken) / costs.decoding / ROOM)
    room = limit - taken - reading.chunk
    unit, row = _unit(resizing.new, window, step, costs, room, units, windows)
    decoding = costs.decoding * _looked_at(block, margin)
    if (least := max(ROOM * decoding, row + reading.chunk, reading.first)) > limit - taken:
        if max(ROOM * decoding, row) <= limit - taken:
            raise UserError(
                f"{reading.name}: {reading.what} take {least / 1e9:.2f} GB to read, the program itself "
                f"{taken / 1e9:.2f}; --max-memory allows {limit / 1e9:.3g}: {reading.mend}, or raise "
                f"--max-memory to {in_option(taken + least)}"
            )
        raise UserError(
            f"--max-memory allows {limit / 1e9:.3g} GB; the program itself takes {taken / 1e9:.2f} GB, the "
            f"smallest blocks {least / 1e9:.2f}: raise it to {in_option(taken + least)}, or lower "
            "INFERENCE.WINDOW"
        )
    return Plan(block, margin, unit, taken + max(decoding, row + reading.chunk, reading.first))


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
    shape: tuple[int, ...], window: tuple[int, ...], step: tuple[int, ...], costs: Costs, budget: float,
    units: int, windows: float,
) -> tuple[tuple[int, ...], float]:  # fmt: skip
    """As few cuts as memory allows, each where pieces are longest; then more for short and for many units.

    Returns:
        The unit, and the bytes that it takes; more than the budget where none fits.
    """
    cuts = [1 for _ in shape]

    def windows_long(axis: int) -> float:
        return shape[axis] / cuts[axis] / window[axis]

    def bytes_of(*lengths: int) -> float:
        """What a row of windows over all of a unit takes."""
        seen = math.prod(min(b + 2 * w, n) for b, w, n in zip(lengths, window[1:], shape[1:], strict=True))
        return window[0] * (costs.picture * seen + costs.maps * math.prod(lengths))

    def lengths() -> list[int]:
        """Where a window begins, or fewer of them were predicted for one unit only."""
        return [min(-(-n // (c * s)) * s, n) for n, c, s in zip(shape, cuts, step, strict=True)]

    while bytes_of(*lengths()[1:]) > budget:
        axis = max(range(1, len(shape)), key=windows_long)
        if windows_long(axis) <= 1:
            break
        cuts[axis] += 1
    row = math.prod(max(n // s, 1) for n, s in zip(lengths()[1:], step[1:], strict=True))
    cuts[0] = -(-shape[0] // min(LONGEST * window[0], max(window[0], int(min(windows / row, 1e9)) * step[0])))
    while math.prod(cuts) < units and windows_long(axis := max(range(len(shape)), key=windows_long)) >= 6:
        cuts[axis] += 1
    return tuple(lengths()), bytes_of(*lengths()[1:])
