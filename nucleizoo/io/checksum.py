"""A checksum in a result, of the result itself, which tells whether somebody has changed it.

It stands behind the mark of nucleizoo and is of all bytes, with zeros in its own place, so that copies with
other dates are known as well. A table of CSV has no room for it: a hidden file beside it says the checksum.
"""

from __future__ import annotations

import os
import re
import zlib
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

_BEFORE = ", checksum "
_DIGITS = 32
BLANK = _BEFORE + "0" * _DIGITS
"""What a file says until its checksum is known."""

_SAID = re.compile(rb", checksum ([0-9a-f]{32})")
_SAID_IN_PNG = re.compile(rb", checksum ([0-9a-f]{32}).{4}", re.DOTALL)
"""The same, and the CRC of the chunk of a PNG that ends with it."""
_LONGEST = len(BLANK) + 4

_PNG = b"\x89PNG"
_CHUNK_OF_PNG = b"tEXtSoftware\0nucleizoo, checksum "
_AT_ONCE = 1 << 20
"""Bytes that a thread has in memory."""
_THREADS = 8
"""Files of a Zarr folder that are read at once, since on network disks each takes long to open."""
_OF_SYSTEMS = re.compile(r"\._.*|\.DS_Store|Thumbs\.db|desktop\.ini", re.IGNORECASE)
"""Files that file managers leave in folders."""


class _Found(NamedTuple):
    """The checksum of a file, and the one that it names with its place in bytes; '' and -1 for none."""

    checksum: str
    said: str
    place: int


def add_checksum(path: Path) -> None:
    """Fill in the checksum of a complete file, or of a Zarr folder in the metadata of its root.

    Raises:
        ValueError: when there is no room for it.
        OSError: when the disk fails.
    """
    file = _root(path)
    found = _scanned(file)
    if not found.said:
        raise ValueError(f"{file}: has no room for a checksum")
    digits = (_of_folder(path) if path.is_dir() else found.checksum).encode()
    with file.open("r+b") as written:
        if written.read(len(_PNG)) == _PNG:
            digits += zlib.crc32(_CHUNK_OF_PNG + digits).to_bytes(4, "big")
        written.seek(found.place)
        written.write(digits)


def with_checksum(text: str) -> str:
    """A text with its checksum filled in, where there is room for one."""
    return text.replace(BLANK, _BEFORE + of_text(text), 1)


def of_text(text: str) -> str:
    """The checksum of a text, as it is in a file."""
    blank = _SAID.sub(BLANK.encode(), text.encode("utf-8", "backslashreplace"), count=1)
    return sha256(blank).hexdigest()[:_DIGITS]


def is_changed(path: Path) -> bool:
    """Whether somebody has changed a result since it was written; False where no checksum is known.

    Raises:
        OSError: when it cannot be read.
    """
    found = _scanned(_root(path))
    if path.is_dir():
        return bool(found.said) and found.said != _of_folder(path)
    return found.checksum not in (_noted(path) or [found.said or found.checksum])


def note_of(table: Path) -> Path:
    """The hidden file that says the checksum of a table."""
    return table.with_name(f".{table.name}.sum")


def note(table: Path, checksum: str) -> str:
    """What the hidden file of a table is to say before the table is replaced by one of another checksum.

    It has that of the older table, too: a process may be killed after it wrote this file alone.
    """
    older = [of_file(table)] if table.exists() else []
    return "\n".join([*older, checksum]) + "\n"


def of_file(path: Path) -> str:
    """The checksum of a file."""
    return _scanned(path).checksum


def _noted(table: Path) -> list[str]:
    file = note_of(table)
    return file.read_text(encoding="utf-8", errors="replace").split() if file.is_file() else []


def _root(path: Path) -> Path:
    """The file that has room for the checksum."""
    return path / "zarr.json" if path.is_dir() else path


def _scanned(path: Path) -> _Found:
    total, start, rest, said, place = sha256(), 0, b"", "", -1
    with path.open("rb") as file:
        pattern = _SAID_IN_PNG if file.read(len(_PNG)) == _PNG else _SAID
        file.seek(0)
        while piece := file.read(_AT_ONCE):
            text = rest + piece
            if place < 0 and _BEFORE.encode() in text and (match := pattern.search(text)):
                said, place = match[1].decode(), start + match.start(1)
                begin, end = match.start(1), match.end()
                text = text[:begin] + b"0" * (end - begin) + text[end:]
            done = max(len(text) - _LONGEST, 0)
            total.update(text[:done])
            start, rest = start + done, text[done:]
    total.update(rest)
    return _Found(total.hexdigest()[:_DIGITS], said, place)


def _of_folder(folder: Path) -> str:
    """The checksum of the names and contents of all files in a folder; links count as what they name."""
    files = sorted(
        os.path.relpath(os.path.join(place, name), folder)
        for place, folders, names in os.walk(folder)
        for name in [*names, *(one for one in folders if os.path.islink(os.path.join(place, one)))]
        if not _OF_SYSTEMS.fullmatch(name)
    )
    with ThreadPoolExecutor(_THREADS) as threads:
        each = threads.map(lambda name: _of_entry(folder / name), files)
        lines = (f"{Path(name).as_posix()}\0{one}\0" for name, one in zip(files, each, strict=True))
        total = sha256("".join(lines).encode("utf-8", "surrogateescape"))
    return total.hexdigest()[:_DIGITS]


def _of_entry(path: Path) -> str:
    return os.readlink(path) if path.is_symlink() else of_file(path)
