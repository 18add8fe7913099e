"""How a folder of labels is scored: a protocol, and what the folder says of itself."""

from __future__ import annotations

from pathlib import Path

from nucleizoo import io, published
from nucleizoo.core.errors import UserError
from nucleizoo.metrics.protocol import Protocol, Scoring, named


def scoring(
    protocol: str,
    truths: str | Path,
    *,
    dataset: str = "",
    border: int | None = None,
    markers: str | Path | None = None,
) -> Scoring:
    """How a protocol scores a folder of labels.

    Args:
        protocol: its name, such as 'ctc', or a file; '' for none.
        truths: the labels. What `arrange_data` wrote beside them says their data set and split, and has
            markers.
        dataset: name of the data set, whose border a protocol may take; '' for what is written there.
        border: pixels within which SEG and DET ignore nuclei; None for that of the protocol, or 0.
        markers: folder of label files with a dot in each nucleus; None for what the protocol says.

    Raises:
        UserError: for an unknown protocol, one of another data set or border, or a border that is not known.
    """
    told = named(protocol) if protocol else Protocol()
    folder, doubts = Path(truths).resolve().parent, list[str]()
    items = io.read_items(folder)
    sets = {item.dataset for item in items.values()} - {""}
    here = {dataset} if dataset else sets
    if told.dataset and here and told.dataset.lower() not in map(str.lower, here):
        raise UserError(
            f"the protocol {told.name} is for {told.dataset}, and {folder} holds {', '.join(sorted(here))}; "
            "give labels of that set, or leave out --protocol"
        )
    title = told.dataset or (min(here) if len(here) == 1 else "")
    wanted = told.border
    if wanted is None and told.name:
        wanted = {name.lower(): one.border for name, one in published.table().items()}.get(title.lower())
    if border is None and wanted is None and told.name:
        raise UserError(
            f"the protocol {told.name} has the border of the data set, and that of {title or folder} is not "
            "known; give it with --border"
        )
    if border is not None and wanted is not None and border != wanted:
        raise UserError(
            f"the protocol {told.name} ignores nuclei within {wanted} pixels of the edge, not {border}; "
            "leave out --border"
        )
    if markers is None and told.markers:
        markers = folder / "markers"
        if not markers.is_dir():
            doubts.append(f"there are no markers in {markers}")
            markers = None
    only = (
        {name for name, item in items.items() if item.split == told.split} if told.split and items else None
    )
    if told.split and not items:
        doubts.append(
            f"which images are of the split {told.split} is not told, for {folder} has no {io.ITEMS}"
        )
    return Scoring(
        told, title, border if border is not None else wanted or 0,
        Path(markers) if markers is not None else None, only, tuple(doubts),
    )  # fmt: skip
