"""Processes that start at once: forked from one that has imported everything, where the system has such."""

from __future__ import annotations

import multiprocessing
from functools import cache
from multiprocessing.context import BaseContext

from nucleizoo.core.plugins import installed_modules


@cache
def starter() -> BaseContext:
    """What starts them."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    # an optimiser imports the second when it is made
    context.set_forkserver_preload(["nucleizoo.checks", "torch._dynamo", *sorted(installed_modules())])
    return context
