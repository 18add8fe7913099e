"""Regions of two intensities seen through a microscope: the segmentation of Squassh [1, 2].

A picture f is explained by a mask u that the point-spread function K has blurred:

    minimise over u in [0, 1]   |K (b1 u + b0 (1 - u)) - f|^2 / 2  +  s^2 REGULARISATION TV(u),   s = b1 - b0

which is convex in u, so that its minimum does not depend on where it starts [1]. The two intensities b1, b0
are those that explain f best with the present u, in turns with it, which begins with a threshold.

[1] Paul, Cardinale and Sbalzarini, Coupling image restoration and segmentation: a generalized linear model /
    Bregman perspective, 2013.
[2] Rizk et al., Segmentation and quantification of subcellular structures in fluorescence microscopy images
    using Squassh, 2014.
[3] Condat, A primal-dual splitting method for convex optimization, 2013: the steps.
[4] Sternberg, Biomedical image processing, 1983: the rolling ball.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import ndimage
from skimage import filters, restoration

from nucleizoo.contracts import Task
from nucleizoo.kinds import METHODS

from .classical import Classical, Picture

_roll: Callable[..., Picture] = restoration.rolling_ball
_otsu: Callable[[Picture], float] = filters.threshold_otsu

_GREYS = 255
"""Of the full range of a picture for the ball, which is as high as it is wide."""


@METHODS.register("squassh")
class Squassh(Classical):
    """Nuclei are the regions of the higher of two intensities, deconvolved, with short outlines.

    Its map is u.

    Args:
        background: radius of the ball that rolls under the picture, plane by plane, and whose upper side is
            subtracted; pixels, larger than a nucleus. 0 subtracts nothing.
        psf: standard deviation of the Gaussian point-spread function in pixels, of each axis: one number, or
            one per axis.
        regularisation: weight of the length of outlines, relative to the squared contrast. Higher ones remove
            smaller objects.
        rounds: how often the two intensities are estimated.
        steps: of the minimisation in each round.

    Raises:
        ValueError: for a setting outside its range.

    Differs: what [2] does after this is left out: regions with intensities of their own, refined one by one
        on a finer grid, and Poisson noise. Nuclei that touch are declumped by INFERENCE.DECODER, which
        Squassh does not. Minimised by the steps of [3] instead of split Bregman, to the same minimum.

    References: [1, 2, 3, 4] of this module; code not read.
    """

    def __init__(
        self,
        task: Task,
        *,
        background: int = 0,
        psf: tuple[float, ...] = (1.0,),
        regularisation: float = 0.1,
        rounds: int = 3,
        steps: int = 50,
    ) -> None:
        super().__init__(task)
        if background < 0 or regularisation <= 0:
            raise ValueError(
                f"BACKGROUND must be 0 or more, got {background}, and REGULARISATION above 0, got "
                f"{regularisation}"
            )
        if len(psf) not in (1, task.dims) or min(psf) < 0:
            raise ValueError(f"PSF must be one or {task.dims} numbers of 0 or more, got {psf}")
        if rounds < 1 or steps < 1:
            raise ValueError(f"ROUNDS and STEPS must be 1 or more, got {rounds} and {steps}")
        self.background, self.psf = background, tuple(psf) * (task.dims // len(psf))
        self.regularisation, self.rounds, self.steps = regularisation, rounds, steps

    def mask(self, picture: Picture) -> Picture:
        """Picture (*S) -> u."""
        if self.background:
            planes = picture.reshape(-1, *picture.shape[-2:])
            ground = np.stack([_roll(_GREYS * plane, radius=self.background) for plane in planes])
            picture = picture - ground.reshape(picture.shape) / _GREYS
        if picture.min() == picture.max():
            return np.zeros_like(picture)
        mask = (picture > _otsu(picture)).astype(float)
        for _ in range(self.rounds):
            low, high = self._intensities(mask, picture)
            if high <= low:
                return np.zeros_like(picture)
            mask = self._minimised(mask, (picture - low) / (high - low))
        return mask

    def _intensities(self, mask: Picture, picture: Picture) -> tuple[float, float]:
        """Those of background and nuclei that explain the picture best, in the sense of least squares."""
        seen = self._blurred(mask).ravel()
        slope, low = np.polyfit(seen, picture.ravel(), 1) if np.ptp(seen) else (0.0, float(picture.mean()))
        return float(low), float(low + slope)

    def _minimised(self, mask: Picture, picture: Picture) -> Picture:
        """U after some steps of [3] for a picture of intensities 0 and 1, from the present one."""
        most = 4 * picture.ndim  # squared norm of the gradient
        pull = 0.5 / np.sqrt(most)
        step = 1 / (0.5 + pull * most)  # the longest that [3] allows with `pull`; the blur has norm 1
        dual = np.zeros((picture.ndim, *picture.shape))
        for _ in range(self.steps):
            slope = self._blurred(self._blurred(mask) - picture) - _divergence(dual)
            moved = np.clip(mask - step * slope, 0, 1)
            dual += pull * _gradient(2 * moved - mask)
            dual /= np.maximum(1, np.sqrt((dual**2).sum(0)) / self.regularisation)
            mask = moved
        return mask

    def _blurred(self, picture: Picture) -> Picture:
        """Seen through the microscope; the same as its transpose, for the picture is mirrored at its ends."""
        return np.asarray(ndimage.gaussian_filter(picture, self.psf))


def _gradient(picture: Picture) -> Picture:
    """Differences to the next voxel along each axis (D, *S); 0 at the end."""
    return np.stack([
        np.diff(picture, axis=axis, append=np.take(picture, [-1], axis)) for axis in range(picture.ndim)
    ])  # fmt: skip


def _divergence(field: Picture) -> Picture:
    """Minus the transpose of `_gradient`: (D, *S) -> (*S)."""
    total = np.zeros(field.shape[1:])
    for axis, along in enumerate(field):
        inner = np.delete(along, -1, axis)
        total += np.diff(inner, axis=axis, prepend=0, append=0)
    return total
