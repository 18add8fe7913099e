"""Scores during training on pictures that have labels; training itself never sees these labels."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from yacs.config import CfgNode

from nucleizoo import build, io
from nucleizoo.contracts import Method
from nucleizoo.contracts.hook import Training
from nucleizoo.core.errors import ConfigError, ImageReadError
from nucleizoo.inference.segmenter import Segmenter
from nucleizoo.io import Volume
from nucleizoo.metrics import objects, pixels
from nucleizoo.preprocess import Reader, Scan
from nucleizoo.training.norm_statistics import Remembered, as_it_predicts
from nucleizoo.training.report import Report

log = logging.getLogger(__name__)

Labels = NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class _Annotated:
    """A file in memory, with its labels.

    Attributes:
        name: of the file.
        volume: its content.
        pairs: its pictures as the configuration reads them, with their labels (*S).
    """

    name: str
    volume: Volume
    pairs: list[tuple[Scan, Labels]]

    @classmethod
    def read(cls, reader: Reader, picture: Path, truth: Path) -> _Annotated:
        volume = reader.open(picture)
        return cls(str(picture), volume, reader.annotated(picture, truth, volume=volume))

    def segmented(self, segmenter: Segmenter) -> Iterator[tuple[Labels, Labels]]:
        """The labels found in each picture, as prediction would adapt to this file, and the true ones."""
        adapted = segmenter.adapted(self.volume, self.name)
        scans = [scan for scan, _ in self.pairs]
        if adapted is not segmenter:
            scans = adapted.reader.prepare(self.volume, self.name)
        for scan, (_, truth) in zip(scans, self.pairs, strict=True):
            yield adapted.segment(scan).labels, truth


class Validation:
    """Compares the method's labels with MONITOR.TRUTH, for the pictures in MONITOR.PICTURES.

    Files are read as in prediction: where INFERENCE.NOMINAL_DIAMETER is set, the method finds the size of
    nuclei in every file again with its present weights.

    Raises:
        ConfigError: when the numbers of label files and pictures differ, they cannot be paired, their shapes
            differ, or one cannot be read.
    """

    def __init__(self, config: CfgNode, report: Report, remembered: Remembered | None = None) -> None:
        root = Path(config.DATASET.ROOT)
        self.config, self.report, self.remembered = config, report, remembered
        places = root / config.MONITOR.PICTURES, root / config.MONITOR.TRUTH
        pictures, truths = io.find_pictures(places[0]), io.find(places[1])
        truths = [file for file in truths if file not in pictures] or truths
        if len(pictures) != len(truths):
            raise ConfigError(
                f"MONITOR.TRUTH has {len(truths)} files, but MONITOR.PICTURES has {len(pictures)}; give one "
                "label file per picture"
            )
        try:
            reader, pairs = build.reader(config), io.pairs_of(*places, config.MONITOR.PAIR_BY)
            self.files = [_Annotated.read(reader, *pair) for pair in pairs]
        except ImageReadError as error:
            raise ConfigError(f"MONITOR.PICTURES and MONITOR.TRUTH: {error}") from error

    @staticmethod
    def names(method: Method) -> list[str]:
        """The names of its scores in the log, the same for every method."""
        return [f"truth/{name}" for name in (*pixels.SUMMARY, "object_f1")]

    def __call__(self, trainer: Training) -> None:
        """Score the present weights, and write the result to the report."""
        segmenter = as_it_predicts(trainer, self.config, self.remembered)
        found = [pair for file in self.files for pair in file.segmented(segmenter)]
        nuclei = objects.ObjectScore.pooled(objects.score(*pair) for pair in found)
        summary = pixels.summary([pixels.score(*pair) for pair in found]) | {"object_f1": nuclei.f1}
        self.report.scalars(trainer.iteration, summary, "truth")
        trainer.scored("truth", summary)
        log.info("%d  %s", trainer.iteration, "  ".join(f"{k} {v:.4f}" for k, v in summary.items()))
