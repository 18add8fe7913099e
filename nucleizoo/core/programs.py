"""Other people's programs: Python packages and commands that are looked for when they are used."""

from __future__ import annotations

import importlib
import importlib.metadata
import logging
import os
import shutil
import subprocess
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType

from nucleizoo.core.errors import MissingProgramError, ProgramError
from nucleizoo.core.format import first_line

log = logging.getLogger(__name__)

_TOLD = 12
"""Last lines of a program that a message repeats."""


def module(name: str, package: str) -> ModuleType:
    """Import a module of a package that may not be installed.

    Raises:
        MissingProgramError: when it cannot be imported.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        missing = "" if error.name == name.partition(".")[0] else f" lacks '{error.name}' and"
        raise MissingProgramError(
            f"{package}{missing} is not installed here; pip install {package}, and look whether its "
            "requirements go with those of nucleizoo"
        ) from error
    except Exception as error:  # of a stranger's code, such as libraries that do not go together
        raise MissingProgramError(
            f"{package} is installed, but cannot be imported: {type(error).__name__}: {first_line(error)}"
        ) from error


def version(package: str) -> str:
    """The version of an installed package, 'unknown' where it does not say."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "unknown"


def command(name: str, folder: str, advice: str) -> Path:
    """Where a command is.

    Args:
        name: of it.
        folder: that it is in; '' looks in PATH.
        advice: how to get it, which ends the message.

    Raises:
        MissingProgramError: when it is not there.
    """
    found = shutil.which(name, path=folder or None)
    if found is None:
        raise MissingProgramError(f"the command {name} is not in {folder or 'PATH'}; {advice}")
    return Path(found)


def version_beside(found: Path, package: str) -> str:
    """The version of a package in the environment of a command, 'unknown' where that is not told."""
    python = shutil.which("python", path=str(found.resolve().parent))
    asked = f"from importlib.metadata import version; print(version({package!r}))"
    return version_said(Path(python), "-c", asked) if python else "unknown"


def version_said(*words: str | Path) -> str:
    """The last line that a command says, 'unknown' where it fails."""
    told = subprocess.run(words, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    return told.stdout.strip().rpartition("\n")[2] or "unknown" if told.returncode == 0 else "unknown"


def run(words: Sequence[str | Path], environment: Mapping[str, str], *, shown: bool = False) -> None:
    """Run a command to its end.

    Args:
        words: the command and its arguments.
        environment: variables besides those of this process.
        shown: whether what it says is logged; otherwise only a failure tells the last of it.

    Raises:
        ProgramError: when it fails.
    """
    name, last = Path(words[0]).name, deque[str](maxlen=_TOLD)
    log.debug("%s", " ".join(map(str, words)))
    process = subprocess.Popen(
        [str(word) for word in words], env=os.environ | dict(environment), text=True, errors="replace",
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        for line in filter(None, map(str.strip, process.stdout)):
            last.append(line)
            if shown:
                log.info("%s: %s", name, line)
        code = process.wait()
    finally:
        process.stdout.close()
        if process.poll() is None:
            process.terminate()
            process.wait()
    if code:
        said = "\n  ".join(last) or "it said nothing"
        raise ProgramError(f"{name} failed with the exit code {code}:\n  {said}")
