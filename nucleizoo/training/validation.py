"""Scores along a training, for sets that happen to have labels; training itself never sees them."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from yacs.config import CfgNode

from nucleizoo import build, io
from nucleizoo.contracts.hook import Training
from nucleizoo.core.errors import ConfigError, ImageReadError
from nucleizoo.metrics import objects, pixels
from nucleizoo.preprocess import Scan
from nucleizoo.training.norm_statistics import Remembered, as_it_predicts
from nucleizoo.training.report import Report

log = logging.getLogger(__name__)


class Validation:
    """Compares the method's labels with MONITOR.TRUTH, for the pictures in MONITOR.PICTURES.

    Raises:
        ConfigError: when there are not as many label files as pictures, some names have no partner while
            others have, or their shapes differ.
    """

    def __init__(self, config: CfgNode, report: Report, remembered: Remembered | None = None) -> None:
        root = Path(config.DATASET.ROOT)
        self.config, self.report, self.remembered = config, report, remembered
        pictures = io.find(root / config.MONITOR.PICTURES)
        truths = io.find(root / config.MONITOR.TRUTH)
        if len(pictures) != len(truths):
            raise ConfigError(f"MONITOR.TRUTH has {len(truths)} files, MONITOR.PICTURES {len(pictures)}")
        try:
            named = io.pair(pictures, truths)
        except ImageReadError as error:
            raise ConfigError(f"MONITOR.TRUTH: {error}") from error
        reader = build.reader(config)
        self.pairs: list[tuple[Scan, NDArray[np.int32]]] = []
        for picture, truth in named:
            scans, labels = reader.read(picture), reader.label_planes(truth)
            if (found := [one.shape for one in labels]) != (shapes := [scan.shape for scan in scans]):
                raise ConfigError(
                    f"MONITOR.TRUTH: {truth} has labels for {found}, but {picture} has {shapes}"
                )
            self.pairs += zip(scans, labels, strict=True)

    def __call__(self, trainer: Training) -> None:
        """Score the method as it is now, and write the result to the report."""
        segmenter = as_it_predicts(trainer, self.config, self.remembered)
        found = [(segmenter.segment(scan).labels, labels) for scan, labels in self.pairs]
        nuclei = objects.ObjectScore.pooled(objects.score(*pair) for pair in found)
        summary = pixels.summary([pixels.score(*pair) for pair in found]) | {"object_f1": nuclei.f1}
        self.report.scalars(trainer.iteration, summary, "truth")
        trainer.scored("truth", summary)
        log.info("%d  %s", trainer.iteration, "  ".join(f"{k} {v:.4f}" for k, v in summary.items()))
