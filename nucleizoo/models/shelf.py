"""The shelf of models: by name, and by what fits a file."""

from __future__ import annotations

from pathlib import Path

from nucleizoo.core.errors import UserError
from nucleizoo.core.registry import nearest
from nucleizoo.models.card import FILE, Card

SHELF = Path(__file__).parent
"""The folder of the models' folders."""

_SUFFIX = {2: "_2d", 3: "_3d"}


def shipped() -> dict[str, Card]:
    """All models, by name.

    Raises:
        UserError: for a card that cannot be read.
    """
    return {file.parent.name: Card.read(file.parent) for file in sorted(SHELF.glob(f"*/{FILE}"))}


def suited(name: str, dims: int) -> str:
    """The model for files with `dims` axes: `nuclei` is nuclei_2d or nuclei_3d; a whole name is itself.

    Raises:
        UserError: for an unknown name; gives the nearest one.
    """
    known = shipped()
    if name in known:
        return name
    if (whole := name + _SUFFIX[dims]) in known:
        return whole
    families = {one.removesuffix(_SUFFIX[card.dims]) for one, card in known.items()}
    if name in families:
        kind = "volumes" if dims == 3 else "images"
        raise UserError(
            f"no model '{name}' is for {kind}; train one and use --run DIR, or name a model: "
            f"{', '.join(known)} (one for images segments volumes plane by plane)"
        )
    near = nearest(name, [*known, *families])
    hint = f"did you mean {near}? " if near else ""
    raise UserError(
        f"no model is called '{name}'; {hint}models: {', '.join([*sorted(families), *known])}. For a run of "
        "your own use --run DIR"
    )


def named(name: str) -> Path:
    """The folder of a model, its weights checked.

    Args:
        name: a whole name, such as 'nuclei_2d'.

    Raises:
        UserError: for an unknown name, or damaged weights.
    """
    known = shipped()
    if name not in known:
        whole = suited(name, 2)
        raise UserError(f"'{name}' is a family of models; choose one of them, such as {whole}")
    folder = SHELF / name
    known[name].check(folder)
    return folder
