"""Which array of an OME-Zarr group (0.1 to 0.5) is meant, by its metadata."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from nucleizoo.core.errors import ImageReadError
from nucleizoo.core.said import warn_once
from nucleizoo.io.volume import DATASET_KEY
from nucleizoo.io.zarr_folder import MARKS, attributes_of, is_zarr, shape_of

log = logging.getLogger(__name__)


def image_in(group: Path, usual: str) -> Path | None:
    """The array that is meant by a group: the full resolution of its image or of its labels.

    Args:
        group: folder of a Zarr group.
        usual: 'image' or, for the labels of a picture, 'label' or their name.

    Returns:
        A folder; None where nothing says that the group is OME-Zarr.

    Raises:
        ImageReadError: when several are meant, such as the fields of a plate, when one is missing, or when
            the metadata are incomplete.
    """
    told = attributes_of(group)
    if "plate" in told or "well" in told:
        kind = "plate" if "plate" in told else "well"
        raise ImageReadError(
            f"{group}: is a {kind} of many pictures; give one field, such as {_field(group, told)}"
        )
    if scales := multiscales(told):
        labels = group / "labels"
        if usual != "image" and labels.is_dir() and "image-label" not in told:
            return image_in(_only(labels, _listed_labels(labels), "labels", usual), usual)
        if len(scales) > 1:
            warn_once(log, f"{group}: describes {len(scales)} images, of which the first is read; for "
                           f"another, name its array with {DATASET_KEY}")  # fmt: skip
        return _finest(group, scales[0])
    if images := [one for one in _groups(group) if multiscales(attributes_of(one))]:
        return image_in(_only(group, images, "labels" if "labels" in told else "images", usual), usual)
    return None


def multiscales(told: Mapping[str, Any]) -> list[Any]:
    """The images that the attributes of a group describe, mostly one."""
    found = told.get("multiscales")
    return found if isinstance(found, list) else []


def _groups(group: Path) -> list[Path]:
    return sorted(folder for folder in group.iterdir() if is_zarr(folder))


def _only(group: Path, found: Sequence[Path], kind: str, usual: str) -> Path:
    """The folder called `usual`, or the only one."""
    if len(named := [one for one in found if one.name == usual] or found) == 1:
        return named[0]
    if not found:
        raise ImageReadError(f"{group}: contains no {kind}; copy it again, or give another folder")
    names = ", ".join(one.name for one in found[:10]) + ", ..." * (len(found) > 10)
    raise ImageReadError(
        f"{group}: contains several {kind}: {names}; give one, such as {found[0]}, or name it with "
        f"{DATASET_KEY}"
    )


def _listed_labels(labels: Path) -> list[Path]:
    listed = attributes_of(labels).get("labels")
    found = (
        [labels / _inner(labels, name) for name in listed] if isinstance(listed, list) else _groups(labels)
    )
    for one in found:
        _check_there(labels, one)
    return found


def _field(group: Path, told: Mapping[str, Any]) -> Path:
    """The first field of a plate or well."""
    try:
        if "plate" in told:
            group = group / str(told["plate"]["wells"][0]["path"])
            told = attributes_of(group)
        return group / str(told["well"]["images"][0]["path"])
    except (KeyError, IndexError, TypeError) as error:
        raise incomplete(group, error) from error


def levels_of(group: Path, scale: Any) -> list[dict[str, Any]]:
    """The resolutions of an image, at least one, each with a path.

    Raises:
        ImageReadError: when they are not told, or lead out of the group.
    """
    try:
        levels = [dict(level, path=_inner(group, level["path"])) for level in scale["datasets"]]
    except (KeyError, TypeError, ValueError) as error:
        raise incomplete(group, error) from error
    if not levels:
        raise incomplete(group, IndexError("no datasets"))
    return levels


def _inner(group: Path, path: Any) -> str:
    """A path inside a group.

    Raises:
        ImageReadError: for one that leads out of it.
    """
    if ".." in PurePosixPath(str(path)).parts:
        raise ImageReadError(f"{group}: its metadata names '{path}', which is outside; copy that into it")
    return str(path).strip("/")


def _finest(group: Path, scale: Any) -> Path:
    """The folder of the largest array, whatever the order.

    Raises:
        ImageReadError: when an array that may be finer is missing.
    """
    levels = levels_of(group, scale)
    folders = [group.joinpath(level["path"]) for level in levels]
    sizes = [math.prod(shape_of(folder)) if is_zarr(folder) else 0 for folder in folders]
    best = sizes.index(max(sizes))
    steps = [_step(level) for level in levels]
    for step, index, folder in sorted(zip(steps, range(len(levels)), folders, strict=True)):
        if (step, index) <= (steps[best], best):
            _check_there(group, folder)
    return folders[best]


def _step(level: Mapping[str, Any]) -> float:
    """The volume of a voxel of one resolution, in any unit; 1 where it is not told."""
    try:
        return math.prod(math.prod(map(float, one["scale"])) for one in level["coordinateTransformations"]
                         if one["type"] == "scale")  # fmt: skip
    except (KeyError, TypeError, ValueError):
        return 1.0


def _check_there(group: Path, folder: Path) -> None:
    if not is_zarr(folder):
        raise ImageReadError(
            f"{group}: its metadata names '{folder.relative_to(group)}', which is missing or has lost its "
            f"{' or '.join(MARKS)}; copy it again"
        )


def incomplete(group: Path, error: Exception) -> ImageReadError:
    """The error for metadata of a group that lack something, or are of another form."""
    return ImageReadError(
        f"{group}: its OME-Zarr metadata is incomplete ({type(error).__name__}: {error}); write it again, or "
        f"name an array with {DATASET_KEY}"
    )
