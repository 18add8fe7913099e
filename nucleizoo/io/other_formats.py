"""Files that are not what their names say, and formats that are not read: what they are, and what to do."""

from __future__ import annotations

from pathlib import Path

from nucleizoo.core.errors import ImageReadError

JPEG = "JPEG"

_SIGNATURES = {
    b"\x89PNG": "PNG", b"\xff\xd8\xff": JPEG, b"II*\0": "TIFF", b"MM\0*": "TIFF", b"II+\0": "TIFF",
    b"MM\0+": "TIFF", b"\x89HDF": "HDF5", b"\x93NUMPY": "NumPy", b"GIF8": "GIF", b"RIFF": "WebP",
    b"\0\0\0\x0cjP": "JPEG 2000", b"ZISRAWFILE": "CZI", b"\xda\xce\xbe\x0a": "ND2", b"PK\3\4": "ZIP",
    b"\x1f\x8b": "gzip", b"%PDF": "PDF", b"<!doctype html": "a web page", b"<html": "a web page",
    b"version https://git-lfs": "a pointer of Git LFS", b"\0\5\x16\7": "a resource file of macOS",
}  # fmt: skip
"""How contents begin, in lower case those of texts."""

_READ = {
    **dict.fromkeys((".png", ".jpg", ".jpeg", ".bmp"), ("PNG", JPEG, "BMP")),
    **dict.fromkeys((".tif", ".tiff", ".lsm"), ("TIFF",)),
    **dict.fromkeys((".h5", ".hdf5"), ("HDF5",)),
    ".npy": ("NumPy",),
}
"""The contents that are read under a suffix."""

_RENAMED = {"PNG": ".png", JPEG: ".jpg", "TIFF": ".tif", "HDF5": ".h5", "NumPy": ".npy"}

_CONVERT = (
    "save it as OME-TIFF: in Fiji with File > Import > Bio-Formats and File > Save As > OME-TIFF, or with "
    "bfconvert of Bio-Formats (see docs/formats.md)"
)
_RESAVE, _UNPACK = "save it as PNG or TIFF", "unpack it"

_REMEDIES = {
    "CZI": _CONVERT, "ND2": _CONVERT, "GIF": _RESAVE, "WebP": _RESAVE, "JPEG 2000": _RESAVE, "PDF": _RESAVE,
    "ZIP": _UNPACK, "gzip": _UNPACK, "a web page": "download it again, logged in if the site asks for it",
    "a pointer of Git LFS": "fetch the file itself: git lfs pull", "a resource file of macOS": "remove it",
}  # fmt: skip

_OTHERS = {
    **dict.fromkeys((".czi", ".nd2", ".lif", ".oib", ".oif", ".vsi", ".zvi", ".stk", ".flex", ".ndpi", ".svs",
                     ".scn", ".mrxs", ".dv", ".dm3", ".dm4", ".mrc", ".nrrd", ".mha", ".mhd", ".nii",
                     ".dcm"), _CONVERT),
    ".ims": "it is HDF5: rename it to .h5, and name its array with the key DATASET (see docs/formats.md)",
    ".npz": "it may hold several arrays: save the one to use as .npy",
    **dict.fromkeys((".gif", ".webp", ".jp2", ".j2k", ".jxl", ".heic"), _RESAVE),
    **dict.fromkeys((".gz", ".zip", ".7z", ".rar", ".bz2", ".xz", ".tar"), _UNPACK),
}  # fmt: skip
"""Formats of pictures that are not read, by their suffixes: what to do."""


def remedy(path: Path) -> str:
    """What to do with a picture in a format that is not read, as its suffix says; '' for any other file."""
    return _OTHERS.get(path.suffix.lower(), "")


def content_of(path: Path) -> str:
    """What a file holds, as its first bytes say; '' when they do not."""
    try:
        with path.open("rb") as file:
            begin = file.read(32)
    except OSError:
        return ""  # whoever reads it says what is wrong
    texts = begin, begin.lstrip().lower()
    return next((kind for sign, kind in _SIGNATURES.items() if any(t.startswith(sign) for t in texts)), "")


def is_jpeg(path: Path) -> bool:
    """Whether a file is a JPEG, whatever its name."""
    return path.is_file() and content_of(path) == JPEG


def check_content(path: Path) -> None:
    """Refuse a file that holds something else than its name says.

    Raises:
        ImageReadError: naming what it holds.
    """
    suffix = path.suffix.lower()
    content = content_of(path) if suffix in _READ else ""
    if not content or content in _READ[suffix]:
        return
    told = _REMEDIES.get(content) or f"rename it to {path.with_suffix(_RENAMED[content]).name}"
    raise ImageReadError(f"{path}: is called {path.suffix}, but is {_named(content)}; {told}")


def _named(content: str) -> str:
    return content if content.startswith("a ") else f"a file of {content}"
