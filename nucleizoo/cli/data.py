"""nucleizoo data list | fetch | check | arrange | join."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from nucleizoo.cli.arguments import guarded, parser_of

_EXAMPLE = """example:
  nucleizoo data list
  nucleizoo data fetch Fluo-N2DL-HeLa --to data
  nucleizoo data check data/Fluo-N2DL-HeLa
  nucleizoo data arrange data/Fluo-N2DL-HeLa --to hela --all              every frame, to train on
  nucleizoo data arrange data/Fluo-N2DL-HeLa --to hela_test --split test  annotated frames, to score
  nucleizoo data join planes/*.tif --to brain.h5 --spacing 5 1.6 1.6      planes in files, as one volume"""


def main(argv: Sequence[str] | None = None) -> int:
    """Get published data sets, and arrange data for training and scoring."""
    parser = parser_of(
        "data",
        "Get published data sets by name (only fetch downloads), and join your own planes into volumes.",
        _EXAMPLE,
    )
    commands = parser.add_subparsers(required=True, metavar="list | fetch | check | arrange | join")
    _list(commands.add_parser("list", help="list the data sets"))
    _fetch(commands.add_parser("fetch", help="download a data set and unpack it"))
    _check(commands.add_parser("check", help="count images and labels, say what is missing"))
    _arrange(commands.add_parser("arrange", help="write images/, labels/ and markers/ as TIFF"))
    _join(commands.add_parser("join", help="join planes in separate files into one HDF5 volume"))
    known = parser.parse_args(argv)
    return guarded(lambda: int(known.work(known)))


def _list(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", default="", metavar="NAME", help="show all details of one set")
    parser.add_argument("--markdown", action="store_true", help="print the table of docs/datasets.md")

    def work(known: argparse.Namespace) -> int:
        from nucleizoo import published

        if known.name:
            print(published.described(published.named(known.name)))
        else:
            print(published.markdown() if known.markdown else published.listed())
        return 0

    parser.set_defaults(work=work)


def _fetch(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="see nucleizoo data list")
    parser.add_argument(
        "--to", required=True, metavar="DIR", help="folder of data sets; it is unpacked into DIR/NAME"
    )
    parser.add_argument(
        "--from-dir", metavar="DIR", help="take the archives from this folder, download nothing"
    )

    def work(known: argparse.Namespace) -> int:
        from nucleizoo import api, published

        print(published.described(published.named(known.name)), flush=True)
        done = api.fetch_data(known.name, known.to, known.from_dir)
        for name, sha256 in done.hashes.items():
            print(f"no SHA-256 of {name} is published; this one has {sha256}")
        print(f"unpacked: {done.folder}")
        if not known.from_dir:
            print(f"kept: {', '.join(map(str, done.archives))}")
        return 0

    parser.set_defaults(work=work)


def _check(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", metavar="DIR", help="folder of an unpacked data set")
    _name(parser)

    def work(known: argparse.Namespace) -> int:
        from nucleizoo import api

        report = api.check_data(known.folder, known.name)
        print(f"{report.name} in {report.root}")
        for split, counts in report.counts.items():
            labels = ", ".join(f"{count} {truth} labels" for truth, count in counts.labels.items())
            print(f"  {split:<6} {counts.images} images, {labels}, {counts.markers} markers")
        for look in report.looks:
            print(f"  {look}")
        for problem in report.problems:
            print(problem, file=sys.stderr)
        return 1 if report.problems else 0

    parser.set_defaults(work=work)


def _arrange(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", metavar="DIR", help="folder of an unpacked data set")
    parser.add_argument("--to", required=True, metavar="DIR", help="folder to create")
    _name(parser)
    parser.add_argument(
        "--split", default="", metavar="train|test", help="write only one split (default: both)"
    )
    parser.add_argument(
        "--labels", default="gt", metavar="gt|st",
        help="gold truth (default) or silver truth of the Cell Tracking Challenge",
    )  # fmt: skip
    parser.add_argument(
        "--all", action="store_true",
        help="also write images without labels, and whole volumes where only planes have some: to train on",
    )  # fmt: skip

    def work(known: argparse.Namespace) -> int:
        from tqdm import tqdm

        from nucleizoo import api

        written = list(tqdm(
            api.arrange_data(
                known.folder, known.to,
                name=known.name, split=known.split, truth=known.labels, every=known.all,
            ),
            unit="image", dynamic_ncols=True, disable=None,
        ))  # fmt: skip
        labels, markers = (sum(getattr(one, kind) for one in written) for kind in ("labels", "is_marked"))
        print(f"{known.to}: {len(written)} images, {labels} labels, {markers} markers")
        return 0

    parser.set_defaults(work=work)


def _join(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("planes", nargs="+", metavar="PLANE", help="files, folders or patterns, in order")
    parser.add_argument("--to", required=True, metavar="FILE", help="file of the volume, such as brain.h5")
    parser.add_argument(
        "--spacing", nargs=3, type=float, default=(), metavar=("Z", "Y", "X"),
        help="voxel size in micrometres",
    )  # fmt: skip
    parser.add_argument("--gaps", action="store_true", help="allow gaps in the numbers of file names")

    def work(known: argparse.Namespace) -> int:
        from tqdm import tqdm

        from nucleizoo import api

        with tqdm(unit="part", dynamic_ncols=True, disable=None) as bar:
            for done, bar.total in api.join_planes(known.planes, known.to, known.spacing, gaps=known.gaps):
                bar.update(done - bar.n)
        print(known.to)
        return 0

    parser.set_defaults(work=work)


def _name(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--name",
        default="",
        metavar="NAME",
        help="name of the set (default: recognised by its folder and files)",
    )
