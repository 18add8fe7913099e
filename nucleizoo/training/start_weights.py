"""Where a training starts: the weights of a model that ships, or of another run, in place of random ones.

Convolutions of an image model start those of a volume model, repeated along z [1].

[1] Carreira and Zisserman, "Quo vadis, action recognition? A new model and the Kinetics dataset", 2017,
    section 2.4: bootstrapping 3D filters from 2D filters.
"""

from __future__ import annotations

import logging
from pathlib import Path

import torch
from torch import Tensor, nn
from yacs.config import CfgNode

from nucleizoo import models
from nucleizoo.contracts import Method
from nucleizoo.core.errors import ConfigError
from nucleizoo.core.format import listed
from nucleizoo.core.registry import nearest
from nucleizoo.runs import Run, saved_state, weights_of

log = logging.getLogger(__name__)


def folder_of(name: str) -> Path:
    """The folder of SOLVER.FROM.

    Args:
        name: of a model that ships, or a run folder; a relative path starts from the folder that the command
            runs in.

    Raises:
        ConfigError: when it is neither.
        UserError: when the model is damaged.
    """
    known = models.shipped()
    if name in known:
        return models.named(name)
    if Path(name).is_dir():
        return Path(name)
    near = nearest(name, known)
    hint = f"did you mean {near}? " if near else ""
    raise ConfigError(
        f"SOLVER.FROM: '{name}' is neither a model nor a run folder; {hint}models: "
        f"{', '.join(known) or 'none'}"
    )


@torch.no_grad()
def load(method: Method, config: CfgNode) -> None:
    """Give a method the weights of SOLVER.FROM, those for prediction.

    Parameters and buffers are taken where name and shape are the same; kernels of images also by volumes,
    where they see in planes that are alike what they saw in an image. The others stay. The log names them.

    Args:
        method: before its first step.
        config: of the training.

    Raises:
        ConfigError: when SOLVER.FROM names nothing, or none of its weights fits.
        RunError: when it has no weights, or they are damaged.
    """
    name: str = config.SOLVER.FROM
    run = Run.open(folder_of(name), config.SYSTEM.PLUGINS)
    given, own = saved_state.read_weights(run.path), weights_of(method)
    same = {key: given[key] for key, value in own.items() if key in given and given[key].shape == value.shape}
    fitting = same | _repeated_along_z(method, given)
    if not fitting:
        raise ConfigError(
            f"SOLVER.FROM: no weight of {name} (METHOD '{run.config.METHOD.NAME}') has name and shape of one "
            f"of this METHOD '{config.METHOD.NAME}'; use the METHOD of {run.path}/config.yaml"
        )
    for key, value in fitting.items():
        own[key].copy_(value)
    left = {
        "of another shape": [key for key in own if key in given and key not in fitting],
        "not in this method": sorted(given.keys() - own.keys()),
        "new": [key for key in own if key not in given],
    }
    told = "".join(f"; {why}: {len(keys)} ({listed(keys)})" for why, keys in left.items() if keys)
    log.info("start from %s: %d of %d tensors taken%s", name, len(fitting), len(own), told)


def _repeated_along_z(method: Method, given: dict[str, Tensor]) -> dict[str, Tensor]:
    """Kernels (A, B, *K) of images, for the convolutions of volumes that have their names: (A, B, depth, *K).

    They are divided by the number of planes that reach a voxel, so that their sum stays.
    """
    made = {}
    for name, layer in method.named_modules():
        kernel = given.get(key := f"{name}.weight")
        if kernel is None or not isinstance(layer, nn.Conv3d | nn.ConvTranspose3d):
            continue
        wanted, depth = layer.weight.shape, layer.kernel_size[0]
        if kernel.ndim == 4 and (*kernel.shape[:2], depth, *kernel.shape[2:]) == wanted:
            planes = depth / (layer.stride[0] if isinstance(layer, nn.ConvTranspose3d) else 1)
            made[key] = kernel[:, :, None].expand(wanted) / planes
    return made
