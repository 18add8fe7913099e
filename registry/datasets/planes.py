"""Planes of synthetic volumes: masks for methods that work in 2D on the planes of volumes [1].

[1] Fu et al., "Three dimensional fluorescence microscopy image synthesis and segmentation", 2018: SpCycleGAN
    is trained in 2D on the planes of real volumes and of synthetic binary ones.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from nucleizoo.contracts import Dataset, DataSpec, Sample
from nucleizoo.core.registry import Recipe
from nucleizoo.kinds import DATASETS


@DATASETS.register("planes")
class Planes(Dataset):
    """In 2D, random planes of the volumes that another dataset gives; in 3D, these volumes.

    A plane cuts most nuclei off their middle, so that sizes and numbers are those that planes of real volumes
    show. Files need no such entry: `images` and `labelled` read the planes of a volume as pictures in 2D.
    A run trained on it in 2D translates its volumes in 3D (dataset 'translated').

    Args:
        source: dataset of labels alone. Its sizes are those of volumes: set PATCH, as (z, y, x), if COUNT
            does not refer to `depth` planes of DATASET.SIZE.
        depth: planes of the volume that each plane is drawn from; more than a nucleus is long.

    Raises:
        ValueError: when the source has pictures or no labels, or `depth` is below 1.

    Differs: [1] draws the planes of a few volumes again and again; here every plane is of a new volume. In
    2D, voxels are as long along z as along x.
    """

    gives = frozenset({"labels"})

    def __init__(
        self, spec: DataSpec, *, source: Recipe = DATASETS.recipe("synthetic"), depth: int = 64
    ) -> None:
        if DATASETS.get(source.name).gives != self.gives:
            raise ValueError(
                f"SOURCE must give labels alone, as 'synthetic' does, but is '{source.name}'; use that itself"
            )
        if depth < 1:
            raise ValueError(f"DEPTH must be 1 or more, got {depth}")
        self.volumes: Dataset = source(replace(spec, dims=3, spacing=_in_3d(spec.spacing)))
        self.depth = depth

    def sample(self, rng: np.random.Generator, size: tuple[int, ...]) -> Sample:
        """Labels (*size) of a random plane of a new volume, or of a volume."""
        if len(size) == 3:
            return self.volumes.sample(rng, size)
        volume = self.volumes.sample(rng, (self.depth, *size))
        return plane(volume, int(rng.integers(self.depth)))


def plane(volume: Sample, z: int) -> Sample:
    """One plane of a volume, as a sample in 2D."""
    image, labels, clean = volume.image, volume.labels, volume.clean
    return Sample(
        None if image is None else image[:, z],
        None if labels is None else labels[z],
        None if clean is None else clean[:, z],
        volume.spacing[1:],
    )


def _in_3d(spacing: tuple[float, ...]) -> tuple[float, ...]:
    """The voxel size of volumes whose planes have a spacing."""
    return (spacing[-1], *spacing) if len(spacing) == 2 else spacing
