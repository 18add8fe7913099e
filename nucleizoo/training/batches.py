"""Batches of named tensors, made from datasets, augmentation and target; any iteration can be drawn."""

from __future__ import annotations

import logging

import numpy as np
import torch
import torch.utils.data
from numpy.typing import NDArray
from torch import Tensor
from yacs.config import CfgNode

from nucleizoo import build
from nucleizoo.contracts import Augment, Dataset, Sample, Target
from nucleizoo.core.errors import ConfigError
from nucleizoo.kinds import METHODS

log = logging.getLogger(__name__)

KEYS = frozenset({"image", "image_clean", "source", "source_clean", "maps"})
_IMAGE, _SOURCE = 0, 1  # domains, as they enter the seed of a sample


class Batches(torch.utils.data.Dataset[dict[str, Tensor]]):
    """The batch of every iteration: `batches[iteration]` is always the same batch.

    A sample's random numbers are seeded by (seed, iteration, domain, place in the batch), so workers
    hold no state, their number does not matter, and a resumed run continues with the very next batch.

    A batch holds, as float32 in [-1, 1] unless stated otherwise:
        image, image_clean: (B, channels, *S), the unlabelled domain;
        source, source_clean: (B, source_channels, *S), the other domain; if it has only labels, the
            target's maps as a picture;
        maps: (B, C, *S) in the target's ranges, the encoded labels of `source`.

    Args:
        image: the unlabelled domain; None when none of its keys is needed.
        source: the other domain.
        augment: for both domains.
        target: encodes the labels of `source`.
        size: of the crops.
        batch: crops per domain, over all ranks.
        seed: of all random numbers.
        needs: the keys that a batch must hold.
        share: which part of every batch this is, and of how many: (0, 2) is the first half.

    Raises:
        ConfigError: when the batch is not divisible by the number of shares.
    """

    def __init__(
        self, image: Dataset | None, source: Dataset, augment: Augment, target: Target, *,
        size: tuple[int, ...], batch: int, seed: int, needs: frozenset[str] = KEYS,
        share: tuple[int, int] = (0, 1),
    ) -> None:  # fmt: skip
        self.image, self.source, self.augment, self.target = image, source, augment, target
        self.size, self.seed, self.needs = size, seed, needs
        part, of = share
        if batch % of:
            raise ConfigError(
                f"SOLVER.BATCH {batch} is not divisible by the number of processes, {of}; set it to "
                f"{-(-batch // of) * of} or another multiple, or start a number of processes that divides it"
            )
        self.places = range(batch * part // of, batch * (part + 1) // of)

    @classmethod
    def of(
        cls,
        config: CfgNode,
        share: tuple[int, int] = (0, 1),
        *,
        target: Target | None = None,
        images: Dataset | None = None,
    ) -> Batches:
        """The stream that a configuration describes.

        Its datasets are opened and checked here, and a first batch is drawn, so that errors appear before
        the training begins.

        Args:
            config: of the experiment.
            share: of a rank.
            target: TARGET, if already built.
            images: DATASET.IMAGE, if already opened.
        """
        needs = METHODS.get(config.METHOD.NAME).needs
        made = cls(
            (images or build.image_dataset(config)) if needs & {"image", "image_clean"} else None,
            build.source_dataset(config),
            build.augment(config),
            target or build.target(config),
            size=config.DATASET.SIZE,
            batch=config.SOLVER.BATCH,
            seed=config.SYSTEM.SEED,
            needs=needs,
            share=share,
        )
        _ = made[0]
        made._warn_of_flat_voxels(config.DATASET.SPACING)
        return made

    def __getitem__(self, iteration: int) -> dict[str, Tensor]:
        """The batch of one iteration."""
        batch: dict[str, Tensor] = {}
        if self.image is not None:
            batch |= self._pictures("image", self._samples(self.image, iteration, _IMAGE))
        sources = self._samples(self.source, iteration, _SOURCE)
        batch |= self._pictures("source", sources)
        has_pictures = "image" in self.source.gives
        if "labels" in self.source.gives and ("maps" in self.needs or not has_pictures):
            batch["maps"] = _stack([self._encode(sample) for sample in sources])
        if not has_pictures and "maps" in batch:
            batch["source"] = batch["source_clean"] = self.target.as_image(batch["maps"])
        return {key: value for key, value in batch.items() if key in self.needs}

    def _warn_of_flat_voxels(self, working: tuple[float, ...]) -> None:
        """Warn when synthetic nuclei are round in voxels, but voxels are not cubes."""
        if working or self.image is None or self.source.gives != {"labels"}:
            return
        spacing = self._sample(self.image, 0, _IMAGE, 0).spacing
        if spacing and max(spacing) > 1.2 * min(spacing):
            log.warning(
                "voxels measure %s um, but synthetic nuclei are as many voxels deep as wide; set "
                "DATASET.SPACING to resample the volumes, for example to cubes", spacing,
            )  # fmt: skip

    def _samples(self, dataset: Dataset, iteration: int, domain: int) -> list[Sample]:
        return [self._sample(dataset, iteration, domain, place) for place in self.places]

    def _sample(self, dataset: Dataset, iteration: int, domain: int, place: int) -> Sample:
        rng = np.random.default_rng((self.seed, iteration, domain, place))
        return draw(dataset, self.augment, rng, self.size)

    def _pictures(self, domain: str, samples: list[Sample]) -> dict[str, Tensor]:
        """The pictures of a domain, and the same without degradations, where a key needs them."""
        made: dict[str, Tensor] = {}
        if domain in self.needs:
            images = [sample.image for sample in samples if sample.image is not None]
            made |= {domain: _stack(images)} if images else {}
        if f"{domain}_clean" in self.needs:
            clean = [s.image if s.clean is None else s.clean for s in samples]
            some = [image for image in clean if image is not None]
            made |= {f"{domain}_clean": _stack(some)} if some else {}
        return made

    def _encode(self, sample: Sample) -> NDArray[np.float32]:
        assert sample.labels is not None, "a dataset that gives labels returned none"
        return self.target.encode(sample.labels, sample.spacing)


def draw(dataset: Dataset, augment: Augment, rng: np.random.Generator, size: tuple[int, ...]) -> Sample:
    """An augmented sample of exactly `size`; pictures are drawn with the margin that augmentation needs."""
    reach = augment.reach(size) if "image" in dataset.gives else size
    return augment(dataset.sample(rng, reach), rng, size)


def _stack(arrays: list[NDArray[np.float32]]) -> Tensor:
    return torch.from_numpy(np.stack(arrays))
