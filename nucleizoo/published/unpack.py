"""Unpack archives safely, as untrusted files."""

from __future__ import annotations

import lzma
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO

from nucleizoo.core.errors import UserError

SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")

MAX_MEMBERS = 200_000
MAX_BYTES = 200 * 10**9
MAX_RATIO = 200
"""Unpacked bytes per packed byte: labels shrink to a hundredth, zip bombs to less than a thousandth."""
MAX_PADDING = 1 << 20
"""Bytes of zeros after the last member of a tar, which programs fill up to a whole record."""

_DAMAGED = (
    zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, NotImplementedError,
    UnicodeDecodeError, OSError,
)  # fmt: skip


@dataclass(frozen=True)
class _Member:
    """One file of an archive: declared name and size, what it is if not a plain file, its bytes."""

    name: str
    size: int
    strange: str
    opened: Callable[[], IO[bytes]]


def unpack(archive: Path, folder: Path) -> None:
    """Unpack an archive into a folder that nothing else is written to.

    Only plain files are written, with the permissions of new files.

    Args:
        archive: a file with one of `SUFFIXES`.
        folder: where to; it must exist. What was written before an error stays there.

    Raises:
        UserError: when it is damaged or of another kind; when a member would be written outside of the
            folder or over another one, or is a link or device; or when it unpacks to more than
            `MAX_MEMBERS`, `MAX_BYTES` or `MAX_RATIO`.
        OSError: when the disk is full or fails.
    """
    try:
        with _members(archive) as members:
            _write(archive, folder, members)
    except _DAMAGED as error:
        if getattr(error, "errno", None) is not None:  # of the disk; gzip and bzip2 give no number
            raise
        reason = f"{type(error).__name__}: {error}".rstrip(": ")
        raise UserError(
            f"{archive}: cannot be unpacked ({archive.stat().st_size} bytes): {reason}; it may be damaged or "
            "truncated: remove it and download it again"
        ) from error


def is_archive(path: Path) -> bool:
    """Whether the name is that of an archive."""
    return path.name.lower().endswith(SUFFIXES)


def _write(archive: Path, folder: Path, members: Iterator[_Member]) -> None:
    limit = min(MAX_BYTES, MAX_RATIO * archive.stat().st_size)
    total = 0
    for count, member in enumerate(members, start=1):
        total += member.size
        if count > MAX_MEMBERS or total > limit:
            raise UserError(
                f"{archive}: unpacks to more than {MAX_MEMBERS:,} files or {limit:,} bytes, too much "
                "for its size; if you trust it, unpack it by hand"
            )
        path = folder / _relative(archive, member)
        with member.opened() as source, _created(archive, member, path) as target:
            shutil.copyfileobj(source, target, 1 << 20)


def _created(archive: Path, member: _Member, path: Path) -> IO[bytes]:
    """Open a new file, and create its folders."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("xb")
    except OSError as error:
        raise UserError(
            f"{archive}: '{member.name}' cannot be written: {error.strerror}. A name may occur only once, "
            "as a file or a folder, in all archives of a set; get them from their origin, or unpack by hand"
        ) from error


def _relative(archive: Path, member: _Member) -> PurePosixPath:
    """The path of a member below the folder."""
    path = PurePosixPath(member.name)
    outside = not path.parts or path.is_absolute() or ".." in path.parts or set(member.name) & set("\\:\0")
    if outside or member.strange:
        why = member.strange or "would be written outside of the folder"
        raise UserError(
            f"{archive}: '{member.name}' {why}; nothing was unpacked. Download the archive from its origin"
        )
    return path


@contextmanager
def _members(archive: Path) -> Iterator[Iterator[_Member]]:
    """The members of an archive that are not folders, while it is open."""
    if archive.name.lower().endswith(".zip"):
        with zipfile.ZipFile(archive) as file:
            yield _of_zip(file)
    else:
        with tarfile.open(archive) as tar:
            yield _of_tar(tar)


def _of_zip(file: zipfile.ZipFile) -> Iterator[_Member]:
    for info in file.infolist():
        mode = info.external_attr >> 16
        kind = stat.S_IFMT(mode)
        strange = "is a link or device" if kind not in (0, stat.S_IFREG, stat.S_IFDIR) else ""
        strange = "is encrypted" if info.flag_bits & 1 else strange
        if not info.is_dir() or strange:
            yield _Member(info.filename, info.file_size, strange, partial(file.open, info))


def _of_tar(file: tarfile.TarFile) -> Iterator[_Member]:
    for info in file:
        strange = "" if info.isreg() or info.isdir() else "is a link or device"
        if not info.isdir():
            yield _Member(info.name, info.size, strange, partial(_bytes, file, info))
    assert file.fileobj is not None
    rest = file.fileobj.read(MAX_PADDING + 1)  # to the end, where packed streams have their checksum
    if not rest:
        raise tarfile.ReadError("the end is missing")
    if len(rest) > MAX_PADDING or rest.strip(b"\0"):
        raise tarfile.ReadError("there are data after the end")


def _bytes(file: tarfile.TarFile, info: tarfile.TarInfo) -> IO[bytes]:
    stream = file.extractfile(info)
    assert stream is not None
    return stream
