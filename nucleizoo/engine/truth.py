"""Scores along a training, for sets that happen to have labels; training itself never sees them."""

from __future__ import annotations

import logging
from pathlib import Path

from yacs.config import CfgNode

from nucleizoo import build, volumes
from nucleizoo.core.errors import ConfigError
from nucleizoo.engine.inference import Segmenter
from nucleizoo.engine.report import Report
from nucleizoo.engine.trainer import Trainer
from nucleizoo.metrics import pixels

log = logging.getLogger(__name__)


class Truth:
    """Compares the method's labels with MONITOR.TRUTH, for the pictures in MONITOR.PICTURES.

    Raises:
        ConfigError: when there are not as many label files as pictures, or their shapes differ.
    """

    def __init__(self, config: CfgNode, report: Report) -> None:
        root = Path(config.DATASET.ROOT)
        self.config, self.report = config, report
        self.pictures = volumes.find(root / config.MONITOR.PICTURES)
        self.truths = volumes.find(root / config.MONITOR.TRUTH)
        if len(self.pictures) != len(self.truths):
            raise ConfigError(
                f"MONITOR.TRUTH has {len(self.truths)} files, MONITOR.PICTURES {len(self.pictures)}"
            )
        reader = build.reader(config)
        for picture, truth in zip(self.pictures, self.truths, strict=True):
            shapes = [scan.shape for scan in reader.read(picture)]
            if (found := [labels.shape for labels in reader.label_planes(truth)]) != shapes:
                raise ConfigError(
                    f"MONITOR.TRUTH: {truth} has labels for {found}, but {picture} has {shapes}"
                )

    def __call__(self, trainer: Trainer) -> None:
        """Score the method as it is now, and write the result to the report."""
        segmenter = Segmenter(trainer.method, self.config, trainer.precision)
        scores = []
        for picture, truth in zip(self.pictures, self.truths, strict=True):
            for scan, labels in zip(
                segmenter.read(picture), segmenter.reader.label_planes(truth), strict=True
            ):
                scores.append(pixels.score(segmenter.labels(scan), labels))
        summary = pixels.summary(scores)
        self.report.scalars(trainer.iteration, summary, "truth")
        log.info("%d  %s", trainer.iteration, "  ".join(f"{k} {v:.4f}" for k, v in summary.items()))
