"""What prediction by blocks costs the process that has it done, when the units themselves cost nothing.

python tests/benchmarks/scheduler.py 1000000 2000     units of the simulation, and of the real cluster

The simulation runs the driver's own loops: alone, and over dask's interface with a client that answers at
once, and joins the pieces of as many blocks. Every row is a process of its own, whose memory is told beyond
what it has after the imports.
"""

import multiprocessing
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from nucleizoo.blockwise import RunSpec, cluster
from nucleizoo.blockwise.dask import cluster as dask_cluster
from nucleizoo.blockwise.dask.cluster import Cluster
from nucleizoo.blockwise.dask.task import JobSpec
from nucleizoo.blockwise.decode.components import pieces_in
from nucleizoo.blockwise.decode.label_volume import ComponentLabels, relabelling
from nucleizoo.blockwise.state.block_store import BlockStore
from nucleizoo.blockwise.step import run_steps, serial
from nucleizoo.ops.grid import Grid
from nucleizoo.ops.labels.block_components import Pieces, join, pieces
from nucleizoo.ops.memory import peak, resident
from nucleizoo.ops.synthesis.ellipsoids import place

JOB = JobSpec(RunSpec("run"), "", "volume", "scratch", "job", 0.0, False)
WORKERS, PER_BLOCK, ACROSS = 64, 20, (8, 1, 1)
"""Imagined workers; pieces of a block, and how many of them reach into the next one along z, y and x."""


class Idle:
    """A step of units that cost nothing."""

    def __init__(self, count):
        self.count, self.seen = count, 0

    def __len__(self):
        return self.count

    def missing(self):
        return iter(range(self.count))

    def do(self, index):
        self.seen += 1

    def join(self):
        pass


class Prompt:
    """A client of dask whose workers are done before they begin."""

    status = "running"
    scheduler = SimpleNamespace(address="", ncores_running=dict.fromkeys(range(WORKERS), 1))

    def sync(self, answer, **_):
        return answer

    def submit(self, *_, **__):
        return Done()

    def cancel(self, futures):
        assert not futures


class Done:
    def result(self, **_):
        return None

    def add_done_callback(self, told):
        told(self)


def one_process(count):
    """The loop of one process"""
    assert sum(1 for _ in run_steps({"idle": Idle(count)}, serial)) == count


def imagined_cluster(count):
    """The loop over a cluster that answers at once"""
    executor = Cluster(Prompt(), JOB.run, is_local=True).executor(JOB)
    assert sum(1 for _ in run_steps({"idle": Idle(count)}, executor)) == count


def made_up_pieces(grid):
    """Pieces of all blocks: each plane between two is crossed by the same number of them."""
    sizes = np.full(PER_BLOCK + 1, 1000, np.int64)
    near = tuple(np.arange(1, n + 1, dtype=np.int32) for n in ACROSS)
    far = tuple(PER_BLOCK - one for one in near)
    for index in range(len(grid)):
        first = np.arange(PER_BLOCK + 1) + index * 1000
        ends = [grid.after(index, axis) is not None for axis in range(3)]
        yield Pieces(sizes, first, near, tuple(f if e else f[:0] for f, e in zip(far, ends, strict=True)))


def joining(count):
    """Joining the pieces of all blocks (20 a block), numbering the objects"""
    side = round(count ** (1 / 3))
    grid = Grid((side * 10,) * 3, (10,) * 3)
    joined = join(grid, made_up_pieces(grid))
    with tempfile.TemporaryDirectory() as folder:
        store = BlockStore(Path(folder), grid)
        store.keep(joined.packed("parts"))
        relabelling(ComponentLabels(store, "parts"), 10)


def reading(count):
    """Reading the files of blocks of 64x512x512 voxels, 400 nuclei, on a local disk"""
    labels = place(np.random.default_rng(0), (65, 257, 257), semi_axis=(6, 9), count=(100, 100))
    shell = np.tile(labels[:, :256, :256] > 0, (1, 2, 2))
    grid = Grid((65 * count, 513, 513), (64, 512, 512))
    found, of_parts = pieces(np.pad(shell, ((0, 0), (0, 1), (0, 1))), grid, 0)
    with tempfile.TemporaryDirectory() as folder:
        store = BlockStore(Path(folder), Grid((64 * count, 512, 512), (64, 512, 512)))
        arrays = {**of_parts.packed("parts"), **of_parts.packed("seeds")}
        store.write(0, arrays, {"parts": found[:64, :512, :512]})
        begun = time.perf_counter()
        for index in range(1, count):
            (store.folder / f"{index:07d}.npz").hardlink_to(store.folder / "0000000.npz")
        assert not list(store.missing())
        begun = time.perf_counter()
        for _ in pieces_in(store, "parts"):
            pass
        return time.perf_counter() - begun, (store.folder / "0000000.npz").stat().st_size


def nothing(spec, name, index):
    """A unit."""


def local_cluster(count):
    """Through dask, two workers on this machine"""
    dask_cluster.run_task = nothing
    with cluster("2", JOB.run) as workers:
        executor = workers.executor(JOB)
        list(run_steps({"idle": Idle(100)}, executor))
        begun = time.perf_counter()
        assert sum(1 for _ in run_steps({"idle": Idle(count)}, executor)) == count
        return time.perf_counter() - begun, None


def measured(work, count):
    """Seconds, and bytes beyond those at the beginning."""
    before, begun = resident(), time.perf_counter()
    told = work(count)
    seconds = time.perf_counter() - begun if told is None else told[0]
    return seconds, peak() - before, None if told is None else told[1]


def main(count, few):
    context = multiprocessing.get_context("spawn")
    print("| what | units | seconds | microseconds a unit | memory |\n| --- | --- | --- | --- | --- |")
    loops, with_files = (one_process, imagined_cluster, joining), (reading, local_cluster)
    for work, units in [*((one, count) for one in loops), *((one, few) for one in with_files)]:
        with ProcessPoolExecutor(1, context) as pool:
            seconds, more, size = pool.submit(measured, work, units).result()
        name = work.__doc__ + (f", {size / 1e3:.0f} kB each" if size else "")
        memory = f"{more / 1e6:.0f} MB" if work in loops else ""
        cells = [name, units, f"{seconds:.1f}", f"{seconds / units * 1e6:.0f}", memory]
        print("|", " | ".join(map(str, cells)), "|", flush=True)


if __name__ == "__main__":
    words = [int(word) for word in sys.argv[1:]]
    main(*(words or [1_000_000, 2000]))
