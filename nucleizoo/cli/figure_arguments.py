"""The arguments of the figures: each function parses those of one, and gives what draws it."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import Any

from nucleizoo.cli.arguments import parser_of, read_words, split, steady_threads

Draw = Callable[[], Any]
"""Draws a figure; returns the path of its PNG."""


def interpolation(argv: Sequence[str]) -> Draw:
    """Decoded images between the domains."""
    parser = _parser(
        "interpolation", "Decode images with the domain label moving from image to source.",
        "--run runs/hela --input my_images --out figures --steps 11",
    )  # fmt: skip
    _add_run(parser, "run folder of AD-GAN or a similar method")
    _add_input(parser)
    parser.add_argument(
        "--steps", type=int, default=7, help="number of domain labels, with both ends (default: 7)"
    )
    known, words = read_words(parser, argv, "keys of INFERENCE, and of DATASET.IMAGE for how files are read")
    inputs, pairs = split([*known.input, *words])
    return _drawn(
        "interpolation", known.run, inputs, known.out,
        steps=known.steps, plugins=known.plugin, overrides=pairs,
    )  # fmt: skip


def content(argv: Sequence[str]) -> Draw:
    """Content codes of both domains."""
    parser = _parser(
        "content", "Draw the content codes of images and of the source by t-SNE, a panel per run.",
        "runs/aligned runs/unaligned --input my_images --out figures",
    )  # fmt: skip
    _add_runs(parser, "run folders of AD-GAN or similar methods")
    _add_input(parser)
    parser.add_argument("--count", type=int, default=60, help="maximum number of image crops (default: 60)")
    known, words = read_words(parser, argv, "keys of DATASET.IMAGE and SYSTEM")
    inputs, pairs = split([*known.input, *words])
    return _drawn(
        "content", known.runs, inputs, known.out, count=known.count, plugins=known.plugin, overrides=pairs
    )


def sensitivity(argv: Sequence[str]) -> Draw:
    """Scores against one number."""
    parser = _parser(
        "sensitivity", "Train with every value of a key and plot the scores against it.",
        '--cfg FILE --key DATASET.SOURCE.COUNT --values "[5, 40]" "[20, 80]" \\\n'
        "      --data annotated --out count --seeds 3 DATASET.ROOT my_images",
    )  # fmt: skip
    parser.add_argument("--cfg", required=True, nargs="+", metavar="FILE", help="configurations, a line each")
    parser.add_argument("--key", required=True, help="key of a number, or of a range of numbers")
    parser.add_argument("--values", required=True, nargs="+", metavar="VALUE", help='such as 5, or "[5, 40]"')
    _add_trials(parser)
    known, words = read_words(parser, argv, "the configuration")
    values, pairs = split([*known.values, *words])
    return _trained(
        "sensitivity", known.cfg, known.key, values, known.data, known.out,
        seeds=known.seeds, overrides=pairs, plugins=known.plugin,
    )  # fmt: skip


def ablation(argv: Sequence[str]) -> Draw:
    """A method without each of its parts."""
    parser = _parser(
        "ablation", "Train a method without each of its parts in turn, and write its paper's table.",
        "adgan --cfg configs/adgan_hela_cpu.yaml --data annotated --out table \\\n"
        "      DATASET.ROOT my_images",
    )  # fmt: skip
    parser.add_argument("name", help="a file of configs/ablations: adgan, cysgan")
    parser.add_argument("--cfg", metavar="FILE", help="configuration to use instead of the paper's")
    _add_trials(parser)
    known, pairs = read_words(parser, argv, "the configuration")
    return _trained(
        "ablation", known.name, known.data, known.out,
        cfg=known.cfg, seeds=known.seeds, overrides=pairs, plugins=known.plugin,
    )  # fmt: skip


def generation(argv: Sequence[str]) -> Draw:
    """Images made from masks."""
    parser = _parser(
        "generation", "Generate images from masks, and draw the outlines of the masks on them.",
        "--run runs/hela --out figures --input my_annotations",
    )  # fmt: skip
    _add_run(parser, "run folder of a method that translates")
    parser.add_argument(
        "--input", nargs="+", default=[], metavar="PATH",
        help="label files or folders (default: crops of the run's own source)",
    )  # fmt: skip
    parser.add_argument("--count", type=int, default=4, help="number of crops without --input (default: 4)")
    known, words = read_words(parser, argv, "keys of INFERENCE, and of DATASET.IMAGE for how labels are read")
    inputs, pairs = split([*known.input, *words])
    return _drawn(
        "generation", known.run, known.out,
        inputs=inputs, count=known.count, plugins=known.plugin, overrides=pairs,
    )  # fmt: skip


def translation(argv: Sequence[str]) -> Draw:
    """There and back."""
    parser = _parser(
        "translation", "Draw training crops clean, augmented, translated, and translated back.",
        "--run runs/mine --out figures",
    )  # fmt: skip
    _add_run(parser, "run folder of a method that translates")
    parser.add_argument("--count", type=int, default=3, help="number of crops per domain (default: 3)")
    known, pairs = read_words(parser, argv, "keys of INFERENCE, DATASET.IMAGE and SYSTEM")
    return _drawn(
        "translation", known.run, known.out, count=known.count, plugins=known.plugin, overrides=pairs
    )


def masks(argv: Sequence[str]) -> Draw:
    """What several runs find."""
    parser = _parser(
        "masks", "Draw the nuclei that several runs find in the same images, side by side.",
        "count/runs/adgan/*/seed_10 --input my_images --out figures",
    )  # fmt: skip
    _add_runs(parser, "run folders, a column each")
    _add_input(parser)
    known, words = read_words(parser, argv, "keys of INFERENCE, and of DATASET.IMAGE for how files are read")
    inputs, pairs = split([*known.input, *words])
    return _drawn("masks", known.runs, inputs, known.out, plugins=known.plugin, overrides=pairs)


def histograms(argv: Sequence[str]) -> Draw:
    """Before and after histogram matching."""
    parser = _parser(
        "histograms", "Draw histograms and cumulative distributions before and after histogram matching.",
        "--cfg configs/u3dbcd_nucexm_matched_source.yaml --out figures DATASET.ROOT my_data",
    )  # fmt: skip
    parser.add_argument("--cfg", required=True, metavar="FILE", help="a configuration that matches them")
    known, pairs = read_words(parser, argv, "the configuration")
    return _drawn("histograms", known.cfg, known.out, plugins=known.plugin, overrides=pairs)


def volume(argv: Sequence[str]) -> Draw:
    """A labelled volume in three dimensions."""
    parser = _parser(
        "volume", "Draw a labelled volume from several sides, in true proportions, and write its surfaces.",
        "--input labels.tif --picture image.tif --out figures --mesh stl obj",
    )  # fmt: skip
    parser.add_argument("--input", required=True, metavar="FILE", help="instance labels of one volume")
    parser.add_argument("--picture", metavar="FILE", help="the picture of the same voxels")
    parser.add_argument(
        "--mesh", nargs="+", default=[], choices=("stl", "obj"),
        help="also write the surfaces of the nuclei, in micrometres; obj has a group and colour per nucleus",
    )  # fmt: skip
    parser.add_argument(
        "--spacing", nargs=3, type=float, default=[], metavar=("Z", "Y", "X"),
        help="voxel size in micrometres (default: what the files say)",
    )  # fmt: skip
    parser.add_argument("--dataset", default="", metavar="NAME", help="of labels in HDF5 and Zarr")
    parser.add_argument("--picture-dataset", default="", metavar="NAME", help="of a picture in HDF5 and Zarr")
    parser.add_argument("--channel", default="auto", help="of the picture: an index, luminance or auto")
    known = parser.parse_args(argv)
    return _drawn(
        "volume", known.input, known.out, picture=known.picture, meshes=known.mesh,
        spacing=tuple(known.spacing), dataset=known.dataset, picture_dataset=known.picture_dataset,
        channel=known.channel,
    )  # fmt: skip


FIGURES: dict[str, Callable[[Sequence[str]], Draw]] = {
    "interpolation": interpolation,
    "content": content,
    "sensitivity": sensitivity,
    "ablation": ablation,
    "generation": generation,
    "translation": translation,
    "masks": masks,
    "histograms": histograms,
    "volume": volume,
}
"""By their names in `nucleizoo figure`."""


def _drawn(name: str, *given: Any, **settings: Any) -> Draw:
    """A call of `nucleizoo.figures`, which loads torch."""

    def draw() -> Any:
        from nucleizoo import figures

        return getattr(figures, name)(*given, **settings)

    return draw


def _trained(name: str, *given: Any, **settings: Any) -> Draw:
    """The same for one that trains."""

    def draw() -> Any:
        steady_threads()
        return _drawn(name, *given, **settings)()

    return draw


def _parser(name: str, about: str, example: str) -> argparse.ArgumentParser:
    parser = parser_of(f"figure {name}", about, f"example:\n  nucleizoo figure {name} {example}")
    parser.add_argument("--out", required=True, metavar="DIR", help="folder for the PNG and the CSV")
    parser.add_argument("--plugin", action="append", default=[], help="a .py file, folder or module")
    return parser


def _add_run(parser: argparse.ArgumentParser, about: str) -> None:
    parser.add_argument("--run", required=True, metavar="DIR", help=about)


def _add_runs(parser: argparse.ArgumentParser, about: str) -> None:
    parser.add_argument("runs", nargs="+", metavar="RUN", help=about)


def _add_input(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--input", required=True, nargs="+", metavar="PATH", help="images, files or folders")


def _add_trials(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data", required=True, metavar="DIR", help="folder with images and labels, to score on"
    )
    parser.add_argument(
        "--seeds", type=int, default=1, metavar="N", help="number of seeds to train of each (default: 1)"
    )
