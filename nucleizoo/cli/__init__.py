"""The command line: `nucleizoo COMMAND`; tools/ has a file for each command too."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from nucleizoo.cli._compare import compare
from nucleizoo.cli._data import data
from nucleizoo.cli._estimate import estimate
from nucleizoo.cli._evaluate import evaluate
from nucleizoo.cli._figure import figure
from nucleizoo.cli._list import list_entries
from nucleizoo.cli._predict import predict
from nucleizoo.cli._sample import sample
from nucleizoo.cli._train import train

__all__ = [
    "compare", "data", "estimate", "evaluate", "figure", "list_entries", "main", "predict", "sample", "train"
]  # fmt: skip


def main(argv: Sequence[str] | None = None) -> int:
    """Run one of the commands; the exit code is 0, 2 for what the user can mend, 130 for Ctrl-C."""
    argv = sys.argv[1:] if argv is None else list(argv)
    commands = {
        "train": train,
        "predict": predict,
        "evaluate": evaluate,
        "compare": compare,
        "sample": sample,
        "estimate": estimate,
        "data": data,
        "figure": figure,
        "list": list_entries,
    }
    if argv and argv[0] in commands:
        return commands[argv[0]](argv[1:])
    about = "nucleizoo segments nuclei in microscopy images without annotations."
    parser = argparse.ArgumentParser("nucleizoo", description=about)
    parser.add_argument("command", choices=commands, help="what to do; nucleizoo COMMAND --help says more")
    parser.parse_args(argv)
    return 2
