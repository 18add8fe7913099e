"""One run on annotated pictures: what it finds, how fast, and with how much memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

import numpy as np
import torch

from nucleizoo.comparison import page_pictures
from nucleizoo.comparison.pairs import Pair
from nucleizoo.comparison.profile import metered
from nucleizoo.contracts import Method
from nucleizoo.core.errors import ImageReadError
from nucleizoo.inference.segmenter import Segmenter
from nucleizoo.metrics import tracking
from nucleizoo.metrics.errors import Errors
from nucleizoo.metrics.files import COLOURS
from nucleizoo.metrics.folders import Labels, compared_pair
from nucleizoo.metrics.summary import Compared
from nucleizoo.preprocess import LabelFiles, Scan
from nucleizoo.runs import Run

LABELS = LabelFiles(mask_remedy="add --components: its parts are nuclei then")
"""How `nucleizoo compare` reads labels, unless it is told more."""


@dataclass(frozen=True)
class Drawn:
    """One picture's layers for the page, and its nuclei, counted.

    Attributes:
        truth, prediction, errors: data addresses.
        plane: which plane of a volume they show, from 0; None for images.
        size: of that plane in its file, (y, x) pixels.
        counts: nuclei by what became of them.
        found, true: nuclei predicted and annotated.
    """

    truth: str
    prediction: str
    errors: str
    plane: int | None
    size: tuple[int, int]
    counts: dict[str, int]
    found: int
    true: int


@dataclass(frozen=True, eq=False)
class Applied:
    """What a run made of the pairs.

    Attributes:
        compared: scores by picture; the planes of a stack are pictures of their own.
        drawn: the same pictures for the page, where they were asked for.
        failed: why a file could not be used, by the name of its pair.
        speed: pixels per second from the scaled picture to labels, the median over pictures.
        memory: bytes that this took beyond program and weights, at most; None when unknown.
        parameters: of all networks, and of those that prediction reads.
    """

    compared: dict[str, Compared]
    drawn: dict[str, Drawn]
    failed: dict[str, str]
    speed: float
    memory: int | None
    parameters: tuple[int, int]


@dataclass
class _Measured:
    speeds: list[float] = field(default_factory=list)
    peaks: list[int] = field(default_factory=list)

    def labels(self, segmenter: Segmenter, scan: Scan) -> Labels:
        labels, seconds, peak = metered(lambda: segmenter.segment(scan).labels, segmenter.device)
        self.speeds.append(labels.size / seconds)
        self.peaks += [] if peak is None else [peak]
        return labels


def apply(
    run: Run,
    pairs: Sequence[Pair],
    *,
    draw: bool = False,
    border: int = 0,
    files: LabelFiles = LABELS,
) -> Applied:
    """Segment every picture of the pairs, and compare with its truth.

    Args:
        run: a finished one.
        pairs: what to segment.
        draw: make the layers for the page as well.
        border: see `metrics.folders.compare`.
        files: how the labels are read.

    Raises:
        ImageReadError: when no pair can be used.
        UserError: for weights that are damaged.
    """
    segmenter, measured = Segmenter.open(run), _Measured()
    compared, drawn, failed = dict[str, Compared](), dict[str, Drawn](), dict[str, str]()
    for pair in pairs:
        try:
            adapted, annotated = _read(segmenter, pair, border, files)
        except ImageReadError as error:
            failed[pair.name] = str(error)
            continue
        for name, (scan, truth) in zip(names_of(pair, len(annotated)), annotated, strict=True):
            labels = measured.labels(adapted, scan)
            compared[name] = compared_pair(labels, truth, border=border)
            if draw:
                drawn[name] = _drawn(labels, truth, Errors.of(compared[name].table))
    if not compared:
        raise ImageReadError(f"none of the {len(pairs)} pairs can be used; {failed[pairs[0].name]}")
    return Applied(
        compared, drawn, failed, median(measured.speeds), max(measured.peaks, default=None),
        _parameters(segmenter.method, run.config.DATASET.SIZE),
    )  # fmt: skip


def names_of(pair: Pair, planes: int) -> list[str]:
    """How the pictures of a file are called: as the file, or by their place in the stack."""
    return [pair.name] if planes == 1 else [f"{pair.name} plane {index}" for index in range(planes)]


def _read(
    segmenter: Segmenter, pair: Pair, border: int, files: LabelFiles
) -> tuple[Segmenter, list[tuple[Scan, Labels]]]:
    adapted, volume = segmenter.opened(pair.picture)
    annotated = adapted.reader.annotated(pair.picture, pair.truth, files=files, volume=volume)
    try:
        tracking.inside(annotated[0][1], border)  # better known now than after the prediction
    except ValueError as error:
        raise ImageReadError(f"{pair.truth}: {error}; give a --border from 0 to below half of it") from error
    return adapted, annotated


def _drawn(labels: Labels, truth: Labels, errors: Errors) -> Drawn:
    plane = page_pictures.plane_of(truth)
    flat, annotated = (one if plane is None else one[plane] for one in (labels, truth))
    counts = {kind: int(getattr(errors, kind).size) for kind in COLOURS}
    return Drawn(
        page_pictures.outlined(annotated),
        page_pictures.outlined(flat),
        page_pictures.marked(labels, truth, errors, plane),
        plane,
        (flat.shape[0], flat.shape[1]),
        counts,
        np.unique(labels[labels > 0]).size,
        np.unique(truth[truth > 0]).size,
    )


def _parameters(method: Method, size: tuple[int, ...]) -> tuple[int, int]:
    """All parameters, and those on which what `forward` gives for a crop depends."""
    if not (every := list(method.parameters())):
        return 0, 0
    crop = torch.zeros(1, method.task.channels, *size, device=every[0].device)
    read = torch.autograd.grad(method(crop).sum(), every, allow_unused=True)
    needed = sum(one.numel() for one, grad in zip(every, read, strict=True) if grad is not None)
    return sum(one.numel() for one in every), needed
