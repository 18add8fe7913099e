"""The augmentation of CySGAN: eleven transforms, many of which imitate artefacts of microscopy."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from nucleizoo.contracts import Augment, Sample
from nucleizoo.kinds import AUGMENTS
from nucleizoo.ops.image import degrade, warp
from nucleizoo.ops.image.geometry import centre_crop

Draws = dict[str, np.random.Generator]
"""The transforms of a sample by name, each with its own random numbers."""

SOLID = frozenset({"missing_parts", "missing_section", "misalignment"})
"""Transforms of the sections of a volume, left out in 2D."""
DEGRADING = frozenset({"missing_parts", "motion_blur", "cut_blur", "cut_noise"})
"""Transforms that the clean copy does not get."""


@AUGMENTS.register("microscopy")
class Microscopy(Augment):
    """Eleven transforms, each with its own probability; 0 leaves one out, and the others unchanged.

    The image gets all of them. Its clean copy gets the same draws of all except missing parts, motion blur,
    cut-blur and cut-noise. Labels follow all transforms that move voxels: labels of missing sections are
    missing too, so a nucleus loses the same planes as its image, and a misaligned one keeps one label.

    In 2D there are no sections: missing sections and misalignment are left out, and so are missing parts,
    which would blank most of many pictures. The other transforms act as on a volume of one plane.
    Samples without an image (synthetic masks) are only cropped.

    Args:
        rotate: probability of a rotation by 0, 90, 180 or 270 degrees in the plane (0 or 180 if the crop
            is not square); published: 1.
        rescale: probability of stretching y and x, each by its own factor; published: 0.5.
        elastic: probability of an elastic deformation, the same in all planes; published: 0.75.
        intensity: probability of another contrast, brightness and gamma; published: 0.75 ('grayscale').
        missing_parts: probability that planes lose a strip, which is filled with the plane's mean; then
            also the probability per plane, but never for two consecutive ones; published: 0.9.
        missing_section: probability that planes are missing, of image and labels; published: 0.5.
        misalignment: probability that one plane, or all from one on, is shifted or rotated; published: 0.5.
        motion_blur: probability that planes are blurred along y or x; published: 0.5.
        cut_blur: probability of a box with coarse pixels; published: 0.5.
        cut_noise: probability of a box with noise; published: 0.75.
        flip: probability of mirroring; then each axis is mirrored (and, if the crop is square, y and x are
            swapped) with probability 1/2; published: 1.
        scale: range of the two factors of `rescale`; published: 0.8-1.25.
        elastic_alpha: amplitude of the noise that `elastic` smooths to a displacement, in pixels to either
            side; published: 16, which leaves 0.65 pixels (root mean square).
        elastic_sigma: sigma of the Gaussian that smooths it, in pixels; published: 4.
        contrast: largest change of the contrast to either side, as a share; published: 0.15.
        brightness: largest change of the brightness, as a share of the intensity range; published: 0.15.
        gamma: intensities are raised to a power between 2 ** -gamma and 2 ** gamma; published: 1.
        strip: width of a missing part, as a share of the crop's shorter side; published: 97 of 129 pixels.
        planes: number of missing planes, and of planes with motion blur; published: 2.
        shift: largest shift between misaligned planes, in pixels; published: 16.
        blur_length: length of the motion blur, in pixels; published: 11.
        coarsen: range of the side of coarse pixels, in pixels; published: 2-8.
        noise: amplitude of the noise to either side, as a share of the intensity range; published: 0.3.
        box: side of both boxes, as a share of the side before the crop is cut to size; published: 0.4.

    Raises:
        ValueError: for a setting outside its range.

    Differs: [2] applies one transform after the other, cut-noise first and rotation last. Here the four
    degradations come first, then sections, then one interpolation for deformation and stretching together,
    then the intensity of the sample cut to size: fewer voxels, and interpolated once. Crops are drawn so
    large that nothing beyond them is visible; [2] fills with zeros there. Coarse pixels are plain means. The
    strip of [2] has 97 pixels in any crop; here it shrinks with the crop. For 129 pixels [2] draws 212, here
    183 are enough: boxes of 0.4 of that side have 84 and 73 pixels. The 0.3 that [2] names for
    contrast and brightness is the width of a range, 0.15 to either side.

    References:
        [1] Lauenburg et al., "Instance segmentation of unlabeled modalities via cyclic segmentation GAN",
            2022: data augmentation.
        [2] PytorchConnectomics/pytorch_connectomics v1.0 at 7ec3284 (MIT), read for facts: all settings.
    """

    def __init__(
        self, *,
        rotate: float = 1.0, rescale: float = 0.5, elastic: float = 0.75, intensity: float = 0.75,
        missing_parts: float = 0.9, missing_section: float = 0.5, misalignment: float = 0.5,
        motion_blur: float = 0.5, cut_blur: float = 0.5, cut_noise: float = 0.75, flip: float = 1.0,
        scale: tuple[float, ...] = (0.8, 1.25), elastic_alpha: float = 16.0, elastic_sigma: float = 4.0,
        contrast: float = 0.15, brightness: float = 0.15, gamma: float = 1.0, strip: float = 0.75,
        planes: int = 2, shift: int = 16, blur_length: int = 11,
        coarsen: tuple[float, ...] = (2.0, 8.0), noise: float = 0.3, box: float = 0.4,
    ) -> None:  # fmt: skip
        self.chance = {
            "rotate": rotate, "rescale": rescale, "elastic": elastic, "intensity": intensity,
            "missing_parts": missing_parts, "missing_section": missing_section,
            "misalignment": misalignment, "motion_blur": motion_blur, "cut_blur": cut_blur,
            "cut_noise": cut_noise, "flip": flip,
        }  # fmt: skip
        shares = {"contrast": contrast, "brightness": brightness, "strip": strip, "noise": noise, "box": box}
        counts = {"planes": planes, "shift": shift, "elastic_alpha": elastic_alpha}
        _refuse_outside(0, 1, self.chance | shares)
        _refuse_outside(0, 8, {"gamma": gamma})
        _refuse_outside(0, 1000, counts)
        _refuse_outside(0.5, 1000, {"elastic_sigma": elastic_sigma, "blur_length": blur_length})
        for key, ends, least in (("SCALE", scale, 0.1), ("COARSEN", coarsen, 1.0)):
            if len(ends) != 2 or not least <= ends[0] <= ends[1]:
                raise ValueError(
                    f"{key} must be a range [low, high] with {least} <= low <= high, got {list(ends)}"
                )
        self.scale, self.elastic_alpha, self.elastic_sigma = scale, elastic_alpha, elastic_sigma
        self.contrast, self.brightness, self.gamma = contrast, brightness, gamma
        self.strip, self.planes, self.shift, self.blur_length = strip, planes, shift, blur_length
        self.coarsen, self.noise, self.box = coarsen, noise, box

    def reach(self, size: tuple[int, ...]) -> tuple[int, ...]:
        """The crop to draw: large enough for stretching, deformation, misalignment and lost planes."""
        *depth, height, width = size
        zoom = min(1.0, self.scale[0]) if self.chance["rescale"] else 1.0
        bent = 2 * warp.farthest(self.elastic_alpha, self.elastic_sigma) if self.chance["elastic"] else 0.0
        slipped = self.shift if depth and self.chance["misalignment"] else 0
        lost = self.planes if self.chance["missing_section"] else 0
        plane = (math.ceil((n - 1) / zoom + bent) + 1 + slipped for n in (height, width))
        return (*(n + lost for n in depth), *plane)

    def __call__(self, sample: Sample, rng: np.random.Generator, size: tuple[int, ...]) -> Sample:
        """Augment a sample of `reach(size)` and crop it to `size`, with its labels and clean copy.

        The clean copy of the result is None if nothing was degraded, now or before.

        Raises:
            ValueError: when a sample with an image is smaller than `reach(size)`, or one without than `size`.
        """
        image, labels, clean = sample.image, sample.labels, sample.clean
        if image is None:
            return sample if labels is None else replace(sample, labels=centre_crop(labels, size).copy())
        centre_crop(image, self.reach(size))  # raises for samples that are too small
        happens = self._happens(rng, len(size))
        if clean is None and DEGRADING & happens.keys():
            clean = image
        channels, *front = len(image), *(1,) * (3 - len(size))  # a picture is a volume of one plane
        shape = (*front, *image.shape[1:])
        pictures = (image if clean is None else np.concatenate([image, clean])).reshape(-1, *shape)
        self._degrade(pictures[:channels], happens, self.strip * min(size[-2:]))
        move = self._movement(happens, shape, (*front, *size))
        pictures = self._light(move(pictures), happens).reshape(-1, *size)
        if labels is not None:
            labels = move(labels.reshape(shape), nearest=True).reshape(size)
        clean = None if clean is None else pictures[channels:]
        return replace(sample, image=pictures[:channels], labels=labels, clean=clean)

    def _happens(self, rng: np.random.Generator, dims: int) -> Draws:
        """Draw the transforms of one sample, each with its own random numbers."""
        seeds = rng.integers(2**63, size=len(self.chance))
        own = {name: np.random.default_rng(seed) for name, seed in zip(self.chance, seeds, strict=True)}
        left_out = SOLID if dims == 2 else frozenset()
        return {n: r for n, r in own.items() if r.random() < self.chance[n] and n not in left_out}

    def _degrade(self, image: NDArray[np.float32], happens: Draws, strip: float) -> None:
        """Degrade an image (C, Z, Y, X) in place; `strip` is in pixels."""
        if rng := happens.get("cut_noise"):
            degrade.cut_noise(image, rng, box=self.box, noise=self.noise)
        if rng := happens.get("cut_blur"):
            degrade.cut_blur(image, rng, box=self.box, coarsen=self.coarsen)
        if rng := happens.get("motion_blur"):
            degrade.motion_blur(image, rng, length=self.blur_length, planes=self.planes)
        if rng := happens.get("missing_parts"):
            degrade.missing_parts(image, rng, chance=self.chance["missing_parts"], width=strip)

    def _movement(self, happens: Draws, shape: tuple[int, ...], size: tuple[int, ...]) -> warp.Movement:
        """Draw the warp of a volume of `shape`, of which `size` is left."""
        plane = size[-2:]
        is_square = plane[0] == plane[1]
        lost: tuple[int, ...] = ()
        slip, quarters, coins = None, 0, [False] * 4
        if (rng := happens.get("misalignment")) and shape[0] > 1:
            slip = degrade.Slip.draw(rng, shape, self.shift)
        if rng := happens.get("missing_section"):
            lost = degrade.lost_planes(shape[0], rng, self.planes)
        if rng := happens.get("rotate"):
            quarters = int(rng.choice((0, 1, 2, 3) if is_square else (0, 2)))
        if rng := happens.get("flip"):
            coins = (rng.random(4) < 0.5).tolist()
        return warp.Movement(
            size, slip, lost, self._positions(happens, plane),
            quarters=quarters, swapped=coins[3] and is_square, mirrored=tuple(coins[:3]),
        )  # fmt: skip

    def _positions(self, happens: Draws, size: tuple[int, ...]) -> NDArray[np.float32] | None:
        """Where the stretched and deformed plane is read, or None if it is neither."""
        if not happens.keys() & {"rescale", "elastic"}:
            return None
        zoom = [1.0, 1.0]
        if rng := happens.get("rescale"):
            zoom = rng.uniform(self.scale[0], self.scale[1], 2).tolist()
        rows, columns = warp.stretch(size, zoom)
        positions = np.stack(np.meshgrid(rows, columns, indexing="ij"))
        if rng := happens.get("elastic"):
            positions += warp.bend(rng, rows, columns, alpha=self.elastic_alpha, sigma=self.elastic_sigma)
        return positions

    def _light(self, pictures: NDArray[np.float32], happens: Draws) -> NDArray[np.float32]:
        """Clip pictures to [-1, 1], which rounding in interpolation can exceed, and vary their intensity."""
        pictures = np.clip(pictures, -1, 1)
        if rng := happens.get("intensity"):
            changes = {"contrast": self.contrast, "brightness": self.brightness, "gamma": self.gamma}
            pictures = degrade.vary_intensity(pictures, rng, **changes)
        return pictures


def _refuse_outside(low: float, high: float, values: Mapping[str, float]) -> None:
    for key, value in values.items():
        if not low <= value <= high:
            raise ValueError(f"{key.upper()} must be in [{low}, {high}], got {value}")
