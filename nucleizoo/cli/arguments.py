"""What the commands share: parsing of arguments, and messages for errors."""

from __future__ import annotations

import argparse
import errno
import io
import logging
import os
import re
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from nucleizoo.cli.signals import EndedError, interrupted_by_signals
from nucleizoo.core.errors import RankError, UserError
from nucleizoo.core.format import first_line

_KEY = re.compile(r"[A-Z][A-Z0-9_]*(\.[A-Z][A-Z0-9_]*)*")

_NO_MEMORY = (
    "out of memory: for training lower SOLVER.BATCH, DATASET.SIZE or the WIDTH of the networks; for "
    'prediction set a smaller INFERENCE.WINDOW, such as "[256, 256]", so that large images are predicted in '
    "tiles, or predict by blocks, with --blocks and --max-memory"
)


_NO_THREADS = (
    "no thread could be started, since this user or container has as many processes and threads as it may; "
    "end others, allow more (ulimit -u, docker run --pids-limit), or use fewer: OMP_NUM_THREADS=1 in the "
    "environment, for training SYSTEM.WORKERS 0"
)


def parser_of(name: str, about: str, example: str) -> argparse.ArgumentParser:
    """The parser of one command, its example at the end of the help."""
    return argparse.ArgumentParser(
        f"nucleizoo {name}",
        description=about,
        epilog=example,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def read_words(
    parser: argparse.ArgumentParser, argv: Sequence[str] | None, override: str
) -> tuple[argparse.Namespace, list[str]]:
    """Parse a command's options, and return the words after them; KEY VALUE pairs `override` something.

    Exits with a message for unknown options.
    """
    parser.add_argument("pairs", nargs="*", metavar="KEY VALUE", help=f"override {override}")
    known, rest = parser.parse_known_args(argv)
    words = [*known.pairs, *rest]
    if strangers := [word for word in rest if word.startswith("--")]:
        parser.error(f"unknown option: {' '.join(strangers)}")
    return known, words


def split(words: list[str]) -> tuple[list[str], list[str]]:
    """Files, and the KEY VALUE pairs that follow them; a file may be called IMAGE.TIF."""
    keys = (i for i, word in enumerate(words) if is_key(word))
    first = next(keys, len(words))
    return words[:first], words[first:]


def is_key(word: str) -> bool:
    """Whether a word is a key of the configuration, whole or without its section, and not a file."""
    if not _KEY.fullmatch(word) or Path(word).exists():
        return False
    return "." in word or _ends_a_key(word)


def _ends_a_key(word: str) -> bool:
    """Whether a word without a dot is the end of a key; the messages of configurations give the whole one."""
    from nucleizoo.core.check import keys_called
    from nucleizoo.core.plugins import load_plugins
    from nucleizoo.defaults import DEFAULTS

    load_plugins()
    return bool(keys_called(word, DEFAULTS))


def steady_threads() -> None:
    """Let torch's threads spin for a moment before they sleep; call it before torch is loaded.

    Threads that spin while waiting slow down those that work: next to another busy process a step takes up
    to ten times as long. Sleeping at once makes steps of many small layers a third slower on an idle
    machine. A short spin, as GNU's library uses when there are too many threads, is nearly the best of both.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "1000")


def guarded(work: Callable[[], int], *, together: bool = False) -> int:
    """Run a command: user errors become a message, never a traceback.

    Args:
        work: returns the exit code.
        together: whether several processes of torchrun may run it.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # also where the machine has another encoding
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    logging.getLogger("tifffile").setLevel(logging.CRITICAL)  # what it sees, `io.tiff` says with its remedy
    try:
        with interrupted_by_signals():
            return _told(work, together)
    except EndedError as end:
        print(f"interrupted by {end.signal.name}; what was complete is kept", file=sys.stderr)
        return 128 + end.signal
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130


def _told(work: Callable[[], int], together: bool) -> int:
    """Run a command, and tell its errors."""
    try:
        if not together and os.environ.get("WORLD_SIZE", "1") != "1":
            if os.environ.get("RANK", "0") != "0":
                return 2
            raise UserError("torchrun is for training; run this command once, without torchrun")
        return work()
    except RankError:
        return 2  # another process has reported it
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"error: {_explained(error)}", file=sys.stderr)
        return 2
    except (MemoryError, RuntimeError) as error:
        if _is_of_a_thread(error):
            print(f"error: {_NO_THREADS} ({first_line(error)})", file=sys.stderr)
            return 2
        from nucleizoo.ops.out_of_memory import is_out_of_memory  # loads torch, as what raises it has

        if not is_out_of_memory(error):
            raise
        print(f"error: {_NO_MEMORY} ({first_line(error)})", file=sys.stderr)
        return 2


def _is_of_a_thread(error: BaseException) -> bool:
    """Whether an error is that of a thread that could not start, which has neither a type nor a number."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is not None and trace.tb_frame.f_code is threading.Thread.start.__code__


def _explained(error: OSError) -> str:
    place = f" ({error.filename})" if error.filename else ""
    if error.errno == errno.ENOMEM:
        return f"{_NO_MEMORY}{place}"
    if error.errno == errno.ENAMETOOLONG:
        return f"a name is too long for the disk{place}; give the file or the folder a shorter one"
    if error.errno == errno.ENOSPC:
        return (
            f"the disk is full{place}; existing files are intact. Free some space and run the command "
            "again, with --resume for training and prediction by blocks"
        )
    return f"{error.strerror or error}{place}"
