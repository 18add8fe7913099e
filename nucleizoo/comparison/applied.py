"""What was found in annotated pictures, scored, whoever found it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from nucleizoo.comparison import page_pictures
from nucleizoo.comparison.annotations import Annotation
from nucleizoo.comparison.pairs import Pair
from nucleizoo.core.errors import ImageReadError
from nucleizoo.metrics.errors import Errors
from nucleizoo.metrics.files import COLOURS
from nucleizoo.metrics.folders import Labels, compared_pair, detected_pair
from nucleizoo.metrics.overlap import Overlap
from nucleizoo.metrics.protocol import Scoring
from nucleizoo.metrics.summary import Compared


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


@dataclass(frozen=True)
class Costs:
    """What a run needs to find nuclei.

    Attributes:
        speed: pixels per second from the scaled picture to labels, the median over pictures.
        memory: bytes that this took beyond program and weights, at most; None when unknown.
        parameters: of all networks, and of those that prediction reads.
    """

    speed: float
    memory: int | None
    parameters: tuple[int, int]


@dataclass(frozen=True, eq=False)
class Applied:
    """The scores of what a run, or another program, made of the pairs.

    Attributes:
        compared: scores by picture; the planes of a stack are pictures of their own.
        detected: the same pictures, or volumes of which only planes are annotated, against markers.
        drawn: the same pictures for the page, where they were asked for.
        failed: why a file could not be used, by the name of its pair.
        costs: None when unknown.
        unlabelled: scores that need no labels, by the keys of columns; those of a run are in its log.
    """

    compared: dict[str, Compared] = field(default_factory=dict)
    detected: dict[str, Overlap] = field(default_factory=dict)
    drawn: dict[str, Drawn] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    costs: Costs | None = None
    unlabelled: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        pairs: Sequence[Pair],
        found_in: Callable[[Pair], Iterable[tuple[Annotation, Labels]]],
        scoring: Scoring,
        *,
        draw: bool,
    ) -> Applied:
        """Compare the labels found in every picture with what is annotated of it.

        Args:
            pairs: pictures with their truth.
            found_in: what is annotated of the pictures of a pair, and the labels (*S) found in them.
            scoring: border and resolution.
            draw: make the layers for the page as well.

        Raises:
            ImageReadError: when no pair can be used.
        """
        made = cls()
        for pair in pairs:
            try:
                for annotation, labels in found_in(pair):
                    made._add(annotation, labels, scoring, draw)
            except ImageReadError as error:
                made.failed[pair.name] = str(error)
        if not made.compared:
            raise ImageReadError(f"none of the {len(pairs)} pairs can be used; {made.failed[pairs[0].name]}")
        return made

    def marked(self, names: Sequence[str]) -> Applied:
        """The same with the markers of some pictures alone."""
        return replace(self, detected={name: self.detected[name] for name in names})

    def _add(self, annotation: Annotation, labels: Labels, scoring: Scoring, draw: bool) -> None:
        """Compare the labels of one picture, at the resolution of the score."""

        def at(one: Labels) -> Labels:
            return scoring.protocol.resolution(one, annotation.size, annotation.path)

        pictures = [(name, labels[z], truth) for name, z, truth in annotation.planes]
        pictures += [] if annotation.truth is None else [(annotation.name, labels, annotation.truth)]
        for name, found, truth in pictures:
            self.compared[name] = compared_pair(at(found), at(truth), border=scoring.border)
            if draw:
                self.drawn[name] = _drawn(found, truth, Errors.of(self.compared[name].table))
        if annotation.markers is not None and scoring.markers is not None:
            dots = at(annotation.markers)
            self.detected[annotation.name] = detected_pair(at(labels), dots, border=scoring.border)


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
