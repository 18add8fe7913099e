"""Nuclei as a vector field that leads from every voxel to the middle of its nucleus.

[1] Stringer et al., Cellpose: a generalist algorithm for cellular segmentation, 2021, methods: flows.
[2] MouseLand/cellpose 3.1.1.3 (BSD), read for what [1] leaves open: the centre, the rounds, the logarithm.
[3] Wolf et al., Unsupervised learning of object-centric embeddings for cell instance segmentation in
    microscopy images, 2023: offsets.
"""

from __future__ import annotations

from abc import abstractmethod

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nucleizoo.contracts import Channel, Target
from nucleizoo.kinds import TARGETS
from nucleizoo.ops.image.geometry import voxel_shape
from nucleizoo.ops.labels.components import parts
from nucleizoo.ops.labels.flow import UNIT, heat_flow, middles


class Vectors(Target):
    """The probability of nucleus, and a vector per voxel; subclasses implement `vectors`.

    There are always three vector maps, z, y and x: an image has no z, and its map is 0.
    """

    @abstractmethod
    def vectors(self, nuclei: NDArray[np.int32], spacing: tuple[float, ...]) -> NDArray[np.float32]:
        """Connected nuclei (*S), 1..n -> (axes, *S) in [-1, 1], 0 in the background."""

    def encode(self, labels: NDArray[np.int32], spacing: tuple[float, ...] = ()) -> NDArray[np.float32]:
        """Labels (*S), 0 = background -> maps (4, *S): 0 or 1, and vectors along z, y and x in [-1, 1].

        Raises:
            ValueError: when `spacing` does not match the axes.
        """
        maps = np.zeros((len(self.channels), *labels.shape), np.float32)
        maps[0] = labels > 0
        maps[-labels.ndim :] = self.vectors(parts(labels), spacing)
        return maps

    def as_image(self, maps: Tensor) -> Tensor:
        """Maps (B, 4, *S) -> picture in [-1, 1]: the probability is stretched, vectors are unchanged."""
        return torch.cat([2 * maps[:, :1] - 1, maps[:, 1:]], dim=1)

    def from_image(self, picture: Tensor) -> Tensor:
        """Picture (B, 4, *S) in [-1, 1] -> maps in the channels' ranges."""
        return torch.cat([(picture[:, :1] + 1) / 2, picture[:, 1:]], dim=1)


@TARGETS.register("flow")
class Flow(Vectors):
    """Cellpose's maps: 'probability', and 'flow_z', 'flow_y', 'flow_x', unit vectors that lead to the middle.

    They are the normalised gradient of heat that spreads within each nucleus from its middle, the voxel
    nearest to the median of its coordinates; so they never lead through what is outside. Parts of a nucleus
    that the crop separates count as separate nuclei. An image has no z: 'flow_z' is 0.

    The loss of [1] is METHOD.SEGMENTATION {NAME: by_channel, BCE: 1, DICE: 0, BALANCE: false, MSE: 6.25}.

    Differs: heat spreads over faces, weighted for voxels that are not cubes, in images too, where [2] has the
        mean of 3 x 3 pixels; flows are those of the crop, where [2] cuts those of the whole image. [1] joins
        two axes at a time in volumes; here, as in later versions of [2], heat spreads along all three.

    References: [1, 2] of this module.
    """

    channels = (
        Channel("probability", "sigmoid"),
        *(Channel(f"flow_{axis}", "tanh") for axis in "zyx"),
    )

    def vectors(self, nuclei: NDArray[np.int32], spacing: tuple[float, ...]) -> NDArray[np.float32]:
        """Unit vectors up the heat."""
        return heat_flow(nuclei, spacing)


@TARGETS.register("embedding")
class Embedding(Vectors):
    """'probability', and 'offset_z', 'offset_y', 'offset_x' from every voxel to the middle of its nucleus.

    Offsets are in units of 32 pixels of the last axis; longer ones are clipped. The middle is the voxel
    nearest to the median of the coordinates. Parts of a nucleus that the crop separates count as separate
    nuclei. An image has no z: 'offset_z' is 0. The method `cellulus` learns these maps without labels.

    References: [3] of this module, which learns them without labels.
    """

    channels = (
        Channel("probability", "sigmoid"),
        *(Channel(f"offset_{axis}", "tanh") for axis in "zyx"),
    )

    def vectors(self, nuclei: NDArray[np.int32], spacing: tuple[float, ...]) -> NDArray[np.float32]:
        """Vectors to the middles."""
        ends = np.stack(np.unravel_index(middles(nuclei, spacing).clip(0)[nuclei], nuclei.shape))
        edges = np.reshape(voxel_shape(spacing, nuclei.ndim), (-1, *[1] * nuclei.ndim))
        vectors = np.where(nuclei > 0, (ends - np.indices(nuclei.shape)) * edges / UNIT, 0)
        return np.asarray(np.clip(vectors, -1, 1), np.float32)
