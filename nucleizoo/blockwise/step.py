"""The contract of all work by blocks: a step is many independent tasks, then one short join."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Protocol

Progress = tuple[str, int]
"""Name of a step, and the number of its task that was done."""


class Step(Protocol):
    """An operation on every block of a volume, one task per block.

    Tasks may be done in any order, by any process that sees the same files, even twice: each writes one
    file atomically, or several and then a mark, with the same content whichever process does it.
    """

    def __len__(self) -> int:
        """Number of tasks."""
        ...

    def missing(self) -> Iterator[int]:
        """The tasks that are not done, in the most efficient order."""
        ...

    def do(self, index: int) -> None:
        """Do one task, once the steps before are joined.

        Raises:
            UserError: when it cannot be done, and a retry would not help.
            OSError: when the disk is full.
        """
        ...

    def join(self) -> None:
        """Merge the results of all tasks, when they are done; nothing if they are merged."""
        ...


Executor = Callable[[str, Step], Iterator[int]]
"""Does the missing tasks of a step, given with its name, and yields each when it is done."""


def serial(name: str, step: Step) -> Iterator[int]:
    """The executor that does one task after the other in this process."""
    for index in step.missing():
        step.do(index)
        yield index


def run_steps(steps: Mapping[str, Step], executor: Executor = serial) -> Iterator[Progress]:
    """Do the missing tasks of some steps, each joined before the next begins; yields after every task."""
    for name, step in steps.items():
        for index in executor(name, step):
            yield name, index
        step.join()
