"""The memory budget of a process: how much it may use, and what reading, predicting and decoding cost."""

from __future__ import annotations

import math
import os
import sys
from dataclasses import dataclass, field

from nucleizoo.core.errors import UserError
from nucleizoo.io import LazyVolume
from nucleizoo.ops import memory
from nucleizoo.ops.grid import Box, size
from nucleizoo.ops.image.resize import Resizing
from nucleizoo.preprocess import Values

DEFAULT_SHARE = 0.5
"""Share of the machine's memory that is used when the user sets no limit."""

RESERVE = 1e8
"""Bytes kept free for what is not counted."""

DECODING = 72.0
"""Peak memory of decoding in bytes per voxel, without reading the maps."""


@dataclass(frozen=True)
class Costs:
    """Peak memory in bytes per voxel.

    Attributes:
        decoding: per voxel of the file that decoding reads.
        image: per voxel that a row of windows covers; a row extends one window beyond its region on each
            side.
        maps: per voxel of a region within a row of windows.
    """

    decoding: float = DECODING
    image: float = 0.0
    maps: float = 0.0

    @classmethod
    def of(cls, resizing: Resizing, window: tuple[int, ...], stored: int, channels: int, maps: int) -> Costs:
        """The costs of one volume.

        Args:
            resizing: from the voxels of the file to those of the network.
            window: of the network.
            stored: bytes per voxel in the file.
            channels: of the network's input.
            maps: of the network's output.
        """
        if not resizing.is_needed:
            return cls(DECODING, stored + 4 * channels, 8 * maps + 4)
        finer = math.prod(resizing.new) / math.prod(resizing.old)
        starts = [max(n - w, 0) // 2 for n, w in zip(resizing.new, window, strict=True)]
        ends = [min(s + w, n) for s, w, n in zip(starts, window, resizing.new, strict=True)]
        centre = tuple(map(slice, starts, ends))  # a window away from the border
        coarser = math.prod(size(resizing.made_of(centre))) / math.prod(size(centre))
        # the voxels read, as float32 and blurred; two images between the axes; the result
        image = coarser * (stored + 4 * channels + 4) + 8 * max(coarser, 1) + 8 * channels
        return cls(DECODING + finer * (maps + 4) + 8 * max(finer, 1), image, 8 * maps + 4)


@dataclass(frozen=True)
class Reading:
    """Peak memory of reading a file, in bytes; zero for arrays in memory.

    Attributes:
        chunk: to decompress one chunk.
        scan: to measure the range of intensities, which includes a chunk.
        file: its name.
        cause: what is read at once and needs the memory, in words.
        advice: how to make it smaller, in words.
    """

    chunk: float = 0.0
    scan: float = 0.0
    file: str = ""
    cause: str = ""
    advice: str = ""

    @classmethod
    def of(cls, volume: LazyVolume, values: Values, *, planes: bool) -> Reading:
        """The memory that reading one volume needs.

        Args:
            volume: open.
            values: its intensities.
            planes: whether each plane is scaled by its own range.
        """
        chunk, part = volume.decoding, values.at_once(planes=planes)
        cause = f"its chunks of {'x'.join(map(str, volume.chunks))}"
        advice = "store it in smaller chunks"
        if planes and part > chunk:
            cause = f"its planes of {'x'.join(map(str, values.shape[-2:]))}, which are scaled one by one,"
            advice = "set SCALING.OVER to volume"
        return cls(chunk, chunk + part, volume.name, cause, advice)


@dataclass(frozen=True)
class Budget:
    """The memory that a process may use, and what its work costs.

    Attributes:
        limit: bytes that the process may use.
        taken: bytes of them that are in use or reserved.
        costs: bytes per voxel.
        reading: of the file.
        advice: how the user can make decoding need less (`Decoder.less_memory`).
    """

    limit: float = math.inf
    taken: float = 0.0
    costs: Costs = field(default_factory=Costs)
    reading: Reading = field(default_factory=Reading)
    advice: str = ""

    @property
    def free(self) -> float:
        """Bytes that are left."""
        return self.limit - self.taken

    def check(self, box: Box, wide: Box, why: str) -> None:
        """Refuse to decode a box when the voxels around it do not fit in memory.

        Args:
            box: to decode.
            wide: what must be in memory for it.
            why: the reason, in words that fit between a position and a number of voxels.

        Raises:
            UserError: saying how much memory to allow.
        """
        needed = self.taken + self.costs.decoding * math.prod(map(float, size(wide)))
        if needed > self.limit:
            shape = "x".join(map(str, size(wide)))
            other = f", or begin again with other decoder settings: {self.advice}" if self.advice else ""
            raise UserError(
                f"at voxel {tuple(cut.start for cut in box)} {why} {shape} voxels are needed at once, which "
                f"takes {needed / 1e9:.2f} GB of memory, but {self.limit / 1e9:.3g} are allowed; raise "
                f"--max-memory to at least {for_option(needed)} and rerun with --resume{other}"
            )


def default_limit() -> float:
    """Bytes per process when the user sets no limit: a share of the machine's, or of the container's."""
    if os.name != "posix":
        return DEFAULT_SHARE * 8e9  # a guess, where the system does not say
    installed = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return DEFAULT_SHARE * min(installed, memory.allowed() or installed)


def peak() -> float:
    """Peak memory of this process in bytes; 0 where the system does not say."""
    if (known := memory.peak()) is not None:
        return float(known)
    if os.name != "posix":
        return 0.0
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit)


def for_option(amount: float) -> str:
    """Bytes as a value for --max-memory, rounded up, with 2 % to spare because runs differ."""
    return f"{math.ceil(amount * 1.02 / 1e8) / 10:.1f}"
