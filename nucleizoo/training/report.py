"""What a user sees of a training: progress, losses, scores and pictures."""

from __future__ import annotations

import json
import logging
import sys
import time
from typing import IO, Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from nucleizoo.contracts import Hook
from nucleizoo.contracts.hook import Training
from nucleizoo.core.files import write_texts
from nucleizoo.core.format import duration
from nucleizoo.io import write_png
from nucleizoo.runs import Run, log_rows

log = logging.getLogger(__name__)

SHOWN = 4  # crops in a panel


class Events(Protocol):
    """The part of TensorBoard's SummaryWriter that is used here."""

    def add_scalar(self, tag: str, value: float, step: int) -> None: ...  # noqa: D102
    def add_image(self, tag: str, image: Any, step: int, *, dataformats: str) -> None: ...  # noqa: D102
    def close(self) -> None: ...  # noqa: D102


class Report(Hook):
    """Losses to `log.jsonl` and TensorBoard, progress to the terminal.

    On a terminal a bar shows rate, time left and losses; elsewhere there is a plain line every
    `every` steps.

    Args:
        run: its folder gets `log.jsonl`, the events and the snapshots.
        every: steps between two entries.
        tensorboard: write events, if the package is installed.
    """

    def __init__(self, run: Run, every: int, tensorboard: bool) -> None:
        self.run, self.every, self.tensorboard = run, every, tensorboard
        self.events: Events | None = None
        self.lines: IO[str] | None = None
        self.bar: Any = None
        self.begun, self.spent, self.first = 0.0, 0.0, 0

    def before_training(self, trainer: Training) -> None:
        """Open everything, at the iteration that training starts from."""
        self.begun, self.first = time.monotonic(), trainer.iteration
        self.lines, self.spent = _continued(self.run, trainer.iteration)
        if self.tensorboard:
            self.events = _events(self.run, trainer.iteration)
        if sys.stderr.isatty():
            self.bar = tqdm(total=trainer.total, initial=trainer.iteration, unit="step", dynamic_ncols=True)
        log.info(
            "training on %s%s in %s, %d steps, into %s",
            trainer.device, f" with {count} processes" if (count := trainer.processes) > 1 else "",
            str(trainer.precision).removeprefix("torch."), trainer.total, self.run.path,
        )  # fmt: skip

    def after_step(self, trainer: Training) -> None:
        """Report when it is time."""
        if self.bar is not None:
            self.bar.update()
        if trainer.iteration % self.every == 0 or trainer.iteration == trainer.total:
            losses = {name: float(value) for name, value in trainer.losses.items()}
            self.scalars(trainer.iteration, losses, "loss")
            self._progress(trainer, " ".join(f"{k} {v:.3f}" for k, v in losses.items()))

    def scalars(self, iteration: int, values: dict[str, float], group: str) -> None:
        """Write named numbers of one iteration."""
        if self.lines is not None:
            seconds = round(self.spent + time.monotonic() - self.begun, 1)
            row = {"iteration": iteration, "seconds": seconds, group: values}
            self.lines.write(json.dumps(row) + "\n")
            self.lines.flush()
        if self.events is not None:
            for name, value in values.items():
                self.events.add_scalar(f"{group}/{name}", value, iteration)

    def picture(self, iteration: int, name: str, image: NDArray[np.uint8]) -> None:
        """Write a picture (Y, X) or (Y, X, 3) of one iteration."""
        folder = self.run.path / "snapshots"
        folder.mkdir(exist_ok=True)
        write_png(folder / f"{name}_{iteration:08d}.png", image)
        if self.events is not None:
            layout = "HWC" if image.ndim == 3 else "HW"
            self.events.add_image(name, image, iteration, dataformats=layout)

    def panel(self, trainer: Training) -> None:
        """Write the method's snapshot of the latest batch: one row per kind of picture."""
        batch = {key: value[:SHOWN] for key, value in trainer.batch.items()}
        self.picture(trainer.iteration, "panel", mosaic(trainer.method.snapshot(batch)))

    def close(self) -> None:
        """Close everything."""
        for one in (self.events, self.lines, self.bar):
            if one is not None:
                one.close()

    def _progress(self, trainer: Training, losses: str) -> None:
        if self.bar is not None:
            self.bar.set_postfix_str(losses)
            return
        rate = (trainer.iteration - self.first) / max(time.monotonic() - self.begun, 1e-9)
        left = (trainer.total - trainer.iteration) / max(rate, 1e-9)
        log.info(
            "%d/%d  %.2f steps/s  %s left  %s",
            trainer.iteration, trainer.total, rate, duration(left), losses,
        )  # fmt: skip


def mosaic(pictures: dict[str, Tensor]) -> NDArray[np.uint8]:
    """Rows of pictures (B, C, *S) in [-1, 1] -> one picture; of volumes, the middle plane.

    It is grey if all have one channel, else in colour: the first three channels of maps are red, green and
    blue, and the others are not shown.
    """
    colours = 1 if all(batch.shape[1] == 1 for batch in pictures.values()) else 3
    rows = []
    for batch in pictures.values():
        plane = batch[:, :3].float()
        if plane.ndim > 4:
            plane = plane[:, :, plane.shape[2] // 2]
        if plane.shape[1] == 1:
            plane = plane.expand(-1, colours, -1, -1)
        missing = colours - plane.shape[1]  # they are black
        plane = torch.nn.functional.pad(plane, (0, 0, 0, 0, 0, missing), value=-1.0)
        framed = torch.nn.functional.pad(plane, (1, 1, 1, 1), value=1.0)
        rows.append(torch.cat(list(framed), dim=2))
    levels = ((torch.cat(rows, dim=1).clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
    picture: NDArray[np.uint8] = levels.permute(1, 2, 0).squeeze(2).contiguous().cpu().numpy()
    return picture


def _continued(run: Run, iteration: int) -> tuple[IO[str], float]:
    """The log without the rows to be written again, open at its end, and the seconds spent so far."""
    file = run.path / log_rows.FILE
    kept = [row for row in run.log() if row["iteration"] <= iteration]
    if file.is_file():
        write_texts({file: "".join(f"{json.dumps(row)}\n" for row in kept)})
    return file.open("a", encoding="utf-8"), float(kept[-1]["seconds"]) if kept else 0.0


def _events(run: Run, iteration: int) -> Events | None:
    try:
        from torch.utils.tensorboard.writer import SummaryWriter
    except ImportError:
        log.warning(
            "no TensorBoard events, because TensorBoard is not installed: pip install "
            "'nucleizoo[tensorboard]', or set MONITOR.TENSORBOARD false"
        )
        return None
    try:
        writer: Events = SummaryWriter(str(run.path), purge_step=iteration + 1)
    except UnicodeEncodeError:
        log.warning("no TensorBoard events, because the name of %s is not UTF-8", run.path)
        return None
    return writer
