"""Download a data set from its origin, or take a folder of archives, and unpack it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from nucleizoo.core.errors import UserError
from nucleizoo.core.files import atomic_folder
from nucleizoo.published.download import download
from nucleizoo.published.table import Archive, PublishedSet
from nucleizoo.published.unpack import is_archive, unpack

_ARCHIVES = "archives"


@dataclass(frozen=True)
class Fetched:
    """What was fetched.

    Attributes:
        folder: of the data set.
        archives: what was unpacked; downloads are kept.
        hashes: SHA-256 of the archives for which the table has none, by their names.
    """

    folder: Path
    archives: tuple[Path, ...]
    hashes: dict[str, str]


def fetch(dataset: PublishedSet, to: str | Path, from_dir: str | Path | None = None) -> Fetched:
    """Download a data set, or take its archives from a folder, and unpack it into `<to>/<name>`.

    Downloads are kept in `<to>/archives`.

    Args:
        dataset: from the table.
        to: folder of data sets; created if missing.
        from_dir: folder of archives that were downloaded by other means: those of the table by name, or
            all in the folder when the table has no address.

    Raises:
        UserError: when the set exists already, an archive is missing, wrong, damaged or malicious, or the
            download fails.
    """
    folder = Path(to) / dataset.name
    with atomic_folder(folder) as part:
        if from_dir is None:
            archives = _downloaded(dataset, folder.with_name(_ARCHIVES))
        else:
            archives = _found(dataset, Path(from_dir))
        for archive in archives:
            unpack(archive, part)
    published = {file.name for file in dataset.files if file.sha256}
    unknown = {archive.name: _sha256(archive) for archive in archives if archive.name not in published}
    return Fetched(folder, archives, unknown)


def _downloaded(dataset: PublishedSet, folder: Path) -> tuple[Path, ...]:
    if not dataset.files:
        raise UserError(
            f"{dataset.name} cannot be downloaded by a program: download it in a browser from "
            f"{dataset.page} and give the folder of the archives with --from-dir"
        )
    folder.mkdir(parents=True, exist_ok=True)
    return tuple(download(file, folder) for file in dataset.files)


def _found(dataset: PublishedSet, folder: Path) -> tuple[Path, ...]:
    if not folder.is_dir():
        raise UserError(f"{folder}: there is no such folder; check the path given with --from-dir")
    if not dataset.files:
        archives = tuple(sorted(file for file in folder.iterdir() if file.is_file() and is_archive(file)))
        if not archives:
            raise UserError(f"{folder}: contains no archive; download {dataset.name} from {dataset.page}")
        return archives
    return tuple(_verified(file, folder / file.name) for file in dataset.files)


def _verified(file: Archive, path: Path) -> Path:
    if not path.is_file():
        raise UserError(f"{path}: there is no such file; download it from {file.url} and keep its name")
    if file.sha256 and (came := _sha256(path)) != file.sha256:
        raise UserError(
            f"{path}: is not the published file: its SHA-256 is {came}, expected is {file.sha256}. "
            f"Download it again from {file.url}; if you trust this one, unpack it by hand and continue with "
            "nucleizoo data check"
        )
    return path


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
