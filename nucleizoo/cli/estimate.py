"""nucleizoo estimate."""

from __future__ import annotations

from collections.abc import Sequence

from nucleizoo.cli.arguments import guarded, parser_of

_EXAMPLE = """example:
  nucleizoo estimate my_images --picture measured.png"""


def main(argv: Sequence[str] | None = None) -> int:
    """Measure nuclei for synthetic masks."""
    parser = parser_of(
        "estimate", "Measure the size and number of nuclei on images without labels.", _EXAMPLE
    )
    parser.add_argument("images", nargs="+", metavar="PATH", help="files or folders")
    parser.add_argument("--picture", metavar="FILE", help="PNG to draw the first image's nuclei into")
    parser.add_argument(
        "--channel", default="auto", metavar="N",
        help="channel to measure: 0, 1, ..., or luminance for colour; needed where a file has several",
    )  # fmt: skip
    parser.add_argument(
        "--dataset",
        default="",
        metavar="NAME",
        help="dataset of HDF5 files and Zarr groups that hold several",
    )
    known = parser.parse_args(argv)

    def work() -> int:
        from nucleizoo import api
        from nucleizoo.training.autoconfig import settings

        print(
            settings(api.estimate(known.images, known.picture, channel=known.channel, dataset=known.dataset))
        )
        return 0

    return guarded(work)
