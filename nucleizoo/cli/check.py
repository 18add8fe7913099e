"""nucleizoo check."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from nucleizoo.cli.arguments import guarded, parser_of

_EXAMPLE = """example:
  nucleizoo check softgan --plugin soft_gan.py
  nucleizoo check METHODS.softgan --plugin soft_gan.py CYCLE.EPS 0.01
  nucleizoo check DATASETS.slides --plugin slides.py PATH my_slides

The last two change keys of the entry. Exit code: 0 where all checks pass, 1 where one fails, 2 where there is
nothing to check."""


def main(argv: Sequence[str] | None = None) -> int:
    """Try what an entry promises."""
    parser = parser_of(
        "check", "Try an entry: everything that its kind promises, on small examples.", _EXAMPLE
    )
    parser.add_argument("entry", metavar="ENTRY", help="KIND.NAME, or NAME where only one kind has it")
    parser.add_argument("pairs", nargs="*", metavar="KEY VALUE", help="override settings of the entry")
    parser.add_argument("--plugin", action="append", default=[], help="a .py file, folder or module")
    known = parser.parse_intermixed_args(argv)

    def work() -> int:
        from nucleizoo import api

        failed, total, seconds = [], 0, 0.0
        for result in api.check(known.entry, known.plugin, known.pairs):
            total, seconds = total + 1, seconds + result.seconds
            print(f"{result.state:<8}  {result.check.title}", flush=True)
            if result.told:
                print(textwrap.indent(textwrap.fill(result.told, 98), " " * 10), flush=True)
            if result.state == "failed":
                failed.append(result.check.title)
        print(f"\n{known.entry}: {total} checks, {len(failed)} failed, in {seconds:.0f} s")
        if failed:
            print(textwrap.fill(f"It does not keep what its kind promises: {'; '.join(failed)}.", 108))
        return 1 if failed else 0

    return guarded(work)
