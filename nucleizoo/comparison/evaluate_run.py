"""One run on annotated pictures: what it finds, how fast, and with how much memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
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
from nucleizoo.metrics.folders import Labels, compared_pair, detected_pair
from nucleizoo.metrics.overlap import Overlap
from nucleizoo.metrics.protocol import PLAIN, Scoring
from nucleizoo.metrics.summary import Compared
from nucleizoo.preprocess import LabelFiles, Scan, check_same_shape
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
        detected: the same pictures, or volumes of which only planes are annotated, against markers.
        drawn: the same pictures for the page, where they were asked for.
        failed: why a file could not be used, by the name of its pair.
        speed: pixels per second from the scaled picture to labels, the median over pictures.
        memory: bytes that this took beyond program and weights, at most; None when unknown.
        parameters: of all networks, and of those that prediction reads.
    """

    compared: dict[str, Compared]
    detected: dict[str, Overlap]
    drawn: dict[str, Drawn]
    failed: dict[str, str]
    speed: float
    memory: int | None
    parameters: tuple[int, int]

    def marked(self, names: Sequence[str]) -> Applied:
        """The same with the markers of some pictures alone."""
        return replace(self, detected={name: self.detected[name] for name in names})


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
    segmenter, measured = Segmenter.open(run), _Measured()
    compared, detected = dict[str, Compared](), dict[str, Overlap]()
    drawn, failed = dict[str, Drawn](), dict[str, str]()
    for pair in pairs:
        try:
            adapted, tasks = _read(segmenter, pair, scoring, files)
            for task in tasks:
                _score(task, measured.labels(adapted, task.scan), scoring, draw, compared, detected, drawn)
        except ImageReadError as error:
            failed[pair.name] = str(error)
    if not compared:
        raise ImageReadError(f"none of the {len(pairs)} pairs can be used; {failed[pairs[0].name]}")
    return Applied(
        compared, detected, drawn, failed, median(measured.speeds), max(measured.peaks, default=None),
        _parameters(segmenter.method, run.config.DATASET.SIZE),
    )  # fmt: skip


def names_of(pair: Pair, planes: int) -> list[str]:
    """How the pictures of a file are called: as the file, or by their place in the stack."""
    return [pair.name] if planes == 1 else [f"{pair.name} plane {index}" for index in range(planes)]


@dataclass(frozen=True, eq=False)
class _Task:
    """One scan, and what it is compared with.

    Attributes:
        name: of the picture.
        scan: of it.
        truth: labels of all of it, or None.
        planes: name, number and labels of annotated planes, where the rest is not annotated.
        markers: or None.
        size: voxel size of the labels in micrometres; () when unknown.
        path: of the labels.
    """

    name: str
    scan: Scan
    truth: Labels | None
    planes: list[tuple[str, int, Labels]]
    markers: Labels | None
    size: tuple[float, ...]
    path: Path


def _read(
    segmenter: Segmenter, pair: Pair, scoring: Scoring, files: LabelFiles
) -> tuple[Segmenter, list[_Task]]:
    adapted, volume = segmenter.opened(pair.picture)
    reader = adapted.reader
    scans = reader.prepare(volume, str(pair.picture))
    shapes = [scan.shape for scan in scans]

    def planes_in(path: Path) -> list[Labels]:
        labels = reader.label_planes(path, files)
        check_same_shape(path, [one.shape for one in labels], pair.picture, shapes)
        return labels

    truths = planes_in(pair.truth) if pair.truth else [None] * len(scans)
    markers = planes_in(pair.markers) if pair.markers else [None] * len(scans)
    flat = list[tuple[str, int, Labels]]()
    for name, z, path in pair.planes:
        labels = files.read(path).data
        if len(shapes) != 1 or len(shapes[0]) != 3 or z >= shapes[0][0]:
            raise ImageReadError(f"{path}: is plane {z} of a volume, which {pair.picture} is not, or has not")
        check_same_shape(path, [labels.shape], f"plane {z} of {pair.picture}", [shapes[0][1:]])
        flat.append((name, z, labels))
    path = pair.truth or pair.markers or pair.planes[0][2]
    try:
        tracking.inside(np.zeros(shapes[0], np.int32), scoring.border)  # known before the prediction
    except ValueError as error:
        raise ImageReadError(f"{path}: {error}; give a --border from 0 to below half of it") from error
    size = reader.voxel_size(volume.spacing)
    return adapted, [
        _Task(name, scan, truth, flat, dots, size, path)
        for name, scan, truth, dots in zip(names_of(pair, len(scans)), scans, truths, markers, strict=True)
    ]


def _score(
    task: _Task,
    labels: Labels,
    scoring: Scoring,
    draw: bool,
    compared: dict[str, Compared],
    detected: dict[str, Overlap],
    drawn: dict[str, Drawn],
) -> None:
    """Compare the labels of one scan, at the resolution of the score."""

    def at(one: Labels) -> Labels:
        return scoring.protocol.resolution(one, task.size, task.path)

    pictures = [(name, labels[z], truth) for name, z, truth in task.planes]
    pictures += [] if task.truth is None else [(task.name, labels, task.truth)]
    for name, found, truth in pictures:
        compared[name] = compared_pair(at(found), at(truth), border=scoring.border)
        if draw:
            drawn[name] = _drawn(found, truth, Errors.of(compared[name].table))
    if task.markers is not None and scoring.markers is not None:
        detected[task.name] = detected_pair(at(labels), at(task.markers), border=scoring.border)


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
    every = list(method.parameters())
    crop = torch.zeros(1, method.task.channels, *size, device=every[0].device)
    read = torch.autograd.grad(method(crop).sum(), every, allow_unused=True)
    needed = sum(one.numel() for one, grad in zip(every, read, strict=True) if grad is not None)
    return sum(one.numel() for one in every), needed
