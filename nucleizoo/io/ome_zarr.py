"""What the metadata of OME-Zarr (0.1 to 0.5) say: which array is meant, its axes and its voxel size."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from nucleizoo.core.errors import ImageReadError
from nucleizoo.core.said import warn_once
from nucleizoo.io.assumptions import MEND, assume
from nucleizoo.io.axes import letter_of
from nucleizoo.io.units import micrometres
from nucleizoo.io.volume import SPATIAL
from nucleizoo.io.zarr_folder import MARKS, attributes_of, is_zarr, shape_of

log = logging.getLogger(__name__)

_OLD_AXES = "tczyx"
"""The axes of OME-Zarr up to 0.2, which does not name them."""

_TYPES = {"channel": "c", "time": "t"}
"""Axes by their type, where their name is not known."""


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
    if scales := _multiscales(told):
        labels = group / "labels"
        if usual != "image" and is_zarr(labels) and "image-label" not in told:
            return image_in(_only(labels, _listed_labels(labels), "labels", usual), usual)
        return _finest(group, scales[0])
    if images := [one for one in _groups(group) if _multiscales(attributes_of(one))]:
        return image_in(_only(group, images, "labels" if "labels" in told else "images", usual), usual)
    return None


def axes_and_spacing(array: Path) -> tuple[list[str], tuple[float, ...]]:
    """What the groups around an array say of it.

    Args:
        array: its folder.

    Returns:
        Names of the axes, and the voxel size in micrometres (z, y, x); [] and () where they say nothing.

    Raises:
        ImageReadError: when the metadata are incomplete.
    """
    for group in array.parents:
        if not is_zarr(group):
            break
        for scale in _multiscales(attributes_of(group)):
            for level in _levels(group, scale):
                if PurePosixPath(level["path"]) == PurePosixPath(array.relative_to(group)):
                    names = _axis_names(group, scale, shape_of(array))
                    return names, _spacing(str(array), scale, level, names)
    return [], ()


def _multiscales(told: Mapping[str, Any]) -> list[Any]:
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
        f"{group}: contains several {kind}: {names}; give one, such as {found[0]}, or name it with the key "
        "DATASET (labels: LABEL_DATASET, --dataset)"
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
        raise _incomplete(group, error) from error


def _levels(group: Path, scale: Any) -> list[dict[str, Any]]:
    """The resolutions of an image, at least one, each with a path."""
    try:
        levels = [dict(level, path=_inner(group, level["path"])) for level in scale["datasets"]]
    except (KeyError, TypeError, ValueError) as error:
        raise _incomplete(group, error) from error
    if not levels:
        raise _incomplete(group, IndexError("no datasets"))
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
    levels = _levels(group, scale)
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


def _axis_names(group: Path, scale: Mapping[str, Any], shape: tuple[int, ...]) -> list[str]:
    """Names of the axes; from 0.4 on they are objects, in 0.3 words, and before there are none."""
    axes = scale.get("axes")
    if not axes:
        return list(_OLD_AXES) if len(shape) == len(_OLD_AXES) else []
    try:
        named = [axis if isinstance(axis, dict) else {"name": axis} for axis in axes]
        names = [_name(str(axis["name"]), str(axis.get("type"))) for axis in named]
    except (KeyError, TypeError) as error:
        raise _incomplete(group, error) from error
    if len(names) != len(shape):
        raise ImageReadError(
            f"{group}: its metadata names {len(names)} axes ({', '.join(names)}), but its array has "
            f"{len(shape)} ({'x'.join(map(str, shape))}); fix the metadata, or name the "
            "array with the key DATASET"
        )
    return names


def _name(name: str, kind: str) -> str:
    """The name of an axis or, where it is not known, that of its type."""
    return _TYPES.get(kind, name) if letter_of(name) == "?" else name


def _spacing(
    name: str, scale: Mapping[str, Any], level: Mapping[str, Any], names: Sequence[str]
) -> tuple[float, ...]:
    """Voxel size in micrometres (z, y, x): the scales of the level and of the whole, multiplied."""
    try:
        scales = [
            [float(n) for n in one["scale"]]
            for told in (level, scale)
            for one in told.get("coordinateTransformations") or ()
            if one["type"] == "scale"
        ]
        units = [axis.get("unit") if isinstance(axis, dict) else None for axis in scale.get("axes") or names]
        steps = [math.prod(each) for each in zip(*scales, strict=True)]
        known = (
            {letter_of(axis): one for axis, *one in zip(names, steps, units, strict=True)} if scales else {}
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        warn_once(log, f"{name}: its voxel size cannot be read ({type(error).__name__}: {error}); {MEND}")
        return ()
    sizes = {letter: known[letter] for letter in SPATIAL if letter in known}
    if not all(0 < step < math.inf for step, _ in sizes.values()):
        warn_once(log, f"{name}: its voxel size, {[step for step, _ in sizes.values()]}, cannot be; {MEND}")
        return ()
    silent = [letter for letter, (_, unit) in sizes.items() if unit is None]
    if len(silent) == len(sizes) and all(step == 1 for step, _ in sizes.values()):
        return ()  # what programs write that know no voxel size
    if silent:
        assume(
            name, f"gives no unit for its voxel size; it is taken for micrometres. If that is wrong, {MEND}"
        )
    factors = {letter: micrometres(str(unit or "um")) for letter, (_, unit) in sizes.items()}
    if None in factors.values():
        told = ", ".join(str(unit) for _, unit in sizes.values())
        warn_once(log, f"{name}: the unit of its voxel size, '{told}', is not known; {MEND}")
    spacing = tuple(step * (factors[letter] or 0) for letter, (step, _) in sizes.items())
    return spacing if all(spacing) else ()


def _incomplete(group: Path, error: Exception) -> ImageReadError:
    return ImageReadError(
        f"{group}: its OME-Zarr metadata is incomplete ({type(error).__name__}: {error}); write it again, or "
        "name an array with the key DATASET (labels: LABEL_DATASET)"
    )
