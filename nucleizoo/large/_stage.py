"""What one step made of every block, a file each: so the step goes on where it was interrupted."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nucleizoo.core.errors import UserError
from nucleizoo.core.files import atomic
from nucleizoo.large._runs import from_runs, to_runs
from nucleizoo.ops.grid import Box, Grid, common, inside, size

Table = Callable[[int], NDArray[np.int32]]
"""Block -> what its stored labels become."""


class Stage:
    """One file a block, there when the block is done.

    Args:
        folder: for the files; made if missing.
        grid: the blocks.
    """

    def __init__(self, folder: Path, grid: Grid) -> None:
        self.folder, self.grid = folder, grid
        folder.mkdir(parents=True, exist_ok=True)

    def has(self, index: int) -> bool:
        """Whether a block is done."""
        return self._file(index).exists()

    def write(
        self, index: int, arrays: dict[str, NDArray[Any]], labels: dict[str, NDArray[np.int32]] | None = None
    ) -> None:
        """Keep what a block gave, whole or not at all.

        Args:
            index: of the block.
            arrays: of any kind.
            labels: arrays of the block's shape, int32; they are packed.

        Raises:
            OSError: when the disk is full.
        """
        packed = dict(arrays)
        for name, array in (labels or {}).items():
            packed[f"{name}_starts"], packed[f"{name}_values"] = to_runs(array)
        with atomic(self._file(index), sync=False) as part, part.open("wb") as file:
            np.savez(file, allow_pickle=False, **packed)

    def read(self, index: int) -> Any:
        """The arrays of a block by name, each loaded when it is asked for.

        Raises:
            UserError: when the file is gone or damaged.
        """
        try:
            return np.load(self._file(index), allow_pickle=False)
        except (OSError, ValueError, zipfile.BadZipFile) as error:
            raise UserError(
                f"{self._file(index)}: cannot be read ({error}); remove it and go on with --resume"
            ) from error

    def labels(self, name: str, box: Box, table: Table | None = None) -> NDArray[np.int32]:
        """Labels of any part of the whole array, looked up in the tables of their blocks."""
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

    def _file(self, index: int) -> Path:
        return self.folder / f"{index:07d}.npz"
