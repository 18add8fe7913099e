"""Downloads that can be resumed."""

from __future__ import annotations

import re
import urllib.error
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException, HTTPResponse
from pathlib import Path

from tqdm import tqdm

from nucleizoo.core.errors import UserError
from nucleizoo.core.files import locked
from nucleizoo.published.table import Archive

_CHUNK = 1 << 20
_SECONDS = 60.0
"""Without an answer for this long, a server counts as lost."""


def download(archive: Archive, folder: Path) -> Path:
    """Download one file into a folder, unless it is there already and complete.

    A partial download is kept as `<name>.part` beside it, and the next call asks for the rest. A file
    whose hash is not the published one is removed.

    Args:
        archive: what to download.
        folder: where to; it must exist.

    Returns:
        The file.

    Raises:
        UserError: without the package pooch, when the server does not answer or the connection breaks, or
            when the hash is wrong.
    """
    try:
        import pooch
    except ImportError:
        raise UserError(
            "downloads need the package pooch: pip install 'nucleizoo[data]'; or download the files by hand "
            "and give their folder with --from-dir"
        ) from None

    pooch.get_logger().setLevel("WARNING")

    def bring(url: str, output: str, _: object) -> None:
        _resumed(url, folder / f"{archive.name}.part").replace(output)

    try:
        done = pooch.retrieve(archive.url, archive.sha256, archive.name, folder, downloader=bring)
    except ValueError as error:  # what pooch raises for a wrong hash
        raise UserError(
            f"{archive.url}: the downloaded file is not the published one: {error}. It was removed. The "
            "address may hold a newer version: if you trust it, download and unpack it by hand, and continue "
            "with nucleizoo data check"
        ) from error
    return Path(done)


def _resumed(url: str, part: Path) -> Path:
    """Download the whole file into `part`, or what is missing of it.

    Raises:
        UserError: when the server does not answer or refuses, or the connection breaks; what was received
            stays in `part`.
    """
    tag, lock = (part.with_name(f"{part.name}.{end}") for end in ("tag", "lock"))
    with locked(lock):
        have = part.stat().st_size if part.is_file() and tag.is_file() else 0
        condition = {"Range": f"bytes={have}-", "If-Range": tag.read_text()} if have else {}
        try:
            with _opened(url, condition) as response:
                whole = _receive(response, part, tag, have)
        except (OSError, HTTPException) as error:
            raise UserError(_broken(url, part, f"{type(error).__name__}: {error}")) from error
        finally:
            lock.unlink(missing_ok=True)
        came = part.stat().st_size
        if whole is not None and came != whole:
            raise UserError(_broken(url, part, f"{came} of {whole} bytes were received"))
        tag.unlink(missing_ok=True)
    return part


def _opened(url: str, headers: Mapping[str, str]) -> HTTPResponse:
    """The server's answer; the whole file is requested if the server refuses the range."""
    try:
        request = urllib.request.Request(url, headers={"User-Agent": "nucleizoo", **headers})
        answer: HTTPResponse = urllib.request.urlopen(request, timeout=_SECONDS)
        return answer
    except urllib.error.HTTPError as error:
        if error.code != 416 or not headers:  # Range Not Satisfiable
            raise
        return _opened(url, {})


def _receive(response: HTTPResponse, part: Path, tag: Path, have: int) -> int | None:
    """Write what is received; gives the size of the whole file, None when the server does not say."""
    span = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range") or "")
    resumed = response.status == 206 and span is not None and int(span[1]) == have
    if response.status != 200 and not resumed:
        raise OSError(f"the server answers {response.status} {response.reason}")
    length = response.headers.get("Content-Length")
    whole = int(length) + have * resumed if length else None
    tags = (response.headers.get(name) or "" for name in ("ETag", "Last-Modified"))
    validator = next((one for one in tags if one and not one.startswith("W/")), "")
    if not resumed:
        part.unlink(missing_ok=True)
        tag.unlink(missing_ok=True)
    if validator:
        tag.write_text(validator)
    with (
        part.open("ab") as file,
        tqdm(
            total=whole, initial=have * resumed, desc=part.stem, unit="B", unit_scale=True,
            dynamic_ncols=True, disable=None,
        ) as bar,
    ):  # fmt: skip
        while chunk := response.read(_CHUNK):
            file.write(chunk)
            bar.update(len(chunk))
    return whole


def _broken(url: str, part: Path, why: str) -> str:
    if not part.is_file():
        return (
            f"{url}: nothing was downloaded ({why}). Check the connection and the address, or download the "
            "file by hand and give its folder with --from-dir"
        )
    kept = f"{part.stat().st_size / 1e6:,.1f} MB are kept in {part}"
    return (
        f"{url}: the download was interrupted ({why}); {kept}. Run it again to resume, if the server allows"
    )
