"""Results in the place of older ones: of those alone that nucleizoo wrote and nobody has changed since."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from nucleizoo.core.errors import ForeignFileError
from nucleizoo.core.files import atomic, write_texts
from nucleizoo.io import checksum
from nucleizoo.io.mark import kind_of_ours


def check_replaceable(path: str | Path, kind: str, columns: tuple[str, ...] = ()) -> None:
    """Refuse a path at which there is something else than an unchanged older result; call it before any work.

    Args:
        path: of the result.
        kind: of file, as in `kind_of_ours`.
        columns: see there.

    Raises:
        ForeignFileError: when there is.
    """
    path = Path(path)
    if os.path.lexists(path) and kind_of_ours(path, columns) != kind:
        there = "a folder" if path.is_dir() else "a file"
        raise ForeignFileError(
            f"{path}: {there} is in the place of the result, and it is kept, since it is no older result of "
            "this kind; move it away, or choose another place (--output, --out)"
        )
    check_unchanged(path)


def check_unchanged(path: Path) -> None:
    """Refuse a result that somebody has changed since it was written.

    Raises:
        ForeignFileError: naming it.
    """
    try:
        changed = path.exists() and checksum.is_changed(path)
    except OSError as error:
        raise ForeignFileError(
            f"{path}: cannot be read ({error.strerror}) to see whether it was changed after it was written, "
            "and is kept; see to its permissions, or choose another place (--output, --out)"
        ) from error
    if changed:
        raise ForeignFileError(
            f"{path}: was changed after nucleizoo had written it, and is kept; move it away, or choose "
            "another place for the new result (--output, --out); if the changes may be lost, remove it"
        )


@contextmanager
def replacing(
    path: str | Path, kind: str, columns: tuple[str, ...] = (), *, within: Path | None = None
) -> Iterator[Path]:
    """Write a file as `atomic` does, in the place of an unchanged older result, but of nothing else.

    The block writes `FULL_MARK` into the file, except into a table of CSV.

    Raises:
        ForeignFileError: as `check_replaceable`.
        OSError: as `atomic`.
    """
    path = Path(path)
    with atomic(path, within=within) as part:
        yield part
        check_replaceable(path, kind, columns)
        if kind == "csv":
            write_texts({checksum.note_of(path): checksum.note(path, checksum.of_file(part))})
        else:
            checksum.add_checksum(part)


def write_results(texts: Mapping[Path, str]) -> None:
    """Write texts as `write_texts` does, in the place of unchanged older results.

    Those that are no tables of CSV have `FULL_MARK`, in which the checksum is filled in.

    Raises:
        ForeignFileError: when somebody has changed one.
        OSError: as `write_texts`.
    """
    whole = dict[Path, str]()
    for path, text in texts.items():
        check_unchanged(path)
        if path.suffix == ".csv":
            whole[checksum.note_of(path)] = checksum.note(path, checksum.of_text(text))
        whole[path] = checksum.with_checksum(text)
    write_texts(whole)
