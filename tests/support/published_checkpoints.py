"""Checkpoints as published programs write them: their names, and weights in closed form."""

import json
from pathlib import Path

import torch

from support import closed_form

PARITY = Path(__file__).parents[1] / "parity"


def values(program):
    """The numbers that `tests/parity/published_values.py` has made, and the shapes of weights."""
    return json.loads((PARITY / f"{program}.json").read_text())


def adgan(dims="2D"):
    """What AD-GAN's code saves."""
    shapes = values("adgan")[dims]["shapes"]
    return {name: closed_form.state_dict(f"{dims}.{name}", one) for name, one in shapes.items()}


def cysgan():
    """What CySGAN's code saves, with something of the state of optimisers."""
    networks = {
        name: {
            "state_dict": closed_form.state_dict(name, one),
            "optimizer": {
                "state": {0: {"step": 3, "exp_avg": torch.zeros(2)}},
                "param_groups": [{"lr": 1e-3}],
            },
            "lr_scheduler": {"base_lrs": [2e-3], "last_epoch": 3, "_last_lr": [1e-3]},
        }
        for name, one in values("cysgan")["shapes"].items()
    }
    return {"iteration": 3, **networks}
