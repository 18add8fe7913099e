"""Scores during training on pictures that have labels; training itself never sees these labels."""

from __future__ import annotations

import logging
from pathlib import Path

from yacs.config import CfgNode

from nucleizoo import build, io
from nucleizoo.contracts import Method
from nucleizoo.contracts.hook import Training
from nucleizoo.core.errors import ConfigError, ImageReadError
from nucleizoo.metrics import objects, pixels
from nucleizoo.training.norm_statistics import Remembered, as_it_predicts
from nucleizoo.training.report import Report

log = logging.getLogger(__name__)


class Validation:
    """Compares the method's labels with MONITOR.TRUTH, for the pictures in MONITOR.PICTURES.

    Raises:
        ConfigError: when the numbers of label files and pictures differ, only some of them can be paired by
            name, their shapes differ, or one cannot be read.
    """

    def __init__(self, config: CfgNode, report: Report, remembered: Remembered | None = None) -> None:
        root = Path(config.DATASET.ROOT)
        self.config, self.report, self.remembered = config, report, remembered
        pictures = io.find(root / config.MONITOR.PICTURES)
        truths = io.find(root / config.MONITOR.TRUTH)
        if len(pictures) != len(truths):
            raise ConfigError(
                f"MONITOR.TRUTH has {len(truths)} files, but MONITOR.PICTURES has {len(pictures)}; give one "
                "label file per picture"
            )
        try:
            named, reader = io.pair(pictures, truths), build.reader(config)
            self.pairs = [one for pair in named for one in reader.annotated(*pair)]
        except ImageReadError as error:
            raise ConfigError(f"MONITOR.PICTURES and MONITOR.TRUTH: {error}") from error

    @staticmethod
    def names(method: Method) -> list[str]:
        """The names of its scores in the log, the same for every method."""
        return [f"truth/{name}" for name in (*pixels.SUMMARY, "object_f1")]

    def __call__(self, trainer: Training) -> None:
        """Score the present weights, and write the result to the report."""
        segmenter = as_it_predicts(trainer, self.config, self.remembered)
        found = [(segmenter.segment(scan).labels, labels) for scan, labels in self.pairs]
        nuclei = objects.ObjectScore.pooled(objects.score(*pair) for pair in found)
        summary = pixels.summary([pixels.score(*pair) for pair in found]) | {"object_f1": nuclei.f1}
        self.report.scalars(trainer.iteration, summary, "truth")
        trainer.scored("truth", summary)
        log.info("%d  %s", trainer.iteration, "  ".join(f"{k} {v:.4f}" for k, v in summary.items()))
