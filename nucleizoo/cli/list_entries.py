"""nucleizoo list."""

from __future__ import annotations

from collections.abc import Sequence

from nucleizoo.cli.arguments import guarded, parser_of

_EXAMPLE = """example:
  nucleizoo list                    kinds and their entries
  nucleizoo list METHODS.adgan      keys, defaults and papers of one entry"""


def main(argv: Sequence[str] | None = None) -> int:
    """Show what a configuration can name."""
    parser = parser_of("list", "Show entries, their keys and their papers.", _EXAMPLE)
    parser.add_argument("what", nargs="?", default="", metavar="KIND[.NAME]")
    parser.add_argument("--markdown", action="store_true", help="print all entries as a Markdown table")
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
