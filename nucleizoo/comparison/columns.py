"""The columns of a comparison: scores and costs, their definitions, and how their values are written."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from nucleizoo.comparison.applied import Applied, Costs
from nucleizoo.comparison.training_log import History
from nucleizoo.core.format import duration
from nucleizoo.metrics import objects, summary, tracking
from nucleizoo.metrics.protocol import Protocol

MORE, LESS, NEITHER = 1, -1, 0
"""Which values of a column are better."""


PER_IMAGE: dict[str, tuple[str, Callable[[summary.Compared], float]]] = {
    "f1_per_image": ("F1", lambda image: objects.count(image.table).f1),
    "dice": ("Dice", lambda image: image.area.dice),
    "ap50_per_image": ("Ranked AP50", lambda image: objects.ranked_ap([image.table])),
    "op_csb": ("SEG", lambda image: tracking.seg([image.field])),
}
"""By the key of the column that ranks models: name and value of one image's score, which tests compare."""


def _score(value: float) -> str:
    return f"{value:.3f}"


def _count(value: float) -> str:
    return f"{value:,.0f}"


def _nuclei(value: float) -> str:
    return f"{value:.1f}"


def _large(value: float) -> str:
    """A number with three digits, and k, M or G."""
    if value < 1000:
        return f"{value:.0f}"
    power = min(int(math.log10(value) // 3), 3)
    scaled = value / 1000**power
    return f"{scaled:.{max(0, 2 - int(math.log10(scaled)))}f} {' kMG'[power]}"


def _bytes(value: float) -> str:
    return f"{value / 1e6:,.{0 if value >= 1e7 else 1}f} MB"


@dataclass(frozen=True)
class Column:
    """One figure of a model.

    Attributes:
        key: its name in files.
        title: its name on the page.
        meaning: its definition, and how it is averaged.
        better: MORE, LESS or NEITHER.
        shown: how a value is written.
    """

    key: str
    title: str
    meaning: str
    better: int = MORE
    shown: Callable[[float], str] = _score


_TELL = summary.DEFINITIONS
_MATCHED = "nuclei matched one to one with an IoU of 0.5 or more"
_CHALLENGE = "of the Cell Tracking Challenge, over the true nuclei of all images"
SCORES = (
    Column("f1_per_image", "F1, per image", f"2 TP / (2 TP + FP + FN) of {_MATCHED}; mean over images"),
    Column("f1", "F1, pooled", f"2 TP / (2 TP + FP + FN) of {_MATCHED}; over the nuclei of all images"),
    Column("precision", "Precision, per image", "TP / (TP + FP) of pixels, nucleus or not; mean over images"),
    Column("recall", "Recall, per image", "TP / (TP + FN) of pixels, nucleus or not; mean over images"),
    Column("dice", "Dice, per image", "2 TP / (2 TP + FP + FN) of pixels, nucleus or not; mean over images"),
    Column("dice_pooled", "Dice, pooled", "the same over the pixels of all images"),
    Column("ap", "AP at IoU 0.5", f"TP / (TP + FP + FN) of {_MATCHED}; over the nuclei of all images"),
    Column("mean_ap", "AP, mean", "the mean of AP at IoU 0.50, 0.55, ... 0.95"),
    Column("ap50", "Ranked AP50", f"IoU of 0.5 or more; {_TELL['ranked']}"),
    Column("ap50_per_image", "Ranked AP50, per image", "the same of every image alone; mean over images"),
    Column("seg", "SEG", f"mean Jaccard index {_CHALLENGE}; false positives cost nothing"),
    Column("det", "DET", f"detection {_CHALLENGE}; whole nuclei are the markers, unless there are markers"),
    Column("op_csb", "OP", "the mean of SEG and DET"),
    Column(
        "count_error", "Count error", "absolute error of the number of nuclei; mean over images", LESS,
        _nuclei,
    ),
)  # fmt: skip
_FOUND = "the nuclei found"
LABEL_FREE = (
    Column(
        "agreement", "Agreement",
        f"object F1 of {_FOUND} in an image and in one made from them, or from its translation",
    ),
    Column("stability", "Stability", f"object F1 of {_FOUND} in an image and in a darker, noisier one"),
    Column("polarity", "Polarity", "correlation of an image and its translation"),
    Column("sizes", "Sizes", f"1 - Kolmogorov-Smirnov distance of the sizes of {_FOUND} and the source's"),
    Column("solidity", "Solidity", f"1 - difference of mean solidity between {_FOUND} and the source's"),
    Column(
        "offset", "Offset",
        f"displacement of {_FOUND} from the images, in pixels of the network; of labels without a run, in "
        "pixels of the files", LESS,
    ),
)  # fmt: skip
"""What the log says of a trained method at its last look, on crops of the images that it was trained on; of
labels without a run, what can be known of them on the images that are scored."""

COSTS = (
    Column(
        "training_seconds", "Training time",
        "wall-clock time, including pictures and scores along the way, without pauses", LESS, duration,
    ),
    Column("steps", "Steps", "iterations of the training", NEITHER, _count),
    Column("parameters", "Parameters", "of all networks of the training", NEITHER, _large),
    Column("parameters_needed", "Parameters to predict", "that a prediction depends on", LESS, _large),
    Column(
        "pixels_per_second", "Pixels per second",
        "pixels of the file, from the scaled picture to labels, without reading; median over images",
        MORE, _large,
    ),
    Column(
        "peak_bytes", "Memory",
        "most that network and decoder used for one image, besides program and weights: resident memory of "
        "the process on Linux, torch's allocator on a GPU",
        LESS, _bytes,
    ),
)  # fmt: skip
COLUMNS = (*SCORES, *LABEL_FREE, *COSTS)
AVERAGING = (
    "Averaging: mean over seeds \u00b1 sample standard deviation over seeds, if there are several; over "
    "images as each score says."
)


def resolution(protocol: Protocol) -> str:
    """At which resolution labels were scored."""
    return f"Resolution: {protocol.resolution}."


def figures(applied: Applied, history: History | None, names: Sequence[str]) -> dict[str, float]:
    """The values of all columns for one run, or labels without one, on the images that all have in common.

    A figure that is unknown, or cannot be measured on this system, is left out.
    """
    images = [applied.compared[name] for name in names]
    scores = summary.of_images(images, list(applied.detected.values()) or None)
    f1 = PER_IMAGE["f1_per_image"][1]
    return {
        "f1_per_image": sum(map(f1, images)) / len(images),
        "f1": scores["objects"]["f1"],
        **{name: scores["pixels"][name] for name in ("precision", "recall", "dice")},
        "dice_pooled": scores["pixels"]["dice_pooled"],
        "ap": scores["objects"]["ap"],
        "mean_ap": scores["objects_by_iou"]["mean_ap"],
        "ap50": scores["ranked"]["ap50"],
        "ap50_per_image": scores["ranked_per_image"]["ap50"],
        **scores["tracking"],
        "count_error": scores["counting"]["error"],
        **applied.unlabelled,
        **({} if history is None else _of_training(history)),
        **({} if applied.costs is None else _of_prediction(applied.costs)),
    }


def _of_training(history: History) -> dict[str, float]:
    last = {c.key: curve[-1][1] for c in LABEL_FREE if (curve := history.unlabelled.get(c.key))}
    return {**last, "training_seconds": history.seconds, "steps": history.steps}


def _of_prediction(costs: Costs) -> dict[str, float]:
    everything, needed = costs.parameters
    told = {"parameters": everything, "parameters_needed": needed, "pixels_per_second": costs.speed}
    return told if costs.memory is None else {**told, "peak_bytes": costs.memory}
