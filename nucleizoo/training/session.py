"""One training from its configuration to its end: what is built, in which order, and how it resumes."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path

from yacs.config import CfgNode

from nucleizoo import build
from nucleizoo.build import Experiment
from nucleizoo.contracts import Dataset, Hook, Method, Program
from nucleizoo.core.config import entries_plugins
from nucleizoo.core.errors import RunError
from nucleizoo.core.format import listed
from nucleizoo.ops.nn.norms import plain_norms
from nucleizoo.runs import Run, data_note
from nucleizoo.training import start_weights
from nucleizoo.training.autoconfig import completed
from nucleizoo.training.batches import Batches
from nucleizoo.training.distributed.process_group import process_group
from nucleizoo.training.distributed.ranks import Ranks
from nucleizoo.training.hooks import Average, Every, Save
from nucleizoo.training.label_free import LabelFree
from nucleizoo.training.norm_statistics import Remembered
from nucleizoo.training.randomness import seed_everything
from nucleizoo.training.report import Report
from nucleizoo.training.signals import stopped_by_signals
from nucleizoo.training.trainer import Trainer
from nucleizoo.training.validation import Validation
from nucleizoo.training.workers import stream

log = logging.getLogger(__name__)


def train(config: CfgNode, out: str | Path, *, resume: bool = False, hooks: Sequence[Hook] = ()) -> Run:
    """Train what a configuration describes into the run folder `out`.

    Started by torchrun, all processes call this; the first one reads and writes the run folder.

    Args:
        config: from `load_config`.
        out: the run folder.
        resume: continue the run in `out` from its last checkpoint, bit for bit; if there is none yet,
            start it.
        hooks: called after those of MONITOR.HOOKS, only by the first process.

    Raises:
        UserError: for everything that the user can fix; see `core.errors`.
    """
    with process_group() as ranks, ExitStack() as held:
        Experiment.check(config)  # so that mistakes show before files are read
        opened: list[Dataset] = []  # the images, where sizes were measured on them
        run, begun = ranks.from_first(lambda: _opened(config, Path(out), resume, opened, held))
        trainer, batches = _prepared(run, ranks, hooks, *opened)
        if not begun and ranks.is_first:
            run.create(program=_versions(trainer.method))
        if ranks.is_first:
            _note_files(run, batches, begun)
        if begun:
            _continue(trainer, run)
        system = run.config.SYSTEM
        coming = stream(
            batches, trainer.iteration, trainer.total, system.WORKERS, system.PLUGINS, ranks.local_count
        )
        with stopped_by_signals(trainer), closing(coming):
            trainer.train(coming)
        if trainer.iteration < trainer.total:
            log.info("stopped at %d of %d; continue with --resume", trainer.iteration, trainer.total)
    return run


def _opened(
    config: CfgNode, path: Path, resume: bool, opened: list[Dataset], held: ExitStack
) -> tuple[Run, bool]:
    """The run of a folder, with a complete configuration, and whether it has begun.

    Its folder is locked until `held` is closed; images that are opened are appended to `opened`.
    """

    def begun() -> bool:
        is_resumed = resume and (path / "config.yaml").is_file()
        if not is_resumed:
            Run.check_free(path)
        return is_resumed

    begun()  # tells what is wrong before a folder is made
    held.enter_context(Run.held(path))
    if begun():
        run = reopened(path, config)
        if run.is_imported:
            raise RunError(
                f"{path} was imported, as weights alone, and cannot be resumed; begin a training with them: "
                f"--from {path} and another --out"
            )
        return run, True
    whole, images = completed(config)
    opened += [images] if images else []
    return Run(path, whole), False


def _prepared(
    run: Run, ranks: Ranks, hooks: Sequence[Hook], images: Dataset | None = None
) -> tuple[Trainer, Batches]:
    """The trainer of a run, before its first step, and the batches of this rank."""
    config = run.config
    seed_everything(ranks.seed(config.SYSTEM.SEED))
    experiment = Experiment.of(config)
    if isinstance(experiment.method, Program):
        experiment.method.folder = run.path / "program"
    batches = Batches.of(
        config, (ranks.number, ranks.count), target=experiment.method.task.target, images=images
    )
    if config.SOLVER.FROM and ranks.is_first and not run.checkpoints():  # the trainer gives them to all ranks
        start_weights.load(experiment.method, config)
    if config.MONITOR.TRUTH:
        experiment.check_segments()
    kept = _hooks(experiment, run, batches, ranks, hooks)
    return Trainer(experiment.method, config, kept, ranks), batches


def _versions(method: Method) -> dict[str, str]:
    """Those of the program that a method is, if it is one.

    Raises:
        MissingProgramError: when it is not there.
    """
    return method.versions() if isinstance(method, Program) else {}


def _note_files(run: Run, batches: Batches, begun: bool) -> None:
    """Note the files of a training at its begin, and warn of other ones when it is resumed."""
    files = [file for one in (batches.image, batches.source) if one for file in one.used_files()]
    root = Path(run.config.DATASET.ROOT)
    if not begun or not (run.path / data_note.FILE).is_file():
        data_note.write(run.path, files, root)
    elif changed := data_note.changes(run.path, files, root):
        log.warning(
            "%s: the images have changed since this training began (%s); it goes on with the present ones, "
            "and what was measured on the old ones stays: train anew with another --out, or restore them",
            run.path, changed,
        )  # fmt: skip


def reopened(path: Path, config: CfgNode) -> Run:
    """The run in a folder, to be resumed or used with `config`; sizes that it measured are kept.

    Raises:
        RunError: when there is no run, or one of another configuration.
    """
    run = Run.open(path, [*config.SYSTEM.PLUGINS, *entries_plugins(config)])
    config, _ = completed(config, known=run.config)
    run.check_same(config)
    run.config = config  # what may differ, such as thresholds, holds from now on
    return run


def finished(path: Path, config: CfgNode) -> Run | None:
    """The run in a folder if it needs no more training; None when `train` has to start or resume it.

    Raises:
        RunError: when the folder holds something else, or a run of another configuration.
    """
    if not (path / "config.yaml").is_file():
        Run.check_free(path)
        return None
    run = reopened(path, config)
    return run if run.is_finished else None


def _continue(trainer: Trainer, run: Run) -> None:
    """Load the newest checkpoint of the run, if there is one yet.

    Raises:
        RunError: when the checkpoint is of other networks.
    """
    state = trainer.ranks.from_first(run.latest)
    try:
        if state is not None:
            trainer.load_state_dict(state)
    except (RuntimeError, KeyError, TypeError, ValueError) as error:
        raise RunError(
            f"{run.path}/checkpoints: the newest does not match the networks of {run.path}/config.yaml; it "
            "was copied from another run, or written by another version. Train into another --out"
        ) from error
    if trainer.ranks.is_first:
        run.write_config()


def _hooks(
    experiment: Experiment, run: Run, batches: Batches, ranks: Ranks, hooks: Sequence[Hook]
) -> list[Hook]:
    """All hooks, in the order in which they run; averaging comes before everything that uses it."""
    config = experiment.config
    monitor, decay = config.MONITOR, config.SOLVER.AVERAGE
    if not ranks.is_first:
        return [Save(run, monitor.SAVE)]
    own = [*build.hooks(config, run), *hooks]
    look_at = partial(Every, monitor.VALIDATE, from_start=any(hook.from_start for hook in own))
    report = Report(run, monitor.LOG, monitor.TENSORBOARD)
    kept: list[Hook] = [Average(decay)] if decay else []
    kept += [report, Every(monitor.SNAPSHOT, report.panel)]
    remembered = None
    if batches.image and experiment.method.segments:
        if plain := plain_norms(experiment.method):
            log.warning(
                "METHOD %s: %s use the statistics of each tile in prediction, not those of the training, so "
                "tiles may differ; build them from nucleizoo.ops.nn.norms", config.METHOD.NAME, listed(plain),
            )  # fmt: skip
        remembered = Remembered(config, batches.image, batches.augment)
        if monitor.VALIDATE:
            look = LabelFree(config, report, batches.image, batches.source, remembered)
            kept.append(look_at(look, look.names))
    if monitor.TRUTH:
        truth = Validation(config, report, remembered)
        kept.append(look_at(truth, truth.names))
    return [*kept, *own, Save(run, monitor.SAVE, remembered)]
