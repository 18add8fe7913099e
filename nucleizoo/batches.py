"""Sources, augmentation and target become an endless, resumable stream of named batches."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from yacs.config import CfgNode

from nucleizoo import build
from nucleizoo.contracts import Augment, Sample, Source, Target

_IMAGE, _SOURCE = 0, 1  # domains, as they enter the seed of a sample


class Batches(Dataset[dict[str, Tensor]]):
    """The batch of every iteration: `batches[iteration]` is always the same batch.

    A sample's random numbers are seeded by (seed, iteration, domain, place in the batch), so workers
    hold no state, their number does not matter, and a resumed run goes on with the very next batch.

    A batch holds, float32 in [-1, 1] where not said otherwise:
        image, image_clean: (B, channels, *S), the unlabelled domain;
        source, source_clean: (B, source_channels, *S), the other domain; for a source of labels alone
            the target's maps seen as a picture;
        maps: (B, C, *S) in the target's ranges, the encoded labels of `source`.
    """

    def __init__(
        self, image: Source, source: Source, augment: Augment, target: Target, *,
        size: tuple[int, ...], batch: int, seed: int,
    ) -> None:  # fmt: skip
        self.image, self.source, self.augment, self.target = image, source, augment, target
        self.size, self.batch, self.seed = size, batch, seed

    @classmethod
    def of(cls, config: CfgNode) -> Batches:
        """The stream that a configuration describes; its sources are opened and checked here."""
        return cls(
            build.image_source(config),
            build.label_source(config),
            build.augment(config),
            build.target(config),
            size=config.DATASET.SIZE,
            batch=config.SOLVER.BATCH,
            seed=config.SYSTEM.SEED,
        )

    def __getitem__(self, iteration: int) -> dict[str, Tensor]:
        """The batch of one iteration."""
        places = range(self.batch)
        images = [self._sample(self.image, iteration, _IMAGE, place) for place in places]
        sources = [self._sample(self.source, iteration, _SOURCE, place) for place in places]
        batch = _pictures("image", images) | _pictures("source", sources)
        if "labels" in self.source.gives:
            batch["maps"] = _stack([self._encode(sample) for sample in sources])
            if "source" not in batch:
                batch["source"] = batch["source_clean"] = self.target.as_image(batch["maps"])
        return batch

    def _sample(self, source: Source, iteration: int, domain: int, place: int) -> Sample:
        rng = np.random.default_rng((self.seed, iteration, domain, place))
        size = self.augment.reach(self.size) if "image" in source.gives else self.size
        return self.augment(source.sample(rng, size), rng, self.size)

    def _encode(self, sample: Sample) -> NDArray[np.float32]:
        assert sample.labels is not None, "a source that gives labels returned none"
        return self.target.encode(sample.labels, sample.spacing)


def stream(batches: Batches, start: int, total: int, workers: int) -> Iterable[dict[str, Tensor]]:
    """The batches of iterations start..total-1, prepared ahead by `workers` processes.

    Args:
        batches: where they come from.
        start: first iteration.
        total: one past the last.
        workers: processes; -1 takes one, or two where there are four cores or more; 0 none.
    """
    if workers < 0:
        workers = 2 if (os.cpu_count() or 1) >= 4 else 1
    return DataLoader(
        batches,
        batch_size=None,
        sampler=range(start, total),
        num_workers=workers,
        prefetch_factor=4 if workers else None,
        worker_init_fn=_quiet,
        pin_memory=torch.cuda.is_available(),
    )


def _quiet(worker: int) -> None:
    """Leave Ctrl-C to the main process, which ends its workers itself, and the cores to training."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)


def _pictures(key: str, samples: list[Sample]) -> dict[str, Tensor]:
    if samples[0].image is None:
        return {}
    images = [sample.image for sample in samples if sample.image is not None]
    clean = [s.image if s.clean is None else s.clean for s in samples]
    return {key: _stack(images), f"{key}_clean": _stack([c for c in clean if c is not None])}


def _stack(arrays: list[NDArray[np.float32]]) -> Tensor:
    return torch.from_numpy(np.stack(arrays))
