"""nucleizoo evaluate."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from nucleizoo.cli._words import guarded, parser_of

_EXAMPLE = """example:
  nucleizoo evaluate --pred my_labels --truth annotated --json scores.json
  nucleizoo evaluate --pred my_labels --truth annotated --out scores --images my_images"""


def evaluate(argv: Sequence[str] | None = None) -> int:
    """Compare predicted labels with the truth."""
    parser = parser_of("evaluate", "Score predicted labels against annotated ones.", _EXAMPLE)
    parser.add_argument("--pred", required=True, metavar="DIR", help="folder of predicted labels")
    parser.add_argument("--truth", required=True, metavar="DIR", help="folder of annotated labels")
    parser.add_argument("--json", metavar="FILE", help="write the scores, image by image")
    parser.add_argument(
        "--out", metavar="DIR", help="folder for metrics.json, images.csv and a drawing of errors an image"
    )
    parser.add_argument("--images", metavar="DIR", help="folder of the pictures to draw the errors on")
    parser.add_argument(
        "--border", type=int, default=0, metavar="N",
        help="pixels within which SEG and DET ignore nuclei (Cell Tracking Challenge: 25 for HeLa)",
    )  # fmt: skip
    parser.add_argument(
        "--planes", action="store_true", help="planes of stacks without depth are pictures of their own"
    )
    known = parser.parse_args(argv)
    if known.images and not known.out:
        parser.error("--images is for the drawings of --out")

    def work() -> int:
        from nucleizoo import api

        result = api.evaluate(
            known.pred, known.truth, known.json,
            output=known.out, images=known.images, border=known.border, planes=known.planes,
        )  # fmt: skip
        _show(result)
        for name in result["missing"]:
            print(f"no prediction for {name}", file=sys.stderr)
        for name in result["unknown"]:
            print(f"no truth for {name}", file=sys.stderr)
        for why in result["failed"].values():
            print(f"not scored: {why}", file=sys.stderr)
        return 1 if result["missing"] or result["failed"] else 0

    return guarded(work)


def _show(result: dict[str, Any]) -> None:
    """The scores of a set as a table that says what each of them is."""
    pixels, nuclei, tracking = result["pixels"], result["objects"], result["tracking"]
    rows: dict[str, list[float]] = {
        "pixels, mean over images": [pixels[key] for key in ("precision", "recall", "dice")],
        "pixels, pooled": [pixels[f"{key}_pooled"] for key in ("precision", "recall", "dice")],
        "nuclei with IoU of 0.5 or more, pooled": [nuclei[key] for key in ("precision", "recall", "f1")],
        "the same, TP / (TP + FP + FN)": [nuclei["ap"]],
        "its mean for IoU 0.50:0.05:0.95": [result["objects_by_iou"]["mean_ap"]],
        "ranked AP (size), IoU 0.50, 0.75, mean": [result["ranked"][k] for k in ("ap50", "ap75", "mean_ap")],
        "Cell Tracking Challenge SEG, DET, OP": [tracking[key] for key in ("seg", "det", "op_csb")],
    }
    if sure := result.get("ranked_by_confidence"):
        rows["the same, ranked by confidence"] = [sure[key] for key in ("ap50", "ap75", "mean_ap")]
    images = f"{len(result['images'])} images"
    print(f"{images:<40} precision    recall        F1")
    for title, values in rows.items():
        print(f"{title:<40}", *(f"{value:9.4f}" for value in values))
    print(", ".join(f"{count} {name}" for name, count in result["errors"].items()))
