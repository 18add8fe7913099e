"""The command line: `nucleizoo COMMAND`; tools/ has a file for each command too."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence

_SAME = "train", "predict", "models", "evaluate", "compare", "sample", "estimate", "data", "figure", "check"

COMMANDS = {
    **dict(zip(_SAME, _SAME, strict=True)),
    "import": "import_checkpoint",  # which is a word of Python
    "list": "list_entries",  # a module called list would hide Python's in this package
}
"""Command -> module with its `main`."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; exit code 0, 1 for a partial result, 2 for what the user can fix, 130 for Ctrl-C.

    Other signals that end a command give 128 and their number, too.
    """
    argv = sys.argv[1:] if argv is None else list(argv)
    if argv and argv[0] in COMMANDS:
        return int(importlib.import_module(f"nucleizoo.cli.{COMMANDS[argv[0]]}").main(argv[1:]))
    about = "nucleizoo segments nuclei in microscopy images without annotations."
    parser = argparse.ArgumentParser("nucleizoo", description=about)
    parser.add_argument("command", choices=COMMANDS, help="see nucleizoo COMMAND --help")
    parser.parse_args(argv)
    return 2
