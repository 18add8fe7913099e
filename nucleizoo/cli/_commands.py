"""The six commands: what each is told, and what it prints."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nucleizoo.cli._words import guarded, parser_of, read_words, split

_TRAIN = """example:
  nucleizoo train --cfg configs/adgan_hela_cpu.yaml --out runs/hela DATASET.ROOT my_images
  nucleizoo train --cfg configs/adgan_hela_cpu.yaml --out runs/hela --resume DATASET.ROOT my_images"""
_PREDICT = """example:
  nucleizoo predict --run runs/hela --input my_images --output my_labels --overlay
  nucleizoo predict --run runs/hela --input a.tif --output out INFERENCE.DECODER.FOREGROUND 0.6"""
_EVALUATE = """example:
  nucleizoo evaluate --pred my_labels --truth annotated --json scores.json
  nucleizoo evaluate --pred my_labels --truth annotated --out scores --images my_images"""
_SAMPLE = """example:
  nucleizoo sample --cfg configs/my_images_2d.yaml --out look DATASET.SOURCE.SEMI_AXIS "[6, 10]"
  nucleizoo sample --cfg configs/my_images_2d.yaml --out images --from image DATASET.ROOT my_images
  nucleizoo sample --cfg FILE --out volumes --count 4 --size 32 256 256"""
_ESTIMATE = """example:
  nucleizoo estimate my_images --picture measured.png"""
_LIST = """example:
  nucleizoo list                    kinds and their entries
  nucleizoo list METHODS.adgan      keys, defaults and papers of one entry"""


def train(argv: Sequence[str] | None = None) -> int:
    """Train from a configuration."""
    parser = parser_of("train", "Train a method on your images.", _TRAIN)
    parser.add_argument(
        "--cfg", required=True, nargs="+", metavar="FILE", help="trained in order, one run each"
    )
    parser.add_argument("--out", metavar="DIR", help="run folder (default: runs/<name of the config>)")
    parser.add_argument("--resume", action="store_true", help="continue the run in --out, if there is one")
    parser.add_argument("--plugin", action="append", default=[], help="a .py file, folder or module")
    known, words = read_words(parser, argv, "the configuration")
    configs, pairs = split([*known.cfg, *words])
    if known.out and len(configs) > 1:
        parser.error("--out is for one --cfg; several are trained into runs/<name>")

    def work() -> int:
        # Threads that wait by spinning hinder those that work: beside another busy process a step takes
        # two to ten times as long. Sleeping costs 4 % without one. To be set before torch is loaded.
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
        from nucleizoo import api

        for file in configs:
            out = Path(known.out) if known.out else Path("runs") / Path(file).stem
            run = api.train(api.load_config(file, pairs, known.plugin), out, resume=known.resume)
            print(f"run folder: {run.path}")
            if not run.is_finished:
                return 130  # it was told to stop
        return 0

    return guarded(work)


def predict(argv: Sequence[str] | None = None) -> int:
    """Apply a trained run."""
    parser = parser_of("predict", "Segment images with a trained run.", _PREDICT)
    parser.add_argument("--run", required=True, metavar="DIR", help="run folder of a training")
    parser.add_argument("--input", required=True, nargs="+", metavar="PATH", help="files or folders")
    parser.add_argument("--output", required=True, metavar="DIR", help="folder for <stem>_label.tif")
    parser.add_argument("--overlay", action="store_true", help="also draw the outlines on each image")
    parser.add_argument("--plugin", action="append", default=[], help="plugin files that the run needs")
    parser.add_argument(
        "--to",
        choices=("labels", "maps", "source", "image"),
        default="labels",
        help="labels (default); maps of the network; the image translated to the source domain; or the "
        "other way round, label files given as --input translated to realistic images",
    )
    known, words = read_words(parser, argv, "keys of INFERENCE")
    inputs, pairs = split([*known.input, *words])

    def work() -> int:
        from nucleizoo import api

        for done in api.predict(
            known.run, inputs, known.output,
            to=known.to, overlay=known.overlay, plugins=known.plugin, overrides=pairs,
        ):  # fmt: skip
            nuclei = f": {done.count} nuclei" if known.to == "labels" else ""
            print(f"{done.source} -> {done.result}{nuclei}", flush=True)
        return 0

    return guarded(work)


def evaluate(argv: Sequence[str] | None = None) -> int:
    """Compare predicted labels with the truth."""
    parser = parser_of("evaluate", "Score predicted labels against annotated ones.", _EVALUATE)
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
    known = parser.parse_args(argv)
    if known.images and not known.out:
        parser.error("--images is for the drawings of --out")

    def work() -> int:
        from nucleizoo import api

        result = api.evaluate(
            known.pred, known.truth, known.json, output=known.out, images=known.images, border=known.border
        )
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
    images = f"{len(result['images'])} images"
    print(f"{images:<40} precision    recall        F1")
    for title, values in rows.items():
        print(f"{title:<40}", *(f"{value:9.4f}" for value in values))
    print(", ".join(f"{count} {name}" for name, count in result["errors"].items()))


def sample(argv: Sequence[str] | None = None) -> int:
    """Write what a training sees."""
    parser = parser_of("sample", "Write crops of a configuration's data, to look at.", _SAMPLE)
    parser.add_argument("--cfg", required=True, nargs="+", metavar="FILE", help="one configuration")
    parser.add_argument("--out", required=True, metavar="DIR", help="folder for images, labels, panel.png")
    parser.add_argument("--count", type=int, default=8, help="crops (default: 8)")
    parser.add_argument(
        "--size", nargs="+", default=[], metavar="N", help="pixels (y x, or z y x; default: DATASET.SIZE)"
    )
    parser.add_argument(
        "--from", dest="domain", choices=("source", "image"), default="source",
        help="the labelled source, or synthetic masks (default); or the images to be segmented",
    )  # fmt: skip
    parser.add_argument("--augment", action="store_true", help="vary the crops as training does")
    parser.add_argument("--plugin", action="append", default=[], help="a .py file, folder or module")
    known, words = read_words(parser, argv, "the configuration")
    files, pairs = split([*known.cfg, *words])
    size, more = split(known.size)
    if len(files) != 1 or not all(number.isdecimal() for number in size):
        parser.error("--cfg wants one file, and --size whole numbers")

    def work() -> int:
        from nucleizoo import api

        config = api.load_config(files[0], [*pairs, *more], known.plugin)
        for done in api.sample(
            config, known.out,
            domain=known.domain, count=known.count, size=[int(n) for n in size], augment=known.augment,
        ):  # fmt: skip
            print(done.path if done.count is None else f"{done.path}: {done.count} nuclei", flush=True)
        print(Path(known.out) / "panel.png")
        return 0

    return guarded(work)


def estimate(argv: Sequence[str] | None = None) -> int:
    """Measure nuclei for synthetic masks."""
    parser = parser_of(
        "estimate", "Measure the size and number of nuclei on images without labels.", _ESTIMATE
    )
    parser.add_argument("images", nargs="+", metavar="PATH", help="files or folders")
    parser.add_argument("--picture", metavar="FILE", help="PNG to draw the first image's nuclei into")
    known = parser.parse_args(argv)

    def work() -> int:
        from nucleizoo import api
        from nucleizoo.engine.estimates import settings

        print(settings(api.estimate(known.images, known.picture)))
        return 0

    return guarded(work)


def list_entries(argv: Sequence[str] | None = None) -> int:
    """Show what a configuration can name."""
    parser = parser_of("list", "Show entries, their keys and their papers.", _LIST)
    parser.add_argument("what", nargs="?", default="", metavar="KIND[.NAME]")
    parser.add_argument("--markdown", action="store_true", help="all entries as the README's table")
    parser.add_argument("--plugin", action="append", default=[], help="a .py file, folder or module")
    known = parser.parse_args(argv)

    def work() -> int:
        from nucleizoo import catalogue

        show = (
            catalogue.table(known.plugin) if known.markdown else catalogue.describe(known.what, known.plugin)
        )
        print(show)
        return 0

    return guarded(work)
