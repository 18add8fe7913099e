"""The shape of all work by blocks: independent units, then a short joining of what they found."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Protocol

Progress = tuple[str, int]
"""A step, and the unit of it that is done."""


class Step(Protocol):
    """Something that is done to every block of a volume.

    Units may be done in any order, by any process that sees the same files, also twice: each leaves one
    file, whole or not at all, or several and then a mark, that are the same whoever made them.
    """

    def __len__(self) -> int:
        """How many units there are."""
        ...

    def missing(self) -> Iterator[int]:
        """The units that are not done, in the order in which they are done soonest."""
        ...

    def do(self, index: int) -> None:
        """Do one unit, once the steps before are joined.

        Raises:
            UserError: when it cannot be done, and could not the next time either.
            OSError: when the disk is full.
        """
        ...

    def join(self) -> None:
        """Put together what the units found, when all are done; nothing if it has been."""
        ...


Crew = Callable[[str, Step], Iterator[int]]
"""Does the missing units of a step, which it is told by name too, and yields each when it is done."""


def alone(name: str, step: Step) -> Iterator[int]:
    """The crew of one: this process does one unit after the other."""
    for index in step.missing():
        step.do(index)
        yield index


def carried_out(steps: Mapping[str, Step], crew: Crew = alone) -> Iterator[Progress]:
    """Do what is not done of some steps, each joined before the next begins; yields after every unit."""
    for name, step in steps.items():
        for index in crew(name, step):
            yield name, index
        step.join()
