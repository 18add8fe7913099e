"""The interface of blendings: the weights of voxels where windows overlap."""

from __future__ import annotations

from abc import ABC, abstractmethod

from nucleizoo.ops.nn.blending import Terms


class Blending(ABC):
    """Weights of windows: built as `Entry(**settings)`."""

    @abstractmethod
    def terms(self) -> Terms:
        """The weight of a voxel: the sum over terms of the factor times the ramps along all axes.

        It must be above 0 at every voxel of a window, since a voxel at the border of an image is in only
        one window.
        """
