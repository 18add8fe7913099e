"""nucleizoo train."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from nucleizoo.cli.arguments import guarded, parser_of, read_words, split, steady_threads

_EXAMPLE = """example:
  nucleizoo train --cfg configs/adgan_hela_cpu.yaml --out runs/hela DATASET.ROOT my_images
  nucleizoo train --cfg configs/adgan_hela_cpu.yaml --out runs/hela --resume DATASET.ROOT my_images
  nucleizoo train --cfg configs/nuclei_2d.yaml --out runs/tuned --from nuclei_2d SOLVER.LR 2e-4
  torchrun --nproc-per-node 4 tools/train.py --cfg configs/adgan_hela.yaml DATASET.ROOT my_images"""


def main(argv: Sequence[str] | None = None) -> int:
    """Train from a configuration."""
    parser = parser_of("train", "Train a method on your images.", _EXAMPLE)
    parser.add_argument(
        "--cfg",
        required=True,
        nargs="+",
        metavar="FILE",
        help="configurations, trained in order, one run each",
    )
    parser.add_argument("--out", metavar="DIR", help="run folder (default: runs/<name of the config>)")
    parser.add_argument("--resume", action="store_true", help="resume the run in --out, if there is one")
    parser.add_argument(
        "--from",
        dest="start",
        metavar="X",
        help="start from the weights of a model that ships, such as nuclei_2d, or of a run folder",
    )
    parser.add_argument("--plugin", action="append", default=[], help="a .py file, folder or module")
    known, words = read_words(parser, argv, "the configuration; of several, all that have the key")
    configs, pairs = split([*known.cfg, *words])
    pairs += ["SOLVER.FROM", known.start] if known.start else []
    if known.out and len(configs) > 1:
        parser.error("--out is for one --cfg; several are trained into runs/<name>")

    def work() -> int:
        steady_threads()
        from nucleizoo import api
        from nucleizoo.training.distributed.process_group import process_group

        with process_group() as ranks:
            for name, config in api.load_pipeline(configs, pairs, known.plugin).items():
                out = Path(known.out) if known.out else Path("runs") / name
                run = api.train(config, out, resume=known.resume)
                if ranks.is_first:
                    print(f"run folder: {run.path}")
                if ranks.any(ranks.is_first and not run.is_finished):
                    return 130  # it was stopped
        return 0

    return guarded(work, together=True)
