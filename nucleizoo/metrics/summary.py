"""All scores of a set of images from their tables of overlaps, named by definition and averaging."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nucleizoo.metrics import objects, pixels, tracking
from nucleizoo.metrics.counts import Counts
from nucleizoo.metrics.errors import Errors
from nucleizoo.metrics.overlap import Overlap

DEFINITIONS = {
    "pixels": "nucleus or background; means over images, and '_pooled' of the pixels of all images",
    "objects": "nuclei matched one to one with an IoU of 0.5 or more, pooled over images; ap is "
    "TP / (TP + FP + FN)",
    "objects_by_iou": "the same for every IoU, and the mean ap of 0.50, 0.55, ... 0.95",
    "ranked": "average precision at 101 recalls (COCO), nuclei of all images ranked by size, largest first",
    "ranked_per_image": "the same of every image alone; means over images",
    "ranked_by_confidence": "as ranked, but by confidence, the mean probability of nucleus in it; only where "
    "prediction wrote tables (--table)",
    "tracking": "SEG, DET and OP_csb of the Cell Tracking Challenge, over the true nuclei of all images",
    "det": "uses whole nuclei as markers",
    "errors": "nuclei of all images: matched, invented and merged are predicted ones, missed, split and "
    "swallowed (by a merged one) true ones; matched leaves out what is merged or part of a split one, so "
    "that matched, missed, split and swallowed are all true nuclei",
    "counting": "nuclei per image: mean absolute error, and all predicted over all true",
    "resolution": "the label files as they are",
    "planes": "of volumes of which only planes are annotated, these are the images; DET alone is of volumes, "
    "if there are markers. Nuclei that nobody annotated in them cost all scores but SEG",
}


DET_BY_MARKERS = "uses the challenge's markers, of all images that have some"
"""Replaces 'det' in `DEFINITIONS` where there are markers."""


@dataclass(frozen=True)
class Compared:
    """Counts of one image.

    Attributes:
        area: its pixels.
        table: its nuclei.
        field: its nuclei within the field of interest of the Cell Tracking Challenge.
        confidence: (P,) of every predicted nucleus of the table; None where it is unknown.
    """

    area: pixels.PixelScore
    table: Overlap
    field: Overlap
    confidence: NDArray[np.float64] | None = None


def of_images(images: Sequence[Compared], markers: Sequence[Overlap] | None = None) -> dict[str, Any]:
    """All scores of a set of images, by the names of `DEFINITIONS`.

    Args:
        images: compared with their annotations.
        markers: for DET, the nuclei of every image that has markers against these, within the field of
            interest; None uses the annotated nuclei of `images`.

    Raises:
        ValueError: when there are no images.
    """
    tables, fields = [image.table for image in images], [image.field for image in images]
    markers = fields if markers is None else markers
    counts = {
        iou: objects.ObjectScore.pooled(objects.count(table, iou) for table in tables) for iou in objects.IOUS
    }
    sure = [image.confidence for image in images if image.confidence is not None]
    errors = [Errors.of(table) for table in tables]
    sizes = np.array([(table.found_names.size, table.true_names.size) for table in tables])
    found, true = sizes.sum(0).tolist()
    return {
        "pixels": pixels.summary([image.area for image in images]),
        "objects": _named(counts[objects.IOU]),
        "objects_by_iou": {f"{iou:.2f}": _named(one) for iou, one in counts.items()}
        | {"mean_ap": float(np.mean([one.ap for one in counts.values()]))},
        "ranked": _ranked(tables),
        "ranked_per_image": _means([_ranked([table]) for table in tables]),
        **({"ranked_by_confidence": _ranked(tables, sure)} if len(sure) == len(images) else {}),
        "tracking": _tracking(fields, markers),
        "errors": {
            name: sum(getattr(one, name).size for one in errors)
            for name in ("matched", "missed", "invented", "split", "merged", "swallowed")
        },
        "counting": {
            "predicted": found, "true": true, "error": float(np.abs(sizes[:, 0] - sizes[:, 1]).mean()),
            "ratio": found / true if true else float("nan" if found else 1),
        },
    }  # fmt: skip


def with_images(
    compared: Mapping[str, Compared], markers: Mapping[str, Overlap] | None = None
) -> dict[str, Any]:
    """All scores of a set of images, and under 'images' the same of each alone, by name.

    `markers` are those of `of_images` by name; of an image without any, DET and OP are not defined (NaN).
    """
    dots = None if markers is None else list(markers.values())
    alone = {
        name: of_images([one], None if markers is None else [markers[name]] if name in markers else [])
        for name, one in compared.items()
    }
    return of_images(list(compared.values()), dots) | {"definitions": DEFINITIONS, "images": alone}


def _ranked(
    tables: Sequence[Overlap], scores: Sequence[NDArray[np.float64]] | None = None
) -> dict[str, float]:
    found = {iou: objects.ranked_ap(tables, iou, scores) for iou in objects.IOUS}
    return {"ap50": found[0.5], "ap75": found[0.75], "mean_ap": float(np.mean(list(found.values())))}


def _tracking(fields: Sequence[Overlap], markers: Sequence[Overlap]) -> dict[str, float]:
    det, op = (tracking.det(markers), tracking.op_csb(fields, markers)) if markers else (float("nan"),) * 2
    return {"seg": tracking.seg(fields), "det": det, "op_csb": op}


def _means(scores: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {name: float(np.mean([one[name] for one in scores])) for name in scores[0]}


def _named(score: Counts) -> dict[str, float]:
    return {name: getattr(score, name) for name in ("precision", "recall", "f1", "ap")}
