"""One run on annotated pictures: what it finds, how fast, and with how much memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from statistics import median

import torch

from nucleizoo.comparison.annotations import LABELS, Annotation, read_annotations
from nucleizoo.comparison.applied import Applied, Costs
from nucleizoo.comparison.pairs import Pair
from nucleizoo.comparison.profile import metered
from nucleizoo.contracts import Method
from nucleizoo.inference.segmenter import Segmenter
from nucleizoo.metrics.folders import Labels
from nucleizoo.metrics.protocol import PLAIN, Scoring
from nucleizoo.preprocess import LabelFiles
from nucleizoo.runs import Run


def apply(
    run: Run,
    pairs: Sequence[Pair],
    *,
    draw: bool = False,
    scoring: Scoring = PLAIN,
    files: LabelFiles = LABELS,
) -> Applied:
    """Segment every picture of the pairs, and compare with its truth.

    Args:
        run: a finished one.
        pairs: what to segment.
        draw: make the layers for the page as well.
        scoring: border and resolution.
        files: how the labels are read.

    Raises:
        ImageReadError: when no pair can be used.
        UserError: for weights that are damaged.
    """
    segmenter = Segmenter.open(run)
    speeds, peaks = list[float](), list[int]()

    def found_in(pair: Pair) -> Iterator[tuple[Annotation, Labels]]:
        adapted, volume = segmenter.opened(pair.picture)
        scans = adapted.reader.prepare(volume, str(pair.picture))
        shapes = [scan.shape for scan in scans]
        known = read_annotations(pair, adapted.reader, shapes, volume.spacing, scoring, files)
        for annotation, scan in zip(known, scans, strict=True):
            made, seconds, peak = metered(partial(adapted.segment, scan), adapted.device)
            speeds.append(made.labels.size / seconds)
            peaks.extend([] if peak is None else [peak])
            yield annotation, made.labels

    applied = Applied.of(pairs, found_in, scoring, draw=draw)
    parameters = _parameters(segmenter.method, run.config.DATASET.SIZE)
    return replace(applied, costs=Costs(median(speeds), max(peaks, default=None), parameters))


def _parameters(method: Method, size: tuple[int, ...]) -> tuple[int, int]:
    """All parameters, and those on which what `forward` gives for a crop depends."""
    if not (every := list(method.parameters())):
        return 0, 0
    crop = torch.zeros(1, method.task.channels, *size, device=every[0].device)
    read = torch.autograd.grad(method(crop).sum(), every, allow_unused=True)
    needed = sum(one.numel() for one, grad in zip(every, read, strict=True) if grad is not None)
    return sum(one.numel() for one in every), needed
