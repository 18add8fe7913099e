"""nucleizoo import."""

from __future__ import annotations

from collections.abc import Sequence

from nucleizoo.cli.arguments import guarded, parser_of, read_words

_EXAMPLE = """example:
  nucleizoo import adgan 10000.pth --out runs/published
  nucleizoo predict --run runs/published --input my_images --output out"""


def main(argv: Sequence[str] | None = None) -> int:
    """Make a run of a published checkpoint."""
    parser = parser_of("import", "Turn a checkpoint of a published program into a run folder.", _EXAMPLE)
    parser.add_argument("importer", metavar="IMPORTER", help="one of nucleizoo list IMPORTERS")
    parser.add_argument("file", metavar="FILE", help="the checkpoint; no code in it is run")
    parser.add_argument("--out", required=True, metavar="DIR", help="run folder to make")
    parser.add_argument("--plugin", action="append", default=[], help="a .py file, folder or module")
    known, pairs = read_words(parser, argv, "the configuration of the run")

    def work() -> int:
        from nucleizoo import api

        run = api.import_checkpoint(
            known.importer, known.file, known.out, plugins=known.plugin, overrides=pairs
        )
        print(f"run folder: {run.path}")
        return 0

    return guarded(work)
