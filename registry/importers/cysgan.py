"""Checkpoints of CySGAN's code: `checkpoint_NNNNNN.pth.tar` with five networks and their optimisers [1].

[1] PytorchConnectomics/pytorch_connectomics, branch v1.0 at 7ec3284e, projects/CySGAN (MIT), read for names
    and settings; the parity tests compare forward passes, losses and gradients with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from nucleizoo.contracts import Importer
from nucleizoo.kinds import IMPORTERS

STAGES = 5
NETWORKS = {"Gf": "translators.image", "Gb": "translators.source"}
CRITICS = {"Dx": "critics.source", "Dy": "critics.image", "Ds": "map_critic"}


def _residual(theirs: str, ours: str) -> dict[str, str]:
    """Two blocks of a convolution and a norm, then squeeze and excitation."""
    blocks = {f"{theirs}.conv.0.{k}.{j}": f"{ours}.body.{k}.{j}" for k in (0, 1) for j in (0, 1)}
    return blocks | {f"{theirs}.conv.1.fc.{j}": f"{ours}.body.2.gate.{j}" for j in (0, 2)}


def _block(theirs: str, ours: str) -> dict[str, str]:
    """A convolution and a norm."""
    return {f"{theirs}.{j}": f"{ours}.{j}" for j in (0, 1)}


def _network() -> dict[str, str]:
    modules = _block("conv_in", "enter") | {"conv_out.0": "leave"}
    for i in range(STAGES):
        modules |= _block(f"down_layers.{i}.1", f"down.{i}.0")
        modules |= _residual(f"down_layers.{i}.2", f"down.{i}.1")
    for i in range(STAGES - 1):
        modules |= _block(f"up_layers.{i}.0", f"narrow.{i}") | _residual(f"up_layers.{i}.1", f"up.{i}")
        modules |= _block(f"feat_layers.{i}", f"guide.{i}")
    attention = {"g": "value", "theta": "query", "phi": "key", "W.0": "out", "W.1": "norm"}
    return modules | {f"non_local.{theirs}": f"attend.{ours}" for theirs, ours in attention.items()}


_CRITIC = {**{f"model.{3 * i}": f"layers.{i}" for i in range(5)}, "model.15": "score"}


@IMPORTERS.register("cysgan")
class CySGAN(Importer):
    """CySGAN's two networks and three critics, as trained on labels, contours and distances.

    The run has the training of 2022, as the code ran it then: see `legacy_critic` of the method and
    `legacy_background` of the target.
    """

    program = "PytorchConnectomics/pytorch_connectomics, v1.0 at 7ec3284e, projects/CySGAN"
    modules = {
        f"{theirs}.state_dict.{module}": f"{ours}.{name}"
        for networks, inner in ((NETWORKS, _network()), (CRITICS, _CRITIC))
        for theirs, ours in networks.items()
        for module, name in inner.items()
    }
    ignored = ("*.optimizer.*", "*.lr_scheduler.*")

    def settings(self, weights: Mapping[str, Tensor]) -> dict[str, Any]:
        """`configs/cysgan_nucexm_legacy.yaml` with the widths of the weights, for one folder of images."""
        first, critic, maps = (
            weights[f"{name}.weight"]
            for name in ("Gb.state_dict.conv_in.0", "Dx.state_dict.model.0", "Ds.state_dict.model.0")
        )
        return {
            "SYSTEM": {"PRECISION": "fp32"},
            "DATASET": {
                "SIZE": [17, 129, 129],
                "CHANNELS": first.shape[1],
                "IMAGE": {"NAME": "images", "SCALING": {"NAME": "dtype"}},
                "SOURCE": {"NAME": "labelled", "MIN_LABELLED": 1000, "SCALING": {"NAME": "dtype"}},
                "AUGMENT": {"NAME": "microscopy"},
            },
            "TARGET": {"NAME": "bcd", "DEPTH_RATIO": 2, "LEGACY_BACKGROUND": True},
            "METHOD": {
                "NAME": "cysgan",
                "GENERATOR": {"NAME": "unet", "WIDTH": len(first)},
                "DISCRIMINATOR": {"NAME": "strided", "WIDTH": len(critic)},
                "MAP_DISCRIMINATOR": {"NAME": "strided", "WIDTH": len(maps)},
                "LEGACY_CRITIC": True,
            },
            "SOLVER": {
                "OPTIMISER": {"NAME": "adamw", "BETAS": [0.9, 0.999]}, "LR": 2e-3, "BATCH": 4,
                "TOTAL": 100000, "WARMUP": 1000, "SCHEDULE": {"NAME": "cosine", "HOLD": 0.0},
            },
            "INFERENCE": {
                "WINDOW": [33, 257, 257],
                "STATISTICS": "tile",
                "BLENDING": {"NAME": "cysgan"},
                "DECODER": {
                    "NAME": "bcd", "SEED_CONTOUR": 0.2, "FOREGROUND": 0.7, "FOREGROUND_DISTANCE": -0.1,
                    "MIN_SIZE": 256,
                },
            },
            "MONITOR": {"SNAPSHOT": 1000, "SAVE": 5000},
        }  # fmt: skip
