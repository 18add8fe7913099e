"""Ctrl-C and a scheduler's SIGTERM end a training after the current step, not in the middle of it."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from nucleizoo.contracts.hook import Training

log = logging.getLogger(__name__)

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def stopped_by_signals(trainer: Training) -> Iterator[None]:
    """Inside the block, the first signal sets `trainer.stop`, a second one interrupts at once."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may catch signals
        return

    def stop(number: int, frame: FrameType | None) -> None:
        if trainer.stop:
            raise KeyboardInterrupt
        trainer.stop = True
        log.warning("stopping after this step and saving; interrupt again to stop at once without saving")

    kept = {one: signal.signal(one, stop) for one in _SIGNALS}
    try:
        yield
    finally:
        for one, handler in kept.items():
            signal.signal(one, handler)
