"""The command line: `nucleizoo COMMAND`; tools/ has a file for each command too."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence

COMMANDS = {
    **{
        name: name
        for name in ("train", "predict", "evaluate", "compare", "sample", "estimate", "data", "figure")
    },
    "list": "list_entries",  # a module called list would hide Python's in this package
}
"""Each is `main` of a module."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one of the commands; the exit code is 0, 2 for what the user can mend, 130 for Ctrl-C."""
    argv = sys.argv[1:] if argv is None else list(argv)
    if argv and argv[0] in COMMANDS:
        return int(importlib.import_module(f"nucleizoo.cli.{COMMANDS[argv[0]]}").main(argv[1:]))
    about = "nucleizoo segments nuclei in microscopy images without annotations."
    parser = argparse.ArgumentParser("nucleizoo", description=about)
    parser.add_argument("command", choices=COMMANDS, help="what to do; nucleizoo COMMAND --help says more")
    parser.parse_args(argv)
    return 2
