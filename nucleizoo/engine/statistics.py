"""Statistics that the norms of a network take in tiles instead of those of each tile."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor
from yacs.config import CfgNode

from nucleizoo.batches import Batches
from nucleizoo.core.errors import RunError, UserError
from nucleizoo.ops.statistics import Statistics
from nucleizoo.ops.windows import slide

CROPS = 64
"""Crops of the training that its statistics are pooled over, about."""

Network = Callable[..., Tensor]
"""(1, C, *window) -> (1, K, *window), with the keyword `into` of `ops.statistics.watched`."""


def of_picture(network: Network, picture: Tensor, window: tuple[int, ...]) -> Statistics:
    """What the norms see of a picture (1, C, *S) in a first pass in tiles that hardly overlap, pooled.

    This comes near what they see of the whole picture at once and is not the same: from the second layer
    on, the pass has normalised with the statistics of tiles. Exact ones would take a pass a layer.
    """
    seen = Statistics()
    slide(partial(network, into=seen), picture, window, 0.0)
    return seen


def of_training(network: Network, config: CfgNode, domain: str, device: torch.device) -> Statistics:
    """What the norms see of the first crops that the training was given, pooled.

    The crops are drawn anew: they depend on the seed alone, and no checkpoint need hold what follows from
    it. For that the pictures of the training must be where the configuration says.

    Args:
        network: as trained.
        config: of the training.
        domain: of the crops, 'image' or 'source'; a method that never sees images is given its source.
        device: of the network.

    Raises:
        RunError: when the training's pictures are not there.
    """
    try:
        batches = Batches.of(config)
    except UserError as error:
        raise RunError(
            f"INFERENCE.STATISTICS training draws crops of the training again, but {error}; put its pictures "
            "back, or take INFERENCE.STATISTICS image"
        ) from error
    seen = Statistics()
    for iteration in range(-(-CROPS // len(batches.places))):
        batch = batches[iteration]
        network(batch.get(domain, batch["source"]).to(device), into=seen)
    return seen
