"""nucleizoo models."""

from __future__ import annotations

from collections.abc import Sequence

from nucleizoo.cli.arguments import guarded, parser_of

_EXAMPLE = """example:
  nucleizoo models                all of them
  nucleizoo models nuclei_2d      the card of one"""


def main(argv: Sequence[str] | None = None) -> int:
    """List the models that ship with nucleizoo."""
    parser = parser_of(
        "models", "List the models that ship with nucleizoo, or show the card of one.", _EXAMPLE
    )
    parser.add_argument("name", nargs="?", default="", metavar="NAME")
    known = parser.parse_args(argv)

    def work() -> int:
        from nucleizoo import models

        if known.name:
            print((models.named(known.name) / models.CARD).read_text(encoding="utf-8").rstrip())
            return 0
        for name, card in models.shipped().items():
            print(f"{name}  {card.about} {card.steps} steps, {card.licence}.")
        return 0

    return guarded(work)
