"""Where a training starts: the weights of a model that ships, or of another run, in place of random ones."""

from __future__ import annotations

import logging
from pathlib import Path

import torch
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

    Parameters and buffers are taken where name and shape are the same; the others stay. The log names them.

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
    fitting = [key for key, value in own.items() if key in given and given[key].shape == value.shape]
    if not fitting:
        raise ConfigError(
            f"SOLVER.FROM: no weight of {name} (METHOD '{run.config.METHOD.NAME}') has name and shape of one "
            f"of this METHOD '{config.METHOD.NAME}'; use the METHOD of {run.path}/config.yaml"
        )
    for key in fitting:
        own[key].copy_(given[key])
    left = {
        "of another shape": [key for key in own if key in given and key not in fitting],
        "not in this method": sorted(given.keys() - own.keys()),
        "new": [key for key in own if key not in given],
    }
    told = "".join(f"; {why}: {len(keys)} ({listed(keys)})" for why, keys in left.items() if keys)
    log.info("start from %s: %d of %d tensors taken%s", name, len(fitting), len(own), told)
