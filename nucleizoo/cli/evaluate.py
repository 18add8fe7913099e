"""nucleizoo evaluate."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from nucleizoo.cli.arguments import guarded, parser_of

_EXAMPLE = """example:
  nucleizoo evaluate --pred my_labels --truth annotated --json scores.json
  nucleizoo evaluate --pred my_labels --truth annotated --out scores --images my_images"""


_FEW = 4
"""Images of which each is shown."""


def main(argv: Sequence[str] | None = None) -> int:
    """Compare predicted labels with the truth."""
    parser = parser_of("evaluate", "Score predicted labels against annotated ones.", _EXAMPLE)
    parser.add_argument("--pred", required=True, metavar="DIR", help="folder of predicted labels")
    parser.add_argument("--truth", required=True, metavar="DIR", help="folder of annotated labels")
    parser.add_argument("--json", metavar="FILE", help="write the scores, also image by image")
    parser.add_argument(
        "--out", metavar="DIR", help="folder for metrics.json, images.csv and a drawing of errors per image"
    )
    parser.add_argument("--images", metavar="DIR", help="folder of the pictures to draw the errors on")
    parser.add_argument(
        "--border", type=int, metavar="N",
        help="pixels within which SEG and DET ignore nuclei (Cell Tracking Challenge: 25 for HeLa)",
    )  # fmt: skip
    parser.add_argument(
        "--protocol", default="", metavar="NAME",
        help="score as a paper or challenge does, such as ctc, or by a .yaml file; a wrong name lists all",
    )  # fmt: skip
    parser.add_argument(
        "--planes",
        action="store_true",
        help="treat planes of stacks as separate pictures, as 2D runs predict them",
    )
    parser.add_argument(
        "--markers",
        metavar="DIR",
        help="folder of label files with a dot in each nucleus, for DET instead of whole nuclei",
    )
    parser.add_argument(
        "--dataset", default="", metavar="NAME",
        help="dataset of the labels, in HDF5 files and Zarr groups with several (default: label)",
    )  # fmt: skip
    parser.add_argument(
        "--components", action="store_true",
        help="treat a file with one label as a mask, whose connected parts are nuclei",
    )  # fmt: skip
    parser.add_argument(
        "--empty-chunks", action="store_true",
        help="treat chunks of HDF5 and Zarr files that were never written as empty",
    )  # fmt: skip
    known = parser.parse_args(argv)
    if known.images and not known.out:
        parser.error("--images needs --out, the folder for the drawings")

    def work() -> int:
        from nucleizoo import api

        result = api.evaluate(
            known.pred, known.truth, known.json,
            output=known.out, images=known.images, border=known.border, planes=known.planes,
            markers=known.markers, dataset=known.dataset, components=known.components,
            protocol=known.protocol, empty_chunks=known.empty_chunks,
        )  # fmt: skip
        if known.protocol:
            print(f"{result['protocol']}.")
        _show(result)
        for name in result["missing"]:
            print(f"no prediction for {name}", file=sys.stderr)
        for name in result["unknown"]:
            print(f"no truth for {name}", file=sys.stderr)
        for why in result["failed"].values():
            print(f"not scored: {why}", file=sys.stderr)
        for why in result["incomplete"].values():
            print(f"scored, but not in full: {why}", file=sys.stderr)
        return 1 if result["missing"] or result["failed"] or result["incomplete"] else 0

    return guarded(work)


def _show(result: dict[str, Any]) -> None:
    """Print the scores of a set as tables, with their definitions."""
    pixels, nuclei, by_iou = result["pixels"], result["objects"], result["objects_by_iou"]
    ranks = {
        "ranked": "ranked AP, by size, pooled",
        "ranked_per_image": "ranked AP, by size, mean over images",
        "ranked_by_confidence": "ranked AP, by confidence, pooled",
    }
    _table(f"{len(result['images'])} images", ("precision", "recall", "F1"), {
        "pixels, mean over images": [pixels[key] for key in ("precision", "recall", "dice")],
        "pixels, pooled": [pixels[f"{key}_pooled"] for key in ("precision", "recall", "dice")],
        "nuclei with IoU of 0.5 or more, pooled": [nuclei[key] for key in ("precision", "recall", "f1")],
    })  # fmt: skip
    _table("", ("IoU 0.50", "IoU 0.75", "mean AP"), {
        "nuclei, TP / (TP + FP + FN)": [by_iou["0.50"]["ap"], by_iou["0.75"]["ap"], by_iou["mean_ap"]],
    } | {
        title: [result[key][name] for name in ("ap50", "ap75", "mean_ap")]
        for key, title in ranks.items() if key in result
    } | {
        f"ranked AP, by size, of {name}": [one["ranked"][key] for key in ("ap50", "ap75", "mean_ap")]
        for name, one in result["images"].items() if len(result["images"]) <= _FEW
    })  # fmt: skip
    _table(f"DET {result['definitions']['det']}", ("SEG", "DET", "OP"), {
        "Cell Tracking Challenge": [result["tracking"][key] for key in ("seg", "det", "op_csb")],
    })  # fmt: skip
    print(", ".join(f"{count} {name}" for name, count in result["errors"].items()))


def _table(title: str, columns: Sequence[str], rows: dict[str, list[float]]) -> None:
    print(f"{title:<40}", *(f"{column:>9}" for column in columns))
    for name, values in rows.items():
        print(f"{name:<40}", *(f"{value:9.4f}" for value in values))
