"""Scores during training that need no labels: whether a method agrees with itself.

None of them measures quality; docs/results.md says how well they follow scores that do.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from yacs.config import CfgNode

from nucleizoo.contracts import Dataset, Method, Sample, Translator
from nucleizoo.contracts.hook import Training
from nucleizoo.inference.segmenter import Segmenter
from nucleizoo.metrics import objects
from nucleizoo.ops.image.geometry import ball_radius
from nucleizoo.ops.labels.solidity import solidity
from nucleizoo.preprocess import Scan
from nucleizoo.training.norm_statistics import Remembered, as_it_predicts
from nucleizoo.training.report import Report

log = logging.getLogger(__name__)

Labels = NDArray[np.int32]
Picture = NDArray[np.float32]

OF_ALL = ("stability", "sizes", "solidity", "offset")
OF_TRANSLATORS = ("agreement", "polarity")
"""Names of the scores."""

CROPS = 12
"""Crops per domain, always the same."""

GAMMA, NOISE = 1.4, 0.05
"""How pictures are changed for `stability`: exponent, and standard deviation of noise."""

BESIDE = 0.25
"""The offset, in radii of the source's nuclei, above which a warning is logged."""

ALIKE = 0.5
"""The correlation of nuclei with the images above which an offset is reported."""


class LabelFree:
    """Compares the nuclei found in images with those found in changed or translated versions of them.

    Logged as group 'unlabelled', in [0, 1] unless stated otherwise, 0 where nothing is found:
        agreement: object F1 of the nuclei in an image and those in an image generated from them, or from
            its translation where the source is pictures; methods that only segment have none.
        stability: object F1 of the nuclei in an image and those in the same with more contrast and noise.
        polarity: in [-1, 1], the correlation of an image and its translation, for methods that translate.
            Where nuclei are bright in both domains, a negative value means that nuclei and background were
            swapped.
        sizes: one minus the Kolmogorov-Smirnov distance between the sizes of nuclei found and in the source.
        solidity: one minus the difference between the mean solidity of the nuclei found and that of the
            source's: the share of its convex hull that a nucleus fills. Choosing the checkpoint where the
            two differ least is from EM_domain_adaptation [1].
        offset: in voxels, the displacement of the nuclei found from the images: the shift at which they
            correlate best, positively or negatively; 0 where they correlate at none. Translators may
            displace all nuclei by the same vector, since the way back undoes it; no other score notices.

    [1] danifranco/EM_domain_adaptation, which stops trainings on mitochondria so; its code was not read here.

    Args:
        config: of the training.
        report: where the scores go.
        images: crops of these are segmented.
        sources: labels with the expected sizes of nuclei.
        remembered: statistics of the norms in training.
    """

    def __init__(
        self, config: CfgNode, report: Report, images: Dataset, sources: Dataset,
        remembered: Remembered | None = None,
    ) -> None:  # fmt: skip
        self.config, self.report, self.remembered = config, report, remembered
        size = config.DATASET.SIZE
        rng = np.random.default_rng(config.SYSTEM.SEED)
        self.crops = [images.sample(rng, size) for _ in range(CROPS)]
        drawn = [sources.sample(rng, size).labels for _ in range(CROPS)]
        true = [labels for labels in drawn if labels is not None]
        self.true_sizes, self.true_solidity = _sizes(true), _solidity(true)
        self.noise = [rng.normal(0, NOISE, (config.DATASET.CHANNELS, *size)) for _ in range(CROPS)]

    @staticmethod
    def names(method: Method) -> list[str]:
        """The names of the scores of a method in the log."""
        translates = isinstance(method, Translator)
        return [f"unlabelled/{name}" for name in (*OF_ALL, *(OF_TRANSLATORS if translates else ()))]

    def __call__(self, trainer: Training) -> None:
        """Score the present weights, and write the result to the report."""
        scores = self.scores(as_it_predicts(trainer, self.config, self.remembered))
        self.report.scalars(trainer.iteration, scores, "unlabelled")
        trainer.scored("unlabelled", scores)
        told = "  ".join(f"{name} {value:.3f}" for name, value in scores.items())
        log.info("%d  without labels: %s", trainer.iteration, told)
        if self.true_sizes.size and scores["offset"] > BESIDE * self._radius():
            advice = trainer.method.offset_advice
            mend = f"; if that persists, {advice}, and train again" if advice else ""
            log.warning(
                "%d  the nuclei found are displaced by %.0f voxels from those in the images%s",
                trainer.iteration, scores["offset"], mend,
            )  # fmt: skip

    def scores(self, segmenter: Segmenter) -> dict[str, float]:
        """The scores by name."""
        found = [self._labels(segmenter, crop.image, crop) for crop in self.crops]
        changed = [
            self._labels(segmenter, _changed(crop.image, noise), crop)
            for crop, noise in zip(self.crops, self.noise, strict=True)
        ]
        scores = {
            "stability": _alike(found, changed),
            "sizes": self._like_sizes(found),
            "solidity": self._like_solidity(found),
            "offset": offset([crop.image for crop in self.crops if crop.image is not None], found),
        }
        return scores | (
            self._of_translations(segmenter, found) if isinstance(segmenter.method, Translator) else {}
        )

    def _of_translations(self, segmenter: Segmenter, found: list[Labels]) -> dict[str, float]:
        """Agreement and polarity."""
        again, likeness = list[Labels](), list[float]()
        for crop, labels in zip(self.crops, found, strict=True):
            assert crop.image is not None
            translated = segmenter.to_source(crop.image)
            likeness.append(_correlation(crop.image.mean(0), translated.mean(0)))
            if not segmenter.method.task.source_pictures:
                translated = segmenter.picture_of(labels, crop.spacing)
            again.append(self._labels(segmenter, segmenter.to_image(translated), crop))
        return {"agreement": _alike(found, again), "polarity": float(np.mean(likeness))}

    @staticmethod
    def _labels(segmenter: Segmenter, image: Picture | None, crop: Sample) -> Labels:
        assert image is not None, "a dataset of images returned none"
        return segmenter.segment(Scan(image, crop.spacing, image.shape[1:], crop.spacing)).labels

    def _like_sizes(self, found: list[Labels]) -> float:
        from scipy.stats import ks_2samp  # slow to load, and every command would wait for it

        sizes = _sizes(found)
        if not sizes.size or not self.true_sizes.size:
            return 0.0
        return 1 - float(ks_2samp(sizes, self.true_sizes).statistic)

    def _like_solidity(self, found: list[Labels]) -> float:
        mean = _solidity(found)
        return 1 - abs(mean - self.true_solidity) if mean and self.true_solidity else 0.0

    def _radius(self) -> float:
        """Radius of a circle or sphere as large as the source's median nucleus."""
        return ball_radius(float(np.median(self.true_sizes)), len(self.config.DATASET.SIZE))


