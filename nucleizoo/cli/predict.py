"""nucleizoo predict."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from nucleizoo.cli.arguments import guarded, is_key, parser_of, read_words, split

_EXAMPLE = """example:
  nucleizoo predict --input my_images --output my_labels --overlay
  nucleizoo predict --input brain.tif --output my_labels --diameter 24
  nucleizoo predict --run runs/hela --input my_images --output my_labels --overlay
  nucleizoo predict --run runs/hela --input a.tif --output out INFERENCE.DECODER.FOREGROUND 0.6
  nucleizoo predict --run runs/brain --input brain.zarr --output out --format ome-zarr --max-memory 8
  nucleizoo predict --run runs/brain --input brain.zarr --output out --max-memory 8 --dask 4"""


def main(argv: Sequence[str] | None = None) -> int:
    """Segment images."""
    about = "Segment images, at once with a model that ships with nucleizoo, or with a run of your own."
    parser = parser_of("predict", about, _EXAMPLE)
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--run", metavar="DIR", help="run folder of a training")
    source.add_argument(
        "--model", default="nuclei", metavar="NAME",
        help="a model (default: nuclei, in 2D or 3D as a file needs); nucleizoo models lists all",
    )  # fmt: skip
    parser.add_argument(
        "--diameter", type=float, default=0.0, metavar="PIXELS",
        help="diameter of the nuclei in the files; without it, the model finds it in every file",
    )  # fmt: skip
    parser.add_argument("--input", required=True, nargs="+", metavar="PATH", help="files or folders")
    parser.add_argument(
        "--output",
        required=True,
        metavar="DIR",
        help="folder for <stem>_label.tif; an older result is replaced when the new one is complete, a file "
        "that nucleizoo did not write, or that was changed, is kept",
    )
    parser.add_argument(
        "--overlay", action="store_true", help="also draw the outlines of nuclei on each image"
    )
    parser.add_argument(
        "--table", action="store_true", help="also write size, centre and confidence of every nucleus as CSV"
    )
    parser.add_argument("--plugin", action="append", default=[], help="plugin files that the run needs")
    parser.add_argument(
        "--to",
        choices=("labels", "maps", "source", "image"),
        default="labels",
        help="labels (default); maps of the network; the image translated to the source domain; or, the "
        "other way round, label files given as --input translated to realistic images",
    )
    large = parser.add_argument_group("large volumes")
    large.add_argument(
        "--blocks",
        action="store_true",
        help="predict by blocks, with bounded memory; always on for Zarr folders and with an option below",
    )
    large.add_argument(
        "--max-memory",
        type=float,
        default=0.0,
        metavar="GB",
        help="memory limit per process in GB (default: half of the machine's RAM); to resume, allow at "
        "least as much as before",
    )
    large.add_argument(
        "--resume",
        action="store_true",
        help="resume an interrupted prediction; a complete result is left alone",
    )
    large.add_argument(
        "--format",
        choices=("tif", "h5", "ome-zarr"),
        default="tif",
        help="format of the labels (default: tif); ome-zarr is written by all workers of --dask, the others "
        "by one process",
    )
    large.add_argument(
        "--skip-damaged",
        action="store_true",
        help="treat missing and damaged chunks as black; the result lists them",
    )
    large.add_argument(
        "--dask",
        nargs="?",
        const="local",
        metavar="ADDRESS",
        help="use dask: processes on this machine, one per GPU or core (or --dask N), or a running cluster: "
        "--dask tcp://HOST:PORT; its workers must see the same files. Needs nucleizoo[dask]",
    )
    known, words = read_words(parser, argv, "keys of INFERENCE, and of DATASET.IMAGE for how files are read")
    if known.dask is not None and is_key(known.dask):  # a key that follows --dask without an address
        words, known.dask = [known.dask, *words], "local"
    inputs, pairs = split([*known.input, *words])

    def work() -> int:
        from nucleizoo import api
        from nucleizoo.blockwise import Options
        from nucleizoo.core.errors import ImageReadError

        options, count = Options(known.format, known.max_memory, known.resume, known.skip_damaged), 0
        blocks = known.blocks or options != Options()
        made = api.predict(
            known.run, inputs, known.output,
            to=known.to, overlay=known.overlay, table=known.table, blocks=blocks, options=options,
            dask=known.dask, plugins=known.plugin, overrides=pairs, model=known.model,
            diameter=known.diameter,
        )  # fmt: skip
        try:
            for done in made:
                count += 1
                nuclei = f": {done.count} nuclei" if known.to == "labels" else ""
                size = f" of about {done.scale.diameter:.3g} pixels" if done.scale and done.count else ""
                dark = ", dark" if done.scale and done.scale.dark else ""
                print(f"{done.path} -> {done.result}{nuclei}{size}{dark}", flush=True)
        except ImageReadError as error:
            if not count:
                raise
            print(f"error: {error}", file=sys.stderr)
            return 1
        return 0

    return guarded(work)
