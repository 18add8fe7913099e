"""nucleizoo figure NAME."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from nucleizoo.cli.arguments import guarded, parser_of
from nucleizoo.cli.figure_arguments import FIGURES

_EXAMPLE = """example:
  nucleizoo figure interpolation --run runs/hela --input my_images --out figures
  nucleizoo figure content runs/aligned runs/unaligned --input my_images --out figures
  nucleizoo figure sensitivity --cfg FILE --key METHOD.CYCLE.WEIGHT --values 1 5 20 --data DIR --out cycle
  nucleizoo figure ablation adgan --cfg FILE --data DIR --out table DATASET.ROOT my_images
  nucleizoo figure generation --run runs/hela --out figures
  nucleizoo figure masks runs/one runs/two --input my_images --out figures
  nucleizoo figure volume --input labels.tif --picture image.tif --out figures --mesh obj"""


def main(argv: Sequence[str] | None = None) -> int:
    """Draw one of the papers' figures."""
    argv = sys.argv[1:] if argv is None else list(argv)
    if not argv or argv[0] not in FIGURES:
        parser = parser_of("figure", "Draw the papers' figures: a PNG and a CSV each.", _EXAMPLE)
        parser.add_argument("kind", choices=FIGURES, help="see nucleizoo figure KIND --help")
        parser.parse_args(argv)
        return 2
    draw = FIGURES[argv[0]](argv[1:])

    def work() -> int:
        print(draw())
        return 0

    return guarded(work)
