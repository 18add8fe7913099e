"""Checkpoints of AD-GAN's code: `NNN.pth` with the state dictionaries of `enc`, `dec` and `dis` [1].

[1] Kaiseem/AD-GAN at d692d16 (MIT), read for names and settings; the parity tests compare forward passes,
    losses and gradients with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from nucleizoo.contracts import Importer
from nucleizoo.kinds import IMPORTERS

BLOCKS = range(4)
BODY, STYLE = "generator.decoder.body", {i: f"style.{i}" for i in (0, 2, 4)}
CRITIC = dict(enumerate((0, 2, 5, 8, 11)))
PARTS = {"conv1": "first.layer", "conv2": "second.layer"}


@IMPORTERS.register("adgan")
class ADGAN(Importer):
    """AD-GAN's encoder, decoder and discriminator, in 2D or 3D, of any width.

    The run predicts masks with the code's threshold. AD-GAN-INS has the same networks: add `TARGET.NAME
    ternary INFERENCE.DECODER.NAME ternary`, which the code leaves to others.
    """

    program = "Kaiseem/AD-GAN at d692d16"
    modules = {
        **{f"enc.main.{i}": f"generator.encoder.stages.{stage}.layer" for stage, i in enumerate((1, 4, 7))},
        **{
            f"enc.main.{10 + i}.{theirs}": f"generator.encoder.stages.{3 + i}.{ours}"
            for i in BLOCKS for theirs, ours in PARTS.items()
        },
        **{f"enc.mlp.model.{i}": f"generator.encoder.{name}" for i, name in STYLE.items()},
        **{
            f"dec.main.{i}.{theirs}": f"{BODY}.stages.{i}.{ours}"
            for i in BLOCKS for theirs, ours in PARTS.items()
        },
        **{f"dec.main.{i}": f"{BODY}.stages.{stage}.layer" for i, stage in ((4, 4), (7, 5))},
        "dec.main.11": "generator.decoder.tail",
        **{f"dec.mlp.model.{i}": f"{BODY}.{name}" for i, name in STYLE.items()},
        **{f"dis.main.{i}": f"critic.layers.{layer}" for layer, i in CRITIC.items()},
    }  # fmt: skip
    ignored = ("*.running_mean", "*.running_var")  # which its norms carry and do not use

    def settings(self, weights: Mapping[str, Tensor]) -> dict[str, Any]:
        """`configs/adgan_hela_code.yaml` with the widths of the weights, for images of 8 bit."""
        first, style = weights["enc.main.1.weight"], weights["enc.mlp.model.0.weight"]
        generator = {"NAME": "adain", "WIDTH": len(first), "STYLE_WIDTH": len(style)}
        critic = {"NAME": "domain", "WIDTH": len(weights["dis.main.0.weight"]), "FULL_MAP": False}
        adam = {"NAME": "adam", "BETAS": [0.5, 0.99], "WEIGHT_DECAY": 1e-4, "DECAY_ALL": True}
        return {
            "SYSTEM": {"PRECISION": "fp32"},
            "DATASET": {
                "SIZE": [256, 256] if first.ndim == 4 else [64, 128, 128],
                "CHANNELS": first.shape[1],
                "IMAGE": {"NAME": "images", "SCALING": {"NAME": "dtype"}},
                "SOURCE": {"NAME": "synthetic"},
            },
            "TARGET": {"NAME": "mask"},
            "METHOD": {
                "NAME": "adgan", "GAN": {"NAME": "lsgan", "WEIGHT": 0.5},
                "GENERATOR": generator, "DISCRIMINATOR": critic,
            },
            "SOLVER": {"OPTIMISER": adam, "LR": 2e-4, "BATCH": 8, "TOTAL": 10000},
            "INFERENCE": {
                "STATISTICS": "tile",
                "DECODER": {"NAME": "components", "FOREGROUND": 0.25, "FILL_HOLES": False},
            },
        }  # fmt: skip
