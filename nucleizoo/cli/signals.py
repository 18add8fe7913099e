"""A scheduler's SIGTERM, and SIGHUP of a closed terminal, interrupt a command as Ctrl-C does."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_NUMBERS = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]


class EndedError(KeyboardInterrupt):
    """A signal other than that of Ctrl-C ends the command.

    Attributes:
        signal: which.
    """

    def __init__(self, number: int) -> None:
        super().__init__()
        self.signal = signal.Signals(number)


@contextmanager
def interrupted_by_signals() -> Iterator[None]:
    """Inside the block these signals raise `EndedError`, unless they are ignored, as under nohup.

    The second one ends the process at once.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may catch signals
        return

    def interrupt(number: int, frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)
        raise EndedError(number)

    kept = {one: signal.getsignal(one) for one in _NUMBERS}
    taken = [one for one, handler in kept.items() if handler is signal.SIG_DFL]
    for one in taken:
        signal.signal(one, interrupt)
    try:
        yield
    finally:
        for one in taken:
            signal.signal(one, kept[one])
