"""Rotation, zoom and flips: the augmentation of AD-GAN."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from nucleizoo.contracts import Augment, Sample
from nucleizoo.kinds import AUGMENTS
from nucleizoo.ops.image.geometry import centre_crop, extent, flip, resample

T = TypeVar("T", bound=np.generic)


@AUGMENTS.register("simple")
class Simple(Augment):
    """Rotate in the image plane, zoom, mirror; then crop to size.

    Crops are drawn as large as `reach(size)`, so that no corner of the result is outside them. Samples
    without an image (synthetic masks) are only cropped, because the paper never augments masks.

    Args:
        rotate: probability of a rotation; paper: 0.5.
        angle: largest rotation to either side, in degrees, in [0, 90]; paper: 30.
        flip: probability of mirroring, drawn per axis (in 3D also z); paper: 0.5.
        scale: range of the magnification of all axes, drawn per sample; (1, 1), as in the paper, keeps the
            size of nuclei.

    Raises:
        ValueError: for a probability outside [0, 1], an angle outside [0, 90], or an invalid range.

    Differs: [2] rotates the whole image and mirrors it at its border; here a larger crop is drawn, so that
    its border is not visible.

    References:
        [1] Yao et al., "AD-GAN: End-to-end unsupervised nuclei segmentation with aligned disentangling
            training", 2021.
        [2] Kaiseem/AD-GAN at d692d16 (MIT), read for facts: angle, probabilities, linear interpolation.
    """

    def __init__(
        self,
        *,
        rotate: float = 0.5,
        angle: float = 30.0,
        flip: float = 0.5,
        scale: tuple[float, ...] = (1.0, 1.0),
    ) -> None:
        for key, value in (("ROTATE", rotate), ("FLIP", flip)):
            if not 0 <= value <= 1:
                raise ValueError(f"{key} must be a probability in [0, 1], got {value}")
        if not 0 <= angle <= 90:
            raise ValueError(f"ANGLE must be in [0, 90] degrees, got {angle}")
        if len(scale) != 2 or not 0 < scale[0] <= scale[1]:
            raise ValueError(f"SCALE must be a range [low, high] with 0 < low <= high, got {list(scale)}")
        self.rotate, self.angle, self.flip, self.scale = rotate, angle, flip, scale

    def reach(self, size: tuple[int, ...]) -> tuple[int, ...]:
        """The crop to draw: the extent of `size` when rotated by up to `angle`."""
        return extent(size, self.angle if self.rotate else 0.0, self.scale[0])

    def __call__(self, sample: Sample, rng: np.random.Generator, size: tuple[int, ...]) -> Sample:
        """Augment a sample of `reach(size)` and crop it to `size`, with its labels and clean copy.

        Raises:
            ValueError: when the sample is smaller than `size`.
        """
        if sample.image is None:
            labels = sample.labels
            return sample if labels is None else replace(sample, labels=centre_crop(labels, size).copy())
        degrees = rng.uniform(-self.angle, self.angle) if rng.random() < self.rotate else 0.0
        zoom = rng.uniform(*self.scale)
        mirrored = tuple(rng.random(len(size)) < self.flip)

        def move(array: NDArray[T] | None, nearest: bool = False) -> NDArray[T] | None:
            if array is None:
                return None
            return flip(resample(array, size, degrees=degrees, zoom=zoom, nearest=nearest), mirrored)

        return replace(
            sample,
            image=move(sample.image),
            labels=move(sample.labels, nearest=True),
            clean=move(sample.clean),
        )
