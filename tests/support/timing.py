"""Seconds of a step, for the tables that the benchmarks print."""

import statistics
import time

import torch


def in_turns(works, rounds):
    """Least seconds of each of some works, timed one after the other in every round: for shared machines."""
    return [
        min(times)
        for times in zip(*([seconds(work, 1) for work in works] for _ in range(rounds)), strict=True)
    ]


def seconds(work, rounds):
    """Median seconds of `work()` after one round to warm up."""
    times = []
    for _ in range(rounds + 1):
        begun = time.perf_counter()
        work()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        times.append(time.perf_counter() - begun)
    return statistics.median(times[1:])
