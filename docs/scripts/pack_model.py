"""From a run to a model that ships.

    python docs/scripts/pack_model.py runs/nuclei_2d nuclei_2d --scores scores.json --about "Nuclei."
        --command "nucleizoo train --cfg configs/nuclei_2d.yaml"

`--before nuclei_3d` packs the mean of the run's weights and of those of a run or model that it started from.
The scores are those of score_models.py on the train splits, with the size found by the model.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from nucleizoo import models
from nucleizoo.runs import Run

if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path)
    parser.add_argument("name")
    parser.add_argument("--about", required=True)
    parser.add_argument("--command", required=True)
    parser.add_argument("--scores", type=Path, required=True)
    parser.add_argument("--before", help="a run or model that the run started from")
    asked = parser.parse_args()
    before = asked.before and (
        Path(asked.before) if Path(asked.before).is_dir() else models.named(asked.before)
    )
    table = json.loads(asked.scores.read_text())
    card = models.pack(
        Run.open(asked.run), models.SHELF / asked.name, about=asked.about, command=asked.command,
        scores={name: one["found"] for name, one in table.items()},
        before=Run.open(before) if before else None,
    )  # fmt: skip
    print(models.SHELF / asked.name, card.sha256)
