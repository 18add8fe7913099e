"""Real processes that start at once: forked from one that has everything imported."""

import multiprocessing

SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(
    ["nucleizoo.api", "nucleizoo.registry", "torch._dynamo"]
)  # an optimiser wants it
