"""Artefacts of microscopy: changes of brightness, noise, blur, missing parts, shifted planes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from nucleizoo.ops.image.geometry import resample

T = TypeVar("T", bound=np.generic)
Picture = NDArray[np.float32]
"""(C, Z, Y, X) in [-1, 1]; changed in place, because most of it stays the same."""


def vary_intensity(
    image: Picture, rng: np.random.Generator, *, contrast: float, brightness: float, gamma: float
) -> Picture:
    """A copy of an image with another contrast, brightness and gamma, the same in all of it.

    Args:
        image: any shape, in [-1, 1].
        rng: draws the three changes, each uniformly to either side.
        contrast: largest deviation from 1 of the factor that intensities are multiplied by.
        brightness: largest change of intensities, as a share of their range.
        gamma: intensities, as shares of their range, are raised to a power from 2 ** -gamma to 2 ** gamma.
    """
    factor, offset, power = (float(rng.uniform(-most, most)) for most in (contrast, brightness, gamma))
    shares = image + 1
    shares *= (1 + factor) / 2
    shares += offset
    np.clip(shares, 0, 1, out=shares)
    np.power(shares, 2.0**power, out=shares)
    shares *= 2
    shares -= 1
    return shares


def cut_noise(image: Picture, rng: np.random.Generator, *, box: float, noise: float) -> None:
    """Add uniform noise in a random box.

    Args:
        image: changed in place; values are clipped to [-1, 1].
        rng: draws the box and the noise.
        box: side of the box, as a share of the image's side, in (0, 1].
        noise: amplitude to either side, as a share of the intensity range.
    """
    part = image[_random_box(rng, image.shape[1:], box)]
    part += np.float32(2 * noise) * (2 * rng.random(part.shape, dtype=np.float32) - 1)
    np.clip(part, -1, 1, out=part)


def cut_blur(image: Picture, rng: np.random.Generator, *, box: float, coarsen: tuple[float, ...]) -> None:
    """Make pixels coarser in a random box: each is the mean of the pixels it covers in its plane.

    Args:
        image: changed in place.
        rng: draws the box and the side of coarse pixels.
        box: side of the box, as a share of the image's side, in (0, 1].
        coarsen: range of the side of coarse pixels, in pixels, at least 1.
    """
    part = image[_random_box(rng, image.shape[1:], box)]
    side = rng.uniform(coarsen[0], coarsen[1])
    coarse = part
    for axis in (-2, -1):
        n = part.shape[axis]
        pixels = max(1, int(n / side))
        edges = np.arange(pixels + 1) * n // pixels
        counts = np.diff(edges)
        means = np.add.reduceat(coarse, edges[:-1], axis=axis)
        means /= counts[:, None] if axis == -2 else counts
        coarse = means.repeat(counts, axis=axis)
    part[:] = coarse


def motion_blur(image: Picture, rng: np.random.Generator, *, length: int, planes: int) -> None:
    """Blur a few random planes along y or along x, all in the same direction.

    Args:
        image: changed in place.
        rng: draws the planes and the direction.
        length: of the blur, in pixels.
        planes: how many are blurred; all, where there are fewer.
    """
    depth = image.shape[1]
    chosen = rng.choice(depth, min(planes, depth), replace=False)
    axis = int(rng.choice((-2, -1)))
    image[:, chosen] = ndimage.uniform_filter1d(image[:, chosen], length, axis=axis, mode="mirror")


def missing_parts(image: Picture, rng: np.random.Generator, *, chance: float, width: float) -> None:
    """Fill a strip across a plane with the plane's mean; never in two consecutive planes.

    Args:
        image: changed in place.
        rng: draws the planes and their strips.
        chance: probability for each plane whose predecessor has no strip.
        width: of a strip, in pixels, measured along the side of the plane that it does not cross.
    """
    plane = 0
    while plane < image.shape[1]:
        is_hit = rng.random() < chance
        if is_hit:
            here = image[:, plane]
            strip = _random_strip(rng, here.shape[1:], width)
            np.copyto(here, here.mean(axis=(1, 2), keepdims=True), where=strip)
        plane += 1 + is_hit


def lost_planes(depth: int, rng: np.random.Generator, planes: int) -> tuple[int, ...]:
    """Draw which planes are missing: so many, or all there are, between the first and the last."""
    inner = max(depth - 2, 0)
    return tuple(int(plane) + 1 for plane in rng.choice(inner, min(planes, inner), replace=False))


@dataclass(frozen=True)
class Slip:
    """Misalignment: one plane, or all from one on, is shifted or rotated against the others.

    Attributes:
        planes: those that are misaligned.
        shift: largest shift along y or x, in voxels, and how much smaller the planes become.
        rest: where the other planes are cut out, (y, x), in [0, shift].
        place: where the misaligned planes are cut out.
        degrees: their rotation; 0 when they are only shifted.
    """

    planes: slice
    shift: int
    rest: tuple[int, int]
    place: tuple[int, int]
    degrees: float

    @classmethod
    def draw(cls, rng: np.random.Generator, shape: tuple[int, ...], shift: int) -> Slip:
        """Draw one for volumes of `shape` (Z, Y, X), of two planes or more.

        In half of the cases one plane is misaligned, in the others all planes from it on. In half of the
        cases they are rotated, by so little that nothing beyond the border becomes visible.
        """
        depth, height, width = shape
        first = int(rng.integers(1, max(depth - 1, 2)))
        planes = slice(first, first + 1 if rng.random() < 0.5 else depth)
        if rng.random() < 0.5:
            y, x, v, u = (int(n) for n in rng.integers(0, shift + 1, 4))
            return cls(planes, shift, (y, x), (v, u), 0.0)
        largest = math.degrees(math.asin(min(1.0, shift / (max(height, width) - shift))))
        middle = (shift // 2, shift // 2)
        return cls(planes, shift, middle, middle, float(rng.uniform(-largest, largest)))

    def __call__(self, array: NDArray[T], *, nearest: bool = False) -> NDArray[T]:
        """Misalign the planes: (..., Z, Y, X) -> (..., Z, Y - shift, X - shift), a copy.

        Args:
            array: float32, or any dtype for `nearest`.
            nearest: True for labels, which must not be interpolated.
        """
        height, width = (n - self.shift for n in array.shape[-2:])

        def cut(corner: tuple[int, int]) -> NDArray[T]:
            y, x = corner
            return array[..., y : y + height, x : x + width]

        moved = cut(self.rest).copy()
        slipped = cut(self.place)[..., self.planes, :, :]
        if self.degrees:
            whole = array[..., self.planes, :, :]
            slipped = resample(whole, (height, width), degrees=self.degrees, nearest=nearest)
        moved[..., self.planes, :, :] = slipped
        return moved


def _random_box(rng: np.random.Generator, shape: tuple[int, ...], share: float) -> tuple[slice, ...]:
    """The slices of a random box in the image, with all channels, at least one voxel wide."""
    box = [slice(None)]
    for n in shape:
        length = max(1, int(share * n))
        start = int(rng.integers(n - length + 1))
        box.append(slice(start, start + length))
    return tuple(box)


def _random_strip(rng: np.random.Generator, shape: tuple[int, ...], width: float) -> NDArray[np.bool_]:
    """(Y, X), True within width / 2 of a line from one side of the plane to the opposite one."""
    along_x = rng.random() < 0.5
    length, across = shape[::-1] if along_x else shape
    begin, end = rng.uniform(0, across - 1, 2)
    line = np.linspace(begin, end, length, dtype=np.float32)
    strip: NDArray[np.bool_] = np.abs(np.arange(across, dtype=np.float32) - line[:, None]) <= width / 2
    return strip.T if along_x else strip
