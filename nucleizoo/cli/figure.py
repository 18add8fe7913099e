"""nucleizoo figure interpolation | content | sensitivity | ablation."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from nucleizoo.cli.arguments import guarded, parser_of, read_words, split, steady_threads

_EXAMPLE = """example:
  nucleizoo figure interpolation --run runs/hela --input my_images --out figures
  nucleizoo figure content runs/aligned runs/unaligned --input my_images --out figures
  nucleizoo figure sensitivity --cfg FILE --key METHOD.CYCLE.WEIGHT --values 1 5 20 --data DIR --out cycle
  nucleizoo figure ablation adgan --cfg FILE --data DIR --out table DATASET.ROOT my_images"""


def main(argv: Sequence[str] | None = None) -> int:
    """Draw one of the papers' figures."""
    argv = sys.argv[1:] if argv is None else list(argv)
    kinds = {
        "interpolation": _interpolation,
        "content": _content,
        "sensitivity": _sensitivity,
        "ablation": _ablation,
    }
    if argv and argv[0] in kinds:
        return kinds[argv[0]](argv[1:])
    parser = parser_of("figure", "Draw the papers' figures from runs: a PNG and a CSV each.", _EXAMPLE)
    parser.add_argument("kind", choices=kinds, help="see nucleizoo figure KIND --help")
    parser.parse_args(argv)
    return 2


def _interpolation(argv: Sequence[str]) -> int:
    parser = _parser(
        "interpolation", "Decode images with the domain label moving from image to source.",
        "--run runs/hela --input my_images --out figures --steps 9",
    )  # fmt: skip
    parser.add_argument(
        "--run", required=True, metavar="DIR", help="run folder of AD-GAN or a similar method"
    )
    parser.add_argument("--input", required=True, nargs="+", metavar="PATH", help="images, files or folders")
    parser.add_argument(
        "--steps", type=int, default=7, help="number of domain labels, with both ends (default: 7)"
    )
    known, words = read_words(parser, argv, "keys of INFERENCE, and of DATASET.IMAGE for how files are read")
    inputs, pairs = split([*known.input, *words])

    def work() -> int:
        from nucleizoo import figures

        print(
            figures.interpolation(
                known.run, inputs, known.out, steps=known.steps, plugins=known.plugin, overrides=pairs
            )
        )
        return 0

    return guarded(work)


def _content(argv: Sequence[str]) -> int:
    parser = _parser(
        "content", "Draw the content codes of images and of the source by t-SNE, a panel per run.",
        "runs/aligned runs/unaligned --input my_images --out figures",
    )  # fmt: skip
    parser.add_argument("runs", nargs="+", metavar="RUN", help="run folders of AD-GAN or similar methods")
    parser.add_argument("--input", required=True, nargs="+", metavar="PATH", help="images, files or folders")
    parser.add_argument("--count", type=int, default=60, help="maximum number of image crops (default: 60)")
    known, words = read_words(parser, argv, "keys of DATASET.IMAGE and SYSTEM")
    inputs, pairs = split([*known.input, *words])

    def work() -> int:
        from nucleizoo import figures

        print(
            figures.content(
                known.runs, inputs, known.out, count=known.count, plugins=known.plugin, overrides=pairs
            )
        )
        return 0

    return guarded(work)


def _sensitivity(argv: Sequence[str]) -> int:
    parser = _parser(
        "sensitivity", "Train with every value of a key and plot the scores against it.",
        '--cfg FILE --key DATASET.SOURCE.COUNT --values "[5, 40]" "[20, 80]" \\\n'
        "      --data annotated --out count --seeds 3 DATASET.ROOT my_images",
    )  # fmt: skip
    parser.add_argument("--cfg", required=True, metavar="FILE", help="configuration")
    parser.add_argument("--key", required=True, help="key of a number, or of a range of numbers")
    parser.add_argument("--values", required=True, nargs="+", metavar="VALUE", help='such as 5, or "[5, 40]"')
    _add_trials(parser)
    known, words = read_words(parser, argv, "the configuration")
    values, pairs = split([*known.values, *words])

    def work() -> int:
        steady_threads()
        from nucleizoo import figures

        print(
            figures.sensitivity(
                known.cfg, known.key, values, known.data, known.out,
                seeds=known.seeds, overrides=pairs, plugins=known.plugin,
            )
        )  # fmt: skip
        return 0

    return guarded(work)


def _ablation(argv: Sequence[str]) -> int:
    parser = _parser(
        "ablation", "Train a method without each of its parts in turn, and write its paper's table.",
        "adgan --cfg configs/adgan_hela_cpu.yaml --data annotated --out table \\\n"
        "      DATASET.ROOT my_images",
    )  # fmt: skip
    parser.add_argument("name", help="a file of configs/ablations: adgan, cysgan")
    parser.add_argument("--cfg", metavar="FILE", help="configuration to use instead of the paper's")
    _add_trials(parser)
    known, pairs = read_words(parser, argv, "the configuration")

    def work() -> int:
        steady_threads()
        from nucleizoo import figures

        print(
            figures.ablation(
                known.name, known.data, known.out,
                cfg=known.cfg, seeds=known.seeds, overrides=pairs, plugins=known.plugin,
            )
        )  # fmt: skip
        return 0

    return guarded(work)


def _parser(name: str, about: str, example: str) -> argparse.ArgumentParser:
    parser = parser_of(f"figure {name}", about, f"example:\n  nucleizoo figure {name} {example}")
    parser.add_argument("--out", required=True, metavar="DIR", help="folder for the PNG and the CSV")
    parser.add_argument("--plugin", action="append", default=[], help="a .py file, folder or module")
    return parser


def _add_trials(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data", required=True, metavar="DIR", help="folder with images and labels, to score on"
    )
    parser.add_argument(
        "--seeds", type=int, default=1, metavar="N", help="number of seeds to train of each (default: 1)"
    )
