"""The memory that decoding may take, and what to say when it is too little."""

from __future__ import annotations

import math
from dataclasses import dataclass

from nucleizoo.blockwise.plan.memory import in_option
from nucleizoo.core.errors import UserError
from nucleizoo.ops.grid import Box, size


@dataclass(frozen=True)
class Room:
    """So much of a volume may be in memory at once.

    Attributes:
        limit: bytes that the process may have.
        taken: bytes of them that are in use.
        each: bytes that a voxel takes.
    """

    limit: float = math.inf
    taken: float = 0.0
    each: float = 1.0

    def check(self, box: Box, wide: Box, why: str) -> None:
        """Nothing, if what is needed around a part of the volume has room.

        Args:
            box: the part.
            wide: what is needed.
            why: it is, as words that go between a place and a number of voxels.

        Raises:
            UserError: saying what to allow.
        """
        needed = self.taken + self.each * math.prod(map(float, size(wide)))
        if needed > self.limit:
            shape = "x".join(map(str, size(wide)))
            raise UserError(
                f"at voxel {tuple(cut.start for cut in box)} {why} {shape} voxels are needed at once, which "
                f"takes {needed / 1e9:.2f} GB of memory, and {self.limit / 1e9:.3g} are allowed; raise "
                f"--max-memory to {in_option(needed)} at least and go on with --resume, or begin again with "
                "a higher FOREGROUND of the decoder, so that nuclei do not all hang together"
            )
