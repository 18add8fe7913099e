"""How a volume is cut into blocks and regions that fit the memory budget."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from nucleizoo.blockwise.plan.budget import Budget, for_option
from nucleizoo.core.errors import UserError
from nucleizoo.ops.image.resize import Resizing

SAFETY = 2
"""A block and its margin must fit this many times, because a margin may have to grow."""

MAX_BLOCK = {2: (4096, 4096), 3: (64, 512, 512)}
"""Largest block, per number of axes."""

MARGIN = 16
"""Initial margin of a block in pixels of the last axis: about the radius of a large nucleus."""

MAX_WINDOWS = 8
"""Windows in a region along the first axis, at most: a crash costs no more than one region."""


@dataclass(frozen=True)
class Plan:
    """How a volume is cut.

    Attributes:
        block: of decoding, in voxels of the file per axis.
        margin: around a block.
        region: of prediction, one task, in voxels of the network per axis.
        memory: bytes that a process needs, approximately.
    """

    block: tuple[int, ...]
    margin: tuple[int, ...]
    region: tuple[int, ...]
    memory: float


def plan(
    resizing: Resizing, voxel: tuple[float, ...], budget: Budget, *,
    window: tuple[int, ...], step: tuple[int, ...], reach: tuple[int, ...] = (), regions: int = 1,
    windows: float = math.inf,
) -> Plan:  # fmt: skip
    """Choose blocks and regions that fit in memory.

    Args:
        resizing: from the voxels of the file to those of the network.
        voxel: edge lengths of a voxel of the file, relative to the last axis.
        budget: of a process; the file is scanned before decoding begins.
        window: of the network, voxels per axis.
        step: from one window to the next.
        reach: of the decoder's rules, voxels of the file per axis; a margin is no smaller.
        regions: number wanted, as long as a region stays three windows long.
        windows: most windows wanted in a region; to meet it, a region is cut along the first axis, to no
            less than one window.

    Raises:
        UserError: when nothing fits.
    """
    reading, free, taken = budget.reading, budget.free, budget.taken
    margin = tuple(map(max, (math.ceil(MARGIN / edge) for edge in voxel), reach or (0,) * len(voxel)))
    block = _block(resizing.old, margin, free / budget.costs.decoding / SAFETY)
    region, row = _region(resizing.new, window, step, budget, regions, windows)
    decoding = budget.costs.decoding * _padded(block, margin)
    if (least := max(SAFETY * decoding, row + reading.chunk, reading.scan)) > free:
        enough = for_option(taken + least)
        if max(SAFETY * decoding, row) <= free:
            raise UserError(
                f"{reading.file}: {reading.cause} take {least / 1e9:.2f} GB to read and the program itself "
                f"{taken / 1e9:.2f}, but --max-memory allows {budget.limit / 1e9:.3g}: {reading.advice}, or "
                f"raise --max-memory to {enough}"
            )
        raise UserError(
            f"--max-memory allows {budget.limit / 1e9:.3g} GB, but the program itself takes "
            f"{taken / 1e9:.2f} GB and the smallest blocks {least / 1e9:.2f}: raise it to {enough}, or lower "
            "INFERENCE.WINDOW"
        )
    return Plan(block, margin, region, taken + max(decoding, row + reading.chunk, reading.scan))


def _padded(block: Sequence[int], margin: tuple[int, ...]) -> int:
    """Voxels of a block with its margin."""
    return math.prod(b + 2 * m for b, m in zip(block, margin, strict=True))


def _block(shape: tuple[int, ...], margin: tuple[int, ...], voxels: float) -> tuple[int, ...]:
    """The largest block that fits with its margin; the smallest block if none does."""
    block = [min(side, n) for side, n in zip(MAX_BLOCK[len(shape)], shape, strict=True)]
    while _padded(block, margin) > voxels:
        longest = max(range(len(block)), key=lambda axis: block[axis] / margin[axis])
        if block[longest] <= margin[longest]:
            break
        block[longest] = -(-block[longest] // 2)
    return tuple(block)


def _region(
    shape: tuple[int, ...], window: tuple[int, ...], step: tuple[int, ...], budget: Budget,
    regions: int, windows: float,
) -> tuple[tuple[int, ...], float]:  # fmt: skip
    """Cut the longest side until a region fits in memory; then cut further for short and many regions.

    Returns:
        The region, and the bytes that it needs: more than are free if none fits.
    """
    cuts, costs = [1 for _ in shape], budget.costs

    def windows_long(axis: int) -> float:
        return shape[axis] / cuts[axis] / window[axis]

    def row_bytes(*lengths: int) -> float:
        """Memory of a row of windows over a whole region."""
        seen = math.prod(min(b + 2 * w, n) for b, w, n in zip(lengths, window[1:], shape[1:], strict=True))
        return window[0] * (costs.image * seen + costs.maps * math.prod(lengths))

    def lengths() -> list[int]:
        """Sides of a region, in whole steps so that no window serves only the rim of one."""
        return [min(-(-n // (c * s)) * s, n) for n, c, s in zip(shape, cuts, step, strict=True)]

    while row_bytes(*lengths()[1:]) > budget.free - budget.reading.chunk:
        axis = max(range(1, len(shape)), key=windows_long)
        if windows_long(axis) <= 1:
            break
        cuts[axis] += 1
    row = math.prod(max(n // s, 1) for n, s in zip(lengths()[1:], step[1:], strict=True))
    wanted = max(window[0], int(min(windows / row, 1e9)) * step[0])
    cuts[0] = -(-shape[0] // min(MAX_WINDOWS * window[0], wanted))
    while math.prod(cuts) < regions and windows_long(axis := max(range(len(shape)), key=windows_long)) >= 6:
        cuts[axis] += 1
    return tuple(lengths()), row_bytes(*lengths()[1:])
