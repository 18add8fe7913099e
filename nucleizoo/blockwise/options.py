"""How a user wants a volume to be predicted by blocks."""

from __future__ import annotations

from dataclasses import dataclass, replace

from nucleizoo.blockwise.plan.budget import default_limit
from nucleizoo.core.errors import UserError
from nucleizoo.io import zarr_library


@dataclass(frozen=True)
class Options:
    """How a volume is predicted by blocks.

    Attributes:
        format: of the labels, one of `FORMATS`.
        max_memory: of a process that works, in 10^9 bytes; 0 is half of the machine's.
        resume: go on with what was interrupted.
        skip_damaged: take chunks that are missing or damaged for black.

    Raises:
        UserError: for a memory that is no amount, or a format whose package is not installed.
    """

    format: str = "tif"
    max_memory: float = 0.0
    resume: bool = False
    skip_damaged: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.max_memory < float("inf"):
            raise UserError(f"--max-memory is a number of gigabytes, got {self.max_memory:g}")
        if self.format == "ome-zarr":
            zarr_library()  # told now, and not when all work is done

    @property
    def limit(self) -> float:
        """Bytes that the process may have in memory."""
        return self.max_memory * 1e9 or default_limit()

    def shared(self, count: int) -> Options:
        """The same for so many processes on this machine: what was not said is divided among them."""
        return self if self.max_memory else replace(self, max_memory=self.limit / 1e9 / count)
