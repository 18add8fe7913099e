"""nucleizoo compare --grid: many trainings and their reports from one file."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

from nucleizoo.cli.arguments import split, steady_threads

_OF_ONE = (
    "data",
    "images",
    "truth",
    "cfg",
    "dataset",
    "border",
    "markers",
    "protocol",
    "label_dataset",
    "labels",
)
"""Options that a grid has in its file, or does not have."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of grids."""
    parser.add_argument(
        "--grid", metavar="FILE",
        help="train and compare what a file lists; begun again, it goes on where it was",
    )  # fmt: skip
    parser.add_argument("--dry-run", action="store_true", help="of a grid, only list what would be trained")
    parser.add_argument("--finished", action="store_true", help="of a grid, only report on what is finished")


def work_of(
    parser: argparse.ArgumentParser, known: argparse.Namespace, words: list[str]
) -> Callable[[], int]:
    """What performs a grid, or says what it would do."""
    runs, pairs = split(words)
    if runs or known.no_floor or any(getattr(known, name) not in ("", None, []) for name in _OF_ONE):
        parser.error("--grid takes runs, configurations and data from its file; leave out theirs")

    def work() -> int:
        steady_threads()
        from nucleizoo import api
        from nucleizoo.experiments import progress

        grid = api.open_grid(known.grid, pairs, known.plugin, known.out)
        if known.dry_run:
            print(progress.told(grid.progress()))
            return 0
        left_out = dict[str, str]()
        for made in grid.report() if known.finished else grid.perform():
            print(f"{made.page}: {made.verdict}", flush=True)
            left_out |= made.failed
        for name, why in grid.failed.items():
            print(f"failed: {name}: {why}", file=sys.stderr)
        for why in left_out.values():
            print(f"left out: {why}", file=sys.stderr)
        return 1 if grid.failed or left_out else 0

    return work
