"""One configuration trained with several seeds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from yacs.config import CfgNode

from nucleizoo.build import Experiment
from nucleizoo.runs import Run
from nucleizoo.training.session import finished, train


def trained(config: CfgNode, name: str, seeds: int, folder: Path) -> Iterator[Run]:
    """Train a configuration with its own seed and those that follow it, into `<name>_seed<N>`.

    A run that is there already is used when it is finished, and continued otherwise.

    Args:
        config: from `api.load_config`.
        name: of the model.
        seeds: how many, at least 1.
        folder: where run folders are made.

    Yields:
        The runs; one that is not finished was told to stop, and is the last.

    Raises:
        UserError: as `training.session.train`, and for a method that finds no nuclei.
    """
    Experiment.check(config).check_segments()
    for seed in range(config.SYSTEM.SEED, config.SYSTEM.SEED + seeds):
        one = config.clone()
        one.defrost()
        one.SYSTEM.SEED = seed
        one.freeze()
        path = folder / f"{name}_seed{seed}"
        run = finished(path, one) or train(one, path, resume=True)
        yield run
        if not run.is_finished:
            return
