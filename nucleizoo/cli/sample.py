"""nucleizoo sample."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from nucleizoo.cli.arguments import guarded, parser_of, read_words, split

_EXAMPLE = """example:
  nucleizoo sample --cfg configs/my_images_2d.yaml --out look DATASET.ROOT my_images
  nucleizoo sample --cfg configs/my_images_2d.yaml --out images --from image DATASET.ROOT my_images
  nucleizoo sample --cfg FILE --out volumes --count 4 --size 32 256 256"""


def main(argv: Sequence[str] | None = None) -> int:
    """Write training crops."""
    parser = parser_of("sample", "Write crops of a configuration's data, to look at.", _EXAMPLE)
    parser.add_argument("--cfg", required=True, nargs="+", metavar="FILE", help="one configuration")
    parser.add_argument("--out", required=True, metavar="DIR", help="folder for images, labels, panel.png")
    parser.add_argument("--count", type=int, default=8, help="number of crops (default: 8)")
    parser.add_argument(
        "--size",
        nargs="+",
        default=[],
        metavar="N",
        help="crop size, pixels (y x, or z y x; default: DATASET.SIZE)",
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
        parser.error("--cfg takes one file, and --size whole numbers")

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