def offset(images: Sequence[Picture], found: Sequence[Labels]) -> float:
    """Length of the displacement of nuclei (*S) at which they correlate best with the images (C, *S).

    All have one shape. 0 where they correlate at none.
    """
    shape, powers = found[0].shape, np.zeros(2)
    spectrum = np.zeros((*shape[:-1], shape[-1] // 2 + 1), complex)
    for image, labels in zip(images, found, strict=True):
        picture, nuclei = image.mean(0), (labels > 0).astype(np.float32)
        one, other = picture - picture.mean(), nuclei - nuclei.mean()
        spectrum += np.conj(np.fft.rfftn(one)) * np.fft.rfftn(other)
        powers += np.square(one).sum(), np.square(other).sum()
    likeness = np.abs(np.fft.irfftn(spectrum, shape, axes=range(len(shape))))
    peak = np.unravel_index(np.argmax(likeness), shape)
    if likeness[peak] <= ALIKE * math.sqrt(powers.prod()):
        return 0.0
    return math.hypot(*(min(int(at), side - int(at)) for at, side in zip(peak, shape, strict=True)))


def _correlation(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Pearson's correlation, 0 where one of the two has no contrast."""
    spread = float(one.std() * other.std())
    return float(((one - one.mean()) * (other - other.mean())).mean()) / spread if spread else 0.0


def _changed(image: Picture | None, noise: NDArray[np.float64]) -> Picture:
    assert image is not None, "a dataset of images returned none"
    darker = 2 * np.clip((image + 1) / 2, 0, 1) ** GAMMA - 1
    return np.clip(darker + noise, -1, 1).astype(np.float32)


def _alike(one: list[Labels], other: list[Labels]) -> float:
    """Object F1 over all crops; 0 when there is no nucleus at all."""
    if not any(labels.any() for labels in one):
        return 0.0
    return objects.ObjectScore.pooled(objects.score(b, a) for a, b in zip(one, other, strict=True)).f1


def _sizes(crops: list[Labels]) -> NDArray[np.int64]:
    """Voxels per nucleus, of all crops."""
    counts = np.concatenate([np.bincount(labels.ravel())[1:] for labels in crops] or [np.zeros(0, np.int64)])
    return counts[counts > 0]


def _solidity(crops: list[Labels]) -> float:
    """Mean over the nuclei of all crops; 0 where there are none."""
    every = np.concatenate([solidity(labels) for labels in crops] or [np.zeros(0)])
    return float(every.mean()) if every.size else 0.0
