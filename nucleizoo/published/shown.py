"""The table as text, for the command line and the documentation."""

from __future__ import annotations

from nucleizoo.published.table import Archive, PublishedSet, table


def listed() -> str:
    """One line per set: name, size, what it is."""
    width = max(map(len, table()))
    return "\n".join(
        f"{name:<{width}}  {dataset.size:>9}  {dataset.about}" for name, dataset in table().items()
    )


def described(dataset: PublishedSet) -> str:
    """All details of a set."""
    rows = {
        "": dataset.about,
        "origin": dataset.origin,
        "page": dataset.page,
        "licence": dataset.licence,
        "cite": dataset.citation,
        "size": dataset.size,
        "files": "\n".join(_file(file) for file in dataset.files) or "none that a program can download",
        "voxels": _spacing(dataset),
        "border": _border(dataset),
        "papers": dataset.resampling,
        "note": dataset.note,
    }
    lines = [dataset.name]
    for title, value in rows.items():
        lines += [f"  {title if i == 0 else '':<8}{line}" for i, line in enumerate(value.splitlines())]
    return "\n".join(lines)


def markdown() -> str:
    """The table of docs/datasets.md, and below it what does not fit into a table."""
    titles = ("name", "what it is", "licence", "size", "voxel size (um)", "border", "resampling in papers")
    lines = [f"| {' | '.join(titles)} |", "| --- " * len(titles) + "|"]
    for dataset in table().values():
        cells = (
            f"`{dataset.name}`", dataset.about, dataset.licence, dataset.size, _spacing(dataset),
            _border(dataset), dataset.resampling,
        )  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    lines.append("")
    for dataset in table().values():
        note = f" Note: {dataset.note}." if dataset.note else ""
        lines.append(
            f"- `{dataset.name}`: [{dataset.origin}]({dataset.page}). {dataset.citation}. "
            f"SHA-256: {_hashes(dataset)}. Read in: {dataset.source}.{note}"
        )
    return "\n".join(lines)


def _file(file: Archive) -> str:
    return f"{file.url}\n  SHA-256 {file.sha256 or 'not published'}"


def _spacing(dataset: PublishedSet) -> str:
    return " x ".join(f"{step:g}" for step in dataset.spacing) or "not known"


def _border(dataset: PublishedSet) -> str:
    return "not known" if dataset.border is None else f"{dataset.border} pixels"


def _hashes(dataset: PublishedSet) -> str:
    return (
        ", ".join(f"`{file.sha256}`" if file.sha256 else "not published" for file in dataset.files) or "none"
    )
