"""The results of one step on disk, one file per block, from which an interrupted step resumes."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nucleizoo.blockwise.state.rle import from_runs, to_runs
from nucleizoo.core.errors import UserError
from nucleizoo.core.files import atomic, atomic_folder
from nucleizoo.core.parts import is_part
from nucleizoo.ops.grid import Box, Grid, common, inside, size

LabelTable = Callable[[int], NDArray[np.int32]]
"""Block -> the table that maps its stored labels to new ones."""


class BlockStore:
    """One file per block, which exists when the block is done, and tables, which exist once they are joined.

    Any number of processes may read and write, because files are written atomically.

    Args:
        folder: for the files; made if missing.
        grid: the blocks.
    """

    def __init__(self, folder: Path, grid: Grid) -> None:
        self.folder, self.grid = folder, grid
        self._tables: dict[str, NDArray[Any]] = {}
        folder.mkdir(parents=True, exist_ok=True)

    def __len__(self) -> int:
        return len(self.grid)

    def missing(self) -> Iterator[int]:
        """The blocks that are not done at the time of the call, in order."""
        return map(int, np.flatnonzero(~done_in(self.folder, ".npz", len(self.grid))))

    def write(
        self, index: int, arrays: dict[str, NDArray[Any]], labels: dict[str, NDArray[np.int32]] | None = None
    ) -> None:
        """Store the results of a block, atomically.

        Args:
            index: of the block.
            arrays: of any kind.
            labels: int32 arrays of the block's shape; stored run-length encoded.

        Raises:
            OSError: when the disk is full.
        """
        packed = dict(arrays)
        for name, array in (labels or {}).items():
            packed[f"{name}_starts"], packed[f"{name}_values"] = to_runs(array)
        with atomic(self._file(index), sync=False) as part, part.open("wb") as file:
            np.savez(file, allow_pickle=False, **packed)

    def read(self, index: int) -> Any:
        """The arrays of a block by name, each loaded on access.

        Raises:
            UserError: when the file is gone or damaged.
        """
        try:
            return np.load(self._file(index), allow_pickle=False)
        except (OSError, EOFError, ValueError, zipfile.BadZipFile, zlib.error) as error:
            raise unreadable(self._file(index), error) from error

    def labels(self, name: str, box: Box, table: LabelTable | None = None) -> NDArray[np.int32]:
        """Labels of any part of the whole array, mapped by the tables of their blocks."""
        whole = np.empty(size(box), np.int32)
        for index in self.grid.touching(box):
            core = self.grid.box(index)
            part = common(box, core)
            with self.read(index) as file:
                runs = file[f"{name}_starts"], file[f"{name}_values"]
            if table is not None:
                runs = runs[0], table(index)[runs[1]]
            whole[inside(part, box)] = from_runs(runs, size(core), inside(part, core))
        return whole

    @property
    def is_joined(self) -> bool:
        """Whether the tables exist."""
        return self._joined.is_dir()

    def keep(self, tables: dict[str, NDArray[Any]]) -> None:
        """Store the tables of the whole array, atomically.

        Raises:
            OSError: when the disk is full.
        """
        with atomic_folder(self._joined) as part:
            for name, table in tables.items():
                np.save(part / f"{name}.npy", table, allow_pickle=False)

    def table(self, name: str) -> NDArray[Any]:
        """One of the tables, mapped into memory rather than read.

        Raises:
            UserError: when the file is gone or damaged.
        """
        if name not in self._tables:
            file = self._joined / f"{name}.npy"
            try:
                self._tables[name] = np.load(file, mmap_mode="r", allow_pickle=False).view(np.ndarray)
            except (OSError, ValueError) as error:
                raise unreadable(self._joined, error) from error
        return self._tables[name]

    @property
    def _joined(self) -> Path:
        return self.folder / "joined"

    def _file(self, index: int) -> Path:
        return self.folder / f"{index:07d}.npz"


class BlockStep:
    """Base of the steps whose tasks are the blocks of a store.

    Attributes:
        store: of their results.
    """

    store: BlockStore

    def __len__(self) -> int:
        return len(self.store)

    def missing(self) -> Iterator[int]:
        """The blocks that are not done."""
        return self.store.missing()


def done_in(folder: Path, suffix: str, count: int) -> NDArray[np.bool_]:
    """Which of the blocks 0..count-1 have a file: (count,). It lists the folder once."""
    done = np.zeros(count, bool)
    for file in folder.iterdir():
        if file.suffix == suffix and not is_part(file):
            done[int(file.stem)] = True
    return done


def unreadable(path: Path, error: Exception) -> UserError:
    """The error for an intermediate result that is gone or damaged."""
    return UserError(f"{path}: cannot be read ({error}); remove it and rerun with --resume")
