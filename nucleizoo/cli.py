"""The command line: nucleizoo train | predict | evaluate | list; the files in tools/ are the same four."""

from __future__ import annotations

import argparse
import logging
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from nucleizoo.core.errors import UserError

_KEY = re.compile(r"[A-Z][A-Z0-9_]*(\.[A-Z][A-Z0-9_]*)+")

_NO_MEMORY = (
    "out of memory: for training lower SOLVER.BATCH, DATASET.SIZE or the WIDTH of the networks; for "
    'prediction set INFERENCE.WINDOW, such as "[512, 512]", so that large images go through in tiles'
)
_TRAIN = """example:
  nucleizoo train --cfg configs/adgan_hela_cpu.yaml --out runs/hela DATASET.ROOT my_images
  nucleizoo train --cfg configs/adgan_hela_cpu.yaml --out runs/hela --resume DATASET.ROOT my_images"""
_PREDICT = """example:
  nucleizoo predict --run runs/hela --input my_images --output my_labels --overlay
  nucleizoo predict --run runs/hela --input a.tif --output out INFERENCE.DECODER.FOREGROUND 0.6"""
_EVALUATE = """example:
  nucleizoo evaluate --pred my_labels --truth annotated --json scores.json"""
_LIST = """example:
  nucleizoo list                    kinds and their entries
  nucleizoo list METHODS.adgan      keys, defaults and papers of one entry"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one of the four commands; the exit code is 0, 2 for what the user can mend, 130 for Ctrl-C."""
    argv = sys.argv[1:] if argv is None else list(argv)
    commands = {"train": train, "predict": predict, "evaluate": evaluate, "list": list_entries}
    if argv and argv[0] in commands:
        return commands[argv[0]](argv[1:])
    about = "nucleizoo segments nuclei in microscopy images without annotations."
    parser = argparse.ArgumentParser("nucleizoo", description=about)
    parser.add_argument("command", choices=commands, help="what to do; nucleizoo COMMAND --help says more")
    parser.parse_args(argv)
    return 2


def train(argv: Sequence[str] | None = None) -> int:
    """Train from a configuration."""
    parser = _parser("train", "Train a method on your images.", _TRAIN)
    parser.add_argument(
        "--cfg", required=True, nargs="+", metavar="FILE", help="trained in order, one run each"
    )
    parser.add_argument("--out", metavar="DIR", help="run folder (default: runs/<name of the config>)")
    parser.add_argument("--resume", action="store_true", help="continue the run in --out, if there is one")
    parser.add_argument("--plugin", action="append", default=[], help="a .py file, folder or module")
    parser.add_argument("pairs", nargs="*", metavar="KEY VALUE", help="override the configuration")
    known, rest = parser.parse_known_args(argv)
    _refuse_options(parser, rest)
    configs, pairs = _split([*known.cfg, *known.pairs, *rest])
    if known.out and len(configs) > 1:
        parser.error("--out is for one --cfg; several are trained into runs/<name>")

    def work() -> int:
        from nucleizoo import api

        for file in configs:
            out = Path(known.out) if known.out else Path("runs") / Path(file).stem
            run = api.train(api.load_config(file, pairs, known.plugin), out, resume=known.resume)
            print(f"run folder: {run.path}")
            if not run.is_finished:
                return 130  # it was told to stop
        return 0

    return _guarded(work)


def predict(argv: Sequence[str] | None = None) -> int:
    """Apply a trained run."""
    parser = _parser("predict", "Segment images with a trained run.", _PREDICT)
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
    parser.add_argument("pairs", nargs="*", metavar="KEY VALUE", help="override keys of INFERENCE")
    known, rest = parser.parse_known_args(argv)
    _refuse_options(parser, rest)
    inputs, pairs = _split([*known.input, *known.pairs, *rest])

    def work() -> int:
        from nucleizoo import api

        for done in api.predict(
            known.run, inputs, known.output,
            to=known.to, overlay=known.overlay, plugins=known.plugin, overrides=pairs,
        ):  # fmt: skip
            nuclei = f": {done.count} nuclei" if known.to == "labels" else ""
            print(f"{done.source} -> {done.result}{nuclei}", flush=True)
        return 0

    return _guarded(work)


def evaluate(argv: Sequence[str] | None = None) -> int:
    """Compare predicted labels with the truth."""
    parser = _parser("evaluate", "Score predicted labels against annotated ones.", _EVALUATE)
    parser.add_argument("--pred", required=True, metavar="DIR", help="folder of predicted labels")
    parser.add_argument("--truth", required=True, metavar="DIR", help="folder of annotated labels")
    parser.add_argument("--json", metavar="FILE", help="write the scores, image by image")
    known = parser.parse_args(argv)

    def work() -> int:
        from nucleizoo import api

        result = api.evaluate(known.pred, known.truth, known.json)
        print(f"{len(result['images'])} images{'':25}  precision  recall  F1 or Dice")
        pixels, nuclei = result["pixels"], result["objects"]
        rows = {
            "pixels, mean over images": [pixels[key] for key in ("precision", "recall", "dice")],
            "pixels, pooled": [pixels[f"{key}_pooled"] for key in ("precision", "recall", "dice")],
            "nuclei with IoU above 0.5, pooled": [nuclei[key] for key in ("precision", "recall", "f1")],
        }
        for title, values in rows.items():
            print(f"{title:<33}", *(f"{value:9.4f}" for value in values))
        for name in result["missing"]:
            print(f"no prediction for {name}", file=sys.stderr)
        return 1 if result["missing"] else 0

    return _guarded(work)


def list_entries(argv: Sequence[str] | None = None) -> int:
    """Show what a configuration can name."""
    parser = _parser("list", "Show entries, their keys and their papers.", _LIST)
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

    return _guarded(work)


def _parser(name: str, about: str, example: str) -> argparse.ArgumentParser:
    return argparse.ArgumentParser(
        f"nucleizoo {name}",
        description=about,
        epilog=example,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def _refuse_options(parser: argparse.ArgumentParser, words: list[str]) -> None:
    if strangers := [word for word in words if word.startswith("--")]:
        parser.error(f"no such option: {' '.join(strangers)}")


def _split(words: list[str]) -> tuple[list[str], list[str]]:
    """Files, and the KEY VALUE pairs that follow them; a file may be called IMAGE.TIF."""
    keys = (i for i, word in enumerate(words) if _KEY.fullmatch(word) and not Path(word).exists())
    first = next(keys, len(words))
    return words[:first], words[first:]


def _guarded(work: Callable[[], int]) -> int:
    """Run a command: user errors become a paragraph, never a traceback."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        return work()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"error: {_explained(error)}", file=sys.stderr)
        return 2
    except RuntimeError as error:
        if "out of memory" not in str(error) and "not enough memory" not in str(error):
            raise
        print(f"error: {_NO_MEMORY}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130


def _explained(error: OSError) -> str:
    import errno

    place = f" ({error.filename})" if error.filename else ""
    if error.errno == errno.ENOSPC:
        return (
            f"the disk is full{place}; nothing that was there is lost. Free some space and run it "
            "again, a training with --resume"
        )
    return f"{error.strerror or error}{place}"
