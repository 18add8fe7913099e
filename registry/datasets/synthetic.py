"""Labels without pictures: synthetic nuclei, a new patch per sample."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nucleizoo.contracts import Dataset, DataSpec, Sample
from nucleizoo.kinds import DATASETS
from nucleizoo.ops.synthesis.ellipsoids import place
from nucleizoo.ops.synthesis.nucleus_size import measure_sizes

log = logging.getLogger(__name__)

TRIAL = {2: (256, 256), 3: (64, 128, 128)}
"""Crops of the paper, for the trial at construction."""

EASY = (12, 34)
"""Lengths of nuclei, in pixels, that small networks learn well."""


@DATASETS.register("synthetic")
class Synthetic(Dataset):
    """Random ellipses or ellipsoids that may touch but not overlap; no image, only labels.

    Choose `semi_axis` and `count` by your images: how long nuclei are, and how many a crop shows. Ranges
    left empty, [], are measured on the images when a training begins, and recorded in its run. The paper's
    values are in `configs/data`, one file per data set. Where voxels are not cubes, nuclei are flattened
    along z by the spacing of the data.

    Args:
        semi_axis: range of the major semi-axis (a radius), in pixels of the last axis; HeLa: 13-18.
        eccentricity: range of the eccentricity, in [0, 1), 0 is round; paper: 0.25-0.75.
        count: range of the number of nuclei in a patch, at least one; HeLa: 5-40.
        patch: the size in which nuclei are placed, as (y, x) or (z, y, x) in voxels; BBBC024: 128, 512, 768.
            Each crop is cut out of a new patch at a random place, so that it may be empty. Where a crop is
            larger, the patch grows to it, with nuclei in proportion. Empty: the crop is the patch.
        gap: background voxels kept between two nuclei; paper: 0, they may touch.

    Raises:
        ValueError: for an invalid range, or a `patch` with another number of axes than the data.
        SynthesisError: when no nucleus can be placed.

    Differs: [2] truncates the semi-axes to whole pixels, which is not done here. [1] calls `semi_axis` the
    major axis. [2] has no ellipsoids: here each minor axis has its own eccentricity.

    References:
        [1] Yao et al., "AD-GAN: End-to-end unsupervised nuclei segmentation with aligned disentangling
            training", 2021: supplement, table of synthesis parameters.
        [2] Kaiseem/AD-GAN at d692d16 (MIT), read for facts: overlap test, number drawn, 100 rejections.
    """

    gives = frozenset({"labels"})

    def __init__(
        self,
        spec: DataSpec,
        *,
        semi_axis: tuple[float, ...] = (13.0, 18.0),
        eccentricity: tuple[float, ...] = (0.25, 0.75),
        count: tuple[float, ...] = (5.0, 40.0),
        patch: tuple[int, ...] = (),
        gap: int = 0,
    ) -> None:
        if not (semi_axis and eccentricity and count):
            raise ValueError(
                "SEMI_AXIS, ECCENTRICITY and COUNT may be empty only for training, which measures them on "
                "the images; set them, for example to what 'nucleizoo estimate' prints"
            )
        if patch and (len(patch) != spec.dims or min(patch) < 1):
            raise ValueError(f"PATCH must be {spec.dims} sizes above 0, or empty; got {list(patch)}")
        self.spec = spec
        self.semi_axis, self.eccentricity, self.count = semi_axis, eccentricity, count
        self.patch, self.gap = patch, gap
        trial = TRIAL[spec.dims]
        self.sample(np.random.default_rng(0), tuple(map(min, patch or trial, trial)))

    @classmethod
    def unmeasured(cls, settings: Mapping[str, Any]) -> frozenset[str]:
        """The empty ranges; if `count` is measured, so is the patch that it refers to."""
        empty = {name for name in ("semi_axis", "eccentricity", "count") if not settings[name]}
        return frozenset(empty | ({"patch"} if "count" in empty else set()))

    @classmethod
    def measured(
        cls, images: Sequence[NDArray[np.float32]], spacing: tuple[float, ...] = ()
    ) -> dict[str, Any]:
        """Sizes and numbers of the nuclei in images.

        Raises:
            ValueError: when no nucleus is found.
        """
        sizes = measure_sizes(images).in_voxels(spacing)
        length = sum(sizes.semi_axis)  # the mean of twice the semi-axis
        if sizes.dark:
            log.warning("nuclei seem darker than the background; set DATASET.IMAGE.SCALING.INVERT true")
        if not EASY[0] <= length <= EASY[1]:
            log.warning(
                "nuclei are about %.0f pixels long, but %d to %d are learnt best: multiply "
                "DATASET.IMAGE.ZOOM by %.2f", length, *EASY, sum(EASY) / 2 / length,
            )  # fmt: skip
        return {
            "semi_axis": tuple(round(axis, 1) for axis in sizes.semi_axis),
            "eccentricity": tuple(round(value, 2) for value in sizes.eccentricity),
            "count": tuple(float(number) for number in sizes.count),
            "patch": sizes.window,
        }

    def sample(self, rng: np.random.Generator, size: tuple[int, ...]) -> Sample:
        """Place nuclei in a patch and cut out a crop of exactly `size`: labels (*size), no image.

        Raises:
            SynthesisError: when every nucleus would be larger than the patch.
        """
        patch = tuple(map(max, self.patch or size, size))
        share = math.prod(patch) / math.prod(self.patch or patch)
        corner = [int(rng.integers(whole - part + 1)) for whole, part in zip(patch, size, strict=True)]
        labels = place(
            rng,
            patch,
            semi_axis=self.semi_axis,
            eccentricity=self.eccentricity,
            count=tuple(share * n for n in self.count),
            gap=self.gap,
            spacing=self.spec.spacing,
            crop=tuple(slice(start, start + n) for start, n in zip(corner, size, strict=True)),
        )
        return Sample(labels=labels, spacing=self.spec.spacing)
