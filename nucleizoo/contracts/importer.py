"""The interface of importers: checkpoints of other programs become runs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from torch import Tensor


class Importer(ABC):
    """Reads the checkpoints of one program: built as `Entry(**settings)`.

    A checkpoint is tensors in mappings; a tensor is known by its path in them, such as 'enc.main.1.weight'.
    """

    program: ClassVar[str]
    """Where the program is, and which version was read."""

    modules: ClassVar[Mapping[str, str]]
    """Path of each of its modules -> name of the module in our method; what is in it (weight, bias) has the
    same name in both."""

    ignored: ClassVar[tuple[str, ...]] = ()
    """Patterns of paths that a run does not need, such as '*.running_mean'."""

    @abstractmethod
    def settings(self, weights: Mapping[str, Tensor]) -> dict[str, Any]:
        """The configuration of the run, as the tree of its file.

        Args:
            weights: of the modules, by their paths in the checkpoint; every module has some.
        """
