"""What a blending is: how much a window's voxels count where windows overlap."""

from __future__ import annotations

from abc import ABC, abstractmethod

from nucleizoo.ops.nn.blending import Terms


class Blending(ABC):
    """Weights of windows: built as `Entry(**settings)`."""

    @abstractmethod
    def terms(self) -> Terms:
        """The weight of a voxel is a sum: of every term its factor times its ramps along all axes.

        The sum must be above 0 at every voxel of a window, for one at the border of an image is in one
        window alone.
        """
