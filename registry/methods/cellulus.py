"""Cellulus: where a nucleus is follows from what a small patch looks like; no masks, no labels [1, 2].

[1] Wolf et al., Unsupervised learning of object-centric embeddings for cell instance segmentation in
    microscopy images, 2023 (arXiv 2310.08501).
[2] funkelab/cellulus at a13ea66 (MIT), read for pairs, loss, noise, thresholds and their numbers.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import numpy as np
import torch
from scipy import ndimage
from skimage import filters
from torch import Tensor

from nucleizoo.contracts import Clock, Group, Method, Task, Update
from nucleizoo.core.registry import Recipe
from nucleizoo.kinds import GENERATORS, LOSSES, METHODS
from nucleizoo.ops.labels.components import label
from nucleizoo.ops.labels.flow import UNIT

NOISE = (0.0, 1.0)
"""Values that voxels are set to, in [-1, 1]; [2]: 0.5 and 1 of [0, 1]."""

_SEED = 0


@METHODS.register("cellulus")
class Cellulus(Method):
    """Learns the offset from every voxel to a place that is the same for all voxels of an object.

    Of two patches that are near each other, the network must say how far apart they are from their looks
    alone: the positions i and j, moved by their offsets, shall meet. Within an object that can be told, so
    offsets lead to its middle; in the background it cannot, and offsets there change with every touch of
    noise, which tells the foreground.

    TARGET `embedding` with DECODER `embedding` gives nuclei; TARGET `mask` only the foreground. The source
    is not used. Nuclei should be no wider than what the network sees, and brighter than what surrounds them.

    Args:
        network: from a picture to an offset along each axis, in pixels.
        attraction: loss between the two places that patches point to; only the first gets gradient.
        kappa: patches of a pair are nearer than this, in pixels (paper: 10).
        density: share of the voxels of a plane that are first of a pair, and of the patches around it that
            are second (paper: 0.1).
        regularisation: weight of the mean length of the offsets (code: 1e-5).
        copies: noisy copies of a picture, of each of two kinds, of which mean and variance are taken
            (code: 16).
        noise: share of the voxels of a copy that are set to grey, or to white (code: 0.01).
        halo: False takes of each connected part of the foreground only what is brighter than Otsu's threshold
            within it (code: POST_PROCESSING nucleus), since offsets around a nucleus lead to it, too.

    Raises:
        ValueError: for a setting outside its range, or a target that needs what it does not give.

    Differs: the loss is a mean over pairs, not a sum, which Adam does not see; [2] regularises positions and
        offsets together. Otsu's threshold on the brightness is one per part of the foreground, there one per
        object.

    References: [1, 2] of this module.
    """

    needs = frozenset({"image"})
    roles = {"network": "segmenter"}
    windowed = False

    def __init__(
        self,
        task: Task,
        *,
        network: Recipe = GENERATORS.recipe("cellulus"),
        attraction: Recipe = LOSSES.recipe("attraction", temperature=10.0),
        kappa: float = 10.0,
        density: float = 0.1,
        regularisation: float = 1e-5,
        copies: int = 16,
        noise: float = 0.01,
        halo: bool = False,
    ) -> None:
        super().__init__(task)
        if kappa <= 1 or not 0 < density <= 1 or regularisation < 0:
            raise ValueError(
                "KAPPA must be above 1, DENSITY in (0, 1] and REGULARISATION 0 or more, got "
                f"{kappa}, {density} and {regularisation}"
            )
        if copies < 1 or not 0 < noise < 1:
            raise ValueError(f"COPIES must be 1 or more and NOISE in (0, 1), got {copies} and {noise}")
        if strange := set(task.target.names) - {"mask", "probability", *(f"offset_{a}" for a in "zyx")}:
            raise ValueError(
                f"it does not give the maps {', '.join(sorted(strange))}; set TARGET.NAME to embedding"
            )
        self.network = network(task.channels, task.dims, task.dims)
        self.attraction, self.regularisation = attraction(), regularisation
        self.density, self.copies, self.noise, self.halo = density, copies, noise, halo
        self.radius = math.ceil(kappa) - 1
        steps = itertools.product(range(-self.radius, self.radius + 1), repeat=task.dims)
        near = [step for step in steps if 0 < sum(n * n for n in step) < kappa * kappa]
        self.around: Tensor
        self.register_buffer("around", torch.tensor(near), persistent=False)
        self.partners = max(1, int(density * math.pi * kappa**2))

    def groups(self) -> dict[str, Group]:
        """One optimiser."""
        return {"network": Group(tuple(self.network.parameters()))}

    def train_step(self, batch: dict[str, Tensor], clock: Clock) -> Iterator[Update]:
        """One update."""
        offsets = self.network(batch["image"]).movedim(1, -1)  # (B, *S, axes)
        first, second = self.pairs(offsets)
        moved, whither = (place[:, 1:] + at(offsets, place) for place in (first, second))
        yield Update(
            "network",
            {
                "attraction": self.attraction(moved, whither.detach()),
                "length": self.regularisation * offsets.norm(dim=-1).mean(),
            },
        )

    def pairs(self, offsets: Tensor) -> tuple[Tensor, Tensor]:
        """Positions of near voxels in a batch (B, *S, axes): two of (N, 1 + axes), crop and voxel.

        The first are so far from the border that all around them is in the crop, if the crop is large enough.
        """
        crops, *size = offsets.shape[:-1]
        count, where = max(1, int(self.density * math.prod(size[-2:]))), offsets.device
        margins = [min(self.radius, (n - 1) // 2) for n in size]
        anchors = torch.stack(
            [
                torch.randint(m, n - m, (crops, count), device=where)
                for m, n in zip(margins, size, strict=True)
            ],
            -1,
        )[:, :, None]
        chosen = torch.randint(len(self.around), (crops, count, self.partners), device=where)
        partners = anchors + self.around[chosen]
        partners = torch.minimum(partners.clamp(min=0), torch.tensor(size, device=where) - 1)
        crop = torch.arange(crops, device=where)[:, None, None, None].expand(*chosen.shape, 1)
        first, second = (
            torch.cat([crop, place.expand_as(partners)], -1).flatten(0, 2) for place in (anchors, partners)
        )
        return first, second

    @torch.no_grad()
    def forward(self, image: Tensor) -> Tensor:
        """Image (B, channels, *S) in [-1, 1] -> maps (B, C, *S): probability, and offsets from their mean."""
        mean, spread = self.offsets(image)
        certain = torch.stack([self.foreground(*one) for one in zip(spread, image, strict=True)])
        inside = (certain > 0.5).to(mean.dtype)[:, None]
        axes = tuple(range(2, mean.ndim))
        count = inside.sum(axes, keepdim=True).clamp(min=1)
        centred = mean - (mean * inside).sum(axes, keepdim=True) / count  # the loss sees no common offset
        known = dict(zip([f"offset_{a}" for a in "zyx"[-len(axes) :]], centred.unbind(1), strict=True))
        maps = {"mask": certain, "probability": certain, "offset_z": torch.zeros_like(certain)}
        maps |= {name: (one / UNIT).clamp(-1, 1) for name, one in known.items()}
        return torch.stack([maps[name] for name in self.task.target.names], 1)

    def offsets(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Image -> its mean offset under noise (B, axes, *S), and the summed deviations (B, *S), in pixels.

        The noise is the same in every call.
        """
        g = torch.Generator().manual_seed(_SEED)
        total = squares = image.new_zeros(())
        for _, value in itertools.product(range(self.copies), NOISE):
            struck = torch.rand(image.shape[1:], generator=g).to(image.device) <= self.noise
            seen = self.network(torch.where(struck, value, image)).float()
            total, squares = total + seen, squares + seen.double() ** 2
        mean = total / (len(NOISE) * self.copies)
        spread = (squares / (len(NOISE) * self.copies) - mean.double() ** 2).clamp(min=0).sqrt().sum(1)
        return mean, spread.to(mean.dtype)

    def foreground(self, spread: Tensor, picture: Tensor) -> Tensor:
        """Deviations (*S), picture (channels, *S) -> (*S) in [0, 1], above 0.5 where nuclei are."""
        values = spread.cpu().numpy().astype(np.float64)
        threshold = _otsu(values)
        likely = threshold / np.maximum(threshold + values, np.finfo(float).tiny)
        if not self.halo:
            bright = picture.amax(0).cpu().numpy().astype(np.float64)
            regions = label(likely > 0.5)
            for number, box in enumerate(ndimage.find_objects(regions), start=1):
                inside = regions[box] == number
                dim = inside & (bright[box] <= _otsu(bright[box][inside]))
                likely[box][dim] *= 0.5
        return torch.from_numpy(likely).to(spread)


def at(offsets: Tensor, places: Tensor) -> Tensor:
    """Of offsets (B, *S, axes) those at places (N, 1 + axes), (N, axes)."""
    flat = places[:, 0]
    for axis, n in enumerate(offsets.shape[1:-1], start=1):
        flat = flat * n + places[:, axis]
    return offsets.flatten(0, -2).index_select(0, flat)


def _otsu(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> float:
    """Otsu's threshold; the value if there is but one."""
    flat = values.min() == values.max()
    return float(values.min() if flat else filters.threshold_otsu(values))  # type: ignore[no-untyped-call]
