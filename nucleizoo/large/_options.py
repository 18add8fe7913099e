"""How a user wants a volume to be predicted by blocks."""

from __future__ import annotations

from dataclasses import dataclass

from nucleizoo.large import _memory


@dataclass(frozen=True)
class Options:
    """How a volume is predicted by blocks.

    Attributes:
        format: of the labels, one of `FORMATS`.
        max_memory: of the whole process, in 10^9 bytes; 0 is half of the machine's.
        resume: go on with what was interrupted.
        skip_damaged: take chunks that are missing or damaged for black.
    """

    format: str = "tif"
    max_memory: float = 0.0
    resume: bool = False
    skip_damaged: bool = False

    @property
    def limit(self) -> float:
        """Bytes that the process may have in memory."""
        return self.max_memory * 1e9 or _memory.machine() * _memory.DEFAULT_SHARE
