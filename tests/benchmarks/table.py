"""What the benchmarks measured, beside what was wanted, as a table in a Markdown file.

python tests/benchmarks/table.py bench.json docs/performance.md     the file of --benchmark-json, and the page

The page keeps everything outside the two markers. `make bench` runs both.
"""

import json
import os
import sys
from pathlib import Path

BEGIN, END = "<!-- make bench -->", "<!-- end -->"
ADGAN, CYSGAN = "test_adgan_step.py::test_step", "test_cysgan_step.py::test_step"
BLOCKS, GROWTH = "test_blocks_time.py::test_", "test_growth.py::test_growth"
BCD, METRICS = "test_bcd_time.py::test_", "test_metrics.py::test_metrics"
DECODE = BCD + "decoding[frontier-binary]"
ALONE = BLOCKS + "windows[the network alone, on as many windows]"
STREAMED, OUR_MEMORY, MONAI_MEMORY = (
    BLOCKS + name for name in ("windows[streamed]", "blending_memory[streamed]", "blending_memory[MONAI]")
)
PREDICT, TORCH = "test_predict_time.py::test_predict", "test_predict_time.py::test_loading_torch"
AT_ONCE = [("1024x1024", "3.5 s"), ("4000x6000", "15 s, 2 GB"), ("128x512x512", "")]  # input; wanted
THRICE, TWICE = "3x with AMX, 2x on a GPU", "2x with AMX, 2x on a GPU"

TIMES = [  # what; ours; against; theirs; wanted
    ("AD-GAN step, 2D, width 64", ADGAN + "[ours-2-64]", "plain step, fp32", ADGAN + "[plain-2-64]", THRICE),
    ("AD-GAN step, 3D, width 32", ADGAN + "[ours-3-32]", "plain step, fp32", ADGAN + "[plain-3-32]", THRICE),
    ("CySGAN step, 3D, width 8", CYSGAN + "[step]", "plain step, fp32", CYSGAN + "[plain]", TWICE),
    ("blending", BLOCKS + "blending[streamed]", "MONAI", BLOCKS + "blending[MONAI]", "faster"),
    ("decoder `bcd`", DECODE, "scikit-image", BCD + "decoding[skimage-binary]", "2x"),
    ("the same", DECODE, "mahotas", BCD + "decoding_as_in_pytorch_connectomics", "10x"),
    ("target `bcd`", BCD + "encoding[edt]", "whole-array distances", BCD + "encoding_by_whole_arrays", "20x"),
    ("all metrics", METRICS, "stardist, one IoU", METRICS + "_of_stardist", "faster"),
    ("the same", METRICS, "py-ctcmetrics, its matching", METRICS + "_of_ctcmetrics", "3x"),
]  # fmt: skip


def rows(seen):
    """The rows of the table, of benchmarks by their name; what was not run is told as that."""
    for what, ours, against, theirs, wanted in TIMES:
        if ours in seen and theirs in seen:
            mine, other = (seen[name]["stats"]["min"] for name in (ours, theirs))
            yield what, duration(mine), f"{against}: {duration(other)}", f"{other / mine:.2f}x", wanted
        else:
            yield what, "", against, "not run", wanted
    yield from windows(seen)
    yield from growth(seen)
    yield from at_once(seen)


def windows(seen):
    """How fast and in how much memory windows are predicted and blended."""
    if ALONE in seen and STREAMED in seen:
        bare, ours = (seen[name]["stats"]["min"] for name in (ALONE, STREAMED))
        yield (
            "tiled prediction",
            duration(ours),
            f"bare network: {duration(bare)}",
            f"{bare / ours:.0%}",
            "85 %",
        )
    if OUR_MEMORY in seen and MONAI_MEMORY in seen:
        ours, theirs = (seen[name]["extra_info"]["peak"] for name in (OUR_MEMORY, MONAI_MEMORY))
        yield "memory of blending", size(ours), f"MONAI: {size(theirs)}", f"{theirs / ours:.2f}x", "not more"


def growth(seen):
    """How time and memory of whole predictions grow with the volume."""
    small, large = (seen.get(GROWTH + f"[{side}]", {}).get("extra_info") for side in (512, 2048))
    if large:
        yield "255x2048x2048 to labels", size(large["peak"]), "the volume: 1.07 GB", "", "at most 3 GB"
    if small and large:
        first, last = small["processor"], large["processor"] / 16  # 16 times the voxels
        against = f"255x512x512: {duration(first)}"
        yield "a sixteenth of the same", duration(last), against, f"{last / first - 1:+.0%}", "within 10 %"


def at_once(seen):
    """How long a prediction takes with the models that ship, from command to files."""
    torch = seen.get(TORCH, {}).get("stats")
    for name, wanted in AT_ONCE:
        if torch and (mine := seen.get(f"{PREDICT}[{name}]")):
            took = f"{duration(mine['stats']['min'])}, {size(mine['extra_info']['peak'])}"
            yield f"`predict` at once, {name}", took, f"loading torch: {duration(torch['min'])}", "", wanted


def duration(seconds):
    """Seconds with three digits: 12.6 s, 18.1 ms."""
    return f"{seconds:.3g} s" if seconds >= 1 else f"{1000 * seconds:.3g} ms"


def size(count):
    """Bytes: 2.31 GB, 94 MB."""
    return f"{count / 1e9:.2f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


def written(report):
    """The text between the markers."""
    seen = {one["fullname"].rpartition("/")[2]: one for one in report["benchmarks"]}
    commit, cores = report["commit_info"]["id"][:7], len(os.sched_getaffinity(0))
    cpu = report["machine_info"]["cpu"]
    amx = "with" if "amx_tile" in cpu["flags"] else "without"
    place = f"{cores} cores of {cpu['brand_raw']}, {amx} AMX; {report['datetime'][:10]}, commit {commit}."
    head = ["| what | ours | against | ratio | wanted |", "| --- | --- | --- | --- | --- |"]
    table = ["| " + " | ".join(row) + " |" for row in rows(seen)]
    return "\n".join([BEGIN, place, "", *head, *table, END])


def main(measured, page):
    """Put the table into its place on the page."""
    path = Path(page)
    before, _, rest = path.read_text().partition(BEGIN)
    after = rest.partition(END)[2]
    path.write_text(before + written(json.loads(Path(measured).read_text())) + after)


if __name__ == "__main__":
    main(*sys.argv[1:])
