"""nucleizoo compare."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from nucleizoo.cli import compare_grid
from nucleizoo.cli.arguments import guarded, parser_of, read_words, split

_EXAMPLE = """example:
  nucleizoo compare runs/adgan runs/cyclegan --data annotated --out report
  nucleizoo compare runs/a_seed10 runs/a_seed11 runs/b --images my_images --truth my_labels --out report
  nucleizoo compare --labels "My tool=its_labels" runs/a --data annotated --out report
  nucleizoo compare --cfg a.yaml b.yaml --seeds 3 --data annotated --out report DATASET.ROOT my_images
  nucleizoo compare --grid configs/grids/hela_cpu.yaml --dry-run"""

_IN_USE = ("INFERENCE.", "DATASET.IMAGE.")


def main(argv: Sequence[str] | None = None) -> int:
    """Compare several runs, and labels of other programs, in one report."""
    parser = parser_of(
        "compare",
        "Compare trained runs, and labels of other programs, on annotated images; writes report.html, .csv "
        "and .md.",
        _EXAMPLE,
    )
    parser.usage = "nucleizoo compare [RUN ...] --data DIR --out DIR [option ...] [KEY VALUE ...]"
    parser.add_argument("--data", metavar="DIR", help="folder with images/ and labels/, paired by name")
    parser.add_argument("--images", metavar="DIR", help="folder of the images, instead of --data")
    parser.add_argument("--truth", metavar="DIR", help="folder of the annotated labels, with --images")
    parser.add_argument("--out", metavar="DIR", help="folder for the report; of a grid, for everything")
    parser.add_argument(
        "--labels", action="append", default=[], metavar="NAME=DIR",
        help="add a row NAME: label files that any program wrote, named like the images, such as "
        '"My tool=its_labels"',
    )  # fmt: skip
    parser.add_argument(
        "--no-floor", action="store_true",
        help="leave out the methods that learn nothing, which are shown unasked as a floor",
    )  # fmt: skip
    compare_grid.add_arguments(parser)
    parser.add_argument(
        "--cfg", nargs="+", default=[], metavar="FILE", help="configurations to train first, or to reuse"
    )
    parser.add_argument(
        "--seeds", type=int, default=1, metavar="N", help="number of seeds to train per --cfg (default: 1)"
    )
    parser.add_argument(
        "--runs",
        default="runs",
        metavar="DIR",
        help="folder for the runs of --cfg, <config>_seed<N> (default: runs)",
    )
    parser.add_argument(
        "--dataset",
        default="",
        metavar="NAME",
        help="name of the data set, to show published scores, such as Fluo-N2DL-HeLa",
    )
    parser.add_argument(
        "--border", type=int, metavar="N",
        help="pixels within which SEG and DET ignore nuclei (Cell Tracking Challenge: 25 for HeLa)",
    )  # fmt: skip
    parser.add_argument(
        "--markers", metavar="DIR",
        help="folder of label files with a dot in each nucleus, for DET instead of whole nuclei",
    )  # fmt: skip
    parser.add_argument(
        "--protocol", default="", metavar="NAME",
        help="score as a paper or challenge does, such as ctc, or by a .yaml file; a wrong name lists all",
    )  # fmt: skip
    parser.add_argument(
        "--label-dataset", default="", metavar="NAME",
        help="dataset of the labels, in HDF5 files and Zarr groups with several (default: label)",
    )  # fmt: skip
    parser.add_argument(
        "--components", action="store_true",
        help="treat a label file with one label as a mask, whose connected parts are nuclei",
    )  # fmt: skip
    parser.add_argument("--plugin", action="append", default=[], help="plugin files that the runs need")
    known, words = read_words(
        parser, argv, "keys of INFERENCE and DATASET.IMAGE of all runs; with --cfg, any keys of the trainings"
    )
    if known.grid:
        return guarded(compare_grid.work_of(parser, known, words))
    if not known.out:
        parser.error("give the folder for the report with --out")
    images, truth = _folders(parser, known)
    runs, pairs = split(words)
    files, more = split(known.cfg)
    pairs += more
    labels = _labels(parser, known.labels)
    if len({Path(file).stem for file in files}) < len(files):
        parser.error("two --cfg files have the same name, and would be trained into one folder; rename one")

    def work() -> int:
        from nucleizoo import api

        scoring = api.scoring(
            known.protocol, truth, dataset=known.dataset, border=known.border, markers=known.markers
        )
        found, missing = api.find_pairs(images, truth, scoring.markers)
        if known.protocol:
            print(f"{scoring}.")
            found, missing = scoring.chosen(found), [name for name in missing if scoring.holds(name)]
        configs = {Path(file).stem: api.load_config(file, pairs, known.plugin) for file in files}
        every = list(runs)
        for run in api.train_seeds(configs, known.seeds, known.runs):
            if not run.is_finished:
                return 130  # it was stopped
            every.append(str(run.path))
        made = api.compare(
            every, found, known.out, labels=labels, floor=not known.no_floor,
            dataset=known.dataset, scoring=scoring,
            label_dataset=known.label_dataset, components=known.components, plugins=known.plugin,
            overrides=_in_use(pairs) if files else pairs,
        )  # fmt: skip
        print(made.verdict)
        print(f"{made.page} ({made.page.stat().st_size / 1e6:.1f} MB)")
        for name in missing:
            print(f"no picture for the labels of {name}", file=sys.stderr)
        for why in made.failed.values():
            print(f"left out: {why}", file=sys.stderr)
        return 1 if missing or made.failed else 0

    return guarded(work)


def _folders(parser: argparse.ArgumentParser, known: argparse.Namespace) -> tuple[Path, Path]:
    """Where pictures and labels are."""
    if bool(known.data) == bool(known.images or known.truth) or bool(known.images) != bool(known.truth):
        parser.error("give the annotated images with --data, or with --images and --truth")
    if known.data:
        return Path(known.data) / "images", Path(known.data) / "labels"
    return Path(known.images), Path(known.truth)


def _labels(parser: argparse.ArgumentParser, told: Sequence[str]) -> dict[str, str]:
    """Folders of labels by the names of their rows."""
    labels = dict[str, str]()
    for one in told:
        name, _, folder = (part.strip() for part in one.partition("="))
        if not name or not folder:
            parser.error(f"--labels takes NAME=DIR, such as --labels \"My tool=its_labels\"; got '{one}'")
        if name in labels:
            parser.error(f"--labels has '{name}' twice; give each folder a name of its own")
        labels[name] = folder
    return labels


def _in_use(pairs: list[str]) -> list[str]:
    """Those KEY VALUE pairs of a training that apply when the run is used."""
    return [word for index, word in enumerate(pairs) if pairs[index - index % 2].startswith(_IN_USE)]
