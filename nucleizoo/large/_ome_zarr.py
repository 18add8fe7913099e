"""Labels as a pyramid of OME-Zarr 0.5 [1].

[1] https://ngff.openmicroscopy.org/0.5: axes, scales and multiscales. Written by hand, for the package
    ome-zarr brings 36 others.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from nucleizoo.large._result import Result, boxes
from nucleizoo.volumes import zarr_library

SMALLEST = 256
"""OME-Zarr halves the resolution until no axis is longer than this."""


def write_ome_zarr(path: Path, result: Result) -> None:
    """Write a pyramid of OME-Zarr 0.5 (Zarr 3); the attribute 'complete' comes last.

    Raises:
        UserError: without the package zarr.
        OSError: when the disk is full.
    """
    part = path.with_name(f".part-{path.name}")
    shutil.rmtree(part, ignore_errors=True)
    group = zarr_library().open_group(part, mode="w", zarr_format=3)
    array = _zarr_array(group, "0", result.shape, result)
    for box in boxes(result.shape, result):
        array[box] = result.labels.read(box).astype(result.dtype)
    factors = [(1,) * len(result.shape)]
    while max(array.shape) > SMALLEST:
        factor = _halving(_scaled(result.spacing, factors[-1]), array.shape)
        array = _half(group, str(len(factors)), array, factor, result)
        factors.append(tuple(a * b for a, b in zip(factors[-1], factor, strict=True)))
    group.attrs["ome"] = {"version": "0.5", "multiscales": [_multiscale(path, result, factors)]}
    group.attrs["nucleizoo"] = result.marks
    if path.exists():
        shutil.rmtree(path)
    os.replace(part, path)


def _zarr_array(group: Any, name: str, shape: tuple[int, ...], result: Result) -> Any:
    return group.create_array(
        name, shape=shape, dtype=result.dtype, chunks=result.chunk, fill_value=0,
        dimension_names=list(result.axes), config={"write_empty_chunks": True},
    )  # fmt: skip


def _half(group: Any, name: str, finer: Any, factor: tuple[int, ...], result: Result) -> Any:
    """The next level of a pyramid: every other voxel along the axes that are halved."""
    shape = tuple(-(-n // f) for n, f in zip(finer.shape, factor, strict=True))
    coarser = _zarr_array(group, name, shape, result)
    for box in boxes(shape, result):
        wide = tuple(
            slice(c.start * f, min(c.stop * f, n)) for c, f, n in zip(box, factor, finer.shape, strict=True)
        )
        coarser[box] = finer[wide][tuple(slice(None, None, f) for f in factor)]
    return coarser


def _halving(spacing: tuple[float, ...], shape: tuple[int, ...]) -> tuple[int, ...]:
    """2 along the axes whose voxels are not yet the longest ones, so that they become cubes."""
    edges = spacing or (1.0,) * len(shape)
    fine = [2 if edge < 1.5 * min(edges) and n > 1 else 1 for edge, n in zip(edges, shape, strict=True)]
    return tuple(fine) if max(fine) > 1 else (2,) * len(shape)


def _scaled(spacing: tuple[float, ...], factor: tuple[int, ...]) -> tuple[float, ...]:
    return tuple(s * f for s, f in zip(spacing or (1.0,) * len(factor), factor, strict=True))


def _multiscale(path: Path, result: Result, factors: list[tuple[int, ...]]) -> dict[str, Any]:
    """The metadata of OME-Zarr; every other voxel was taken, so all levels begin at one place."""
    known = {"unit": "micrometer"} if result.spacing else {}
    return {
        "name": path.name.removesuffix(".ome.zarr"),
        "axes": [{"name": axis, "type": "space", **known} for axis in result.axes],
        "datasets": [
            {
                "path": str(level),
                "coordinateTransformations": [
                    {"type": "scale", "scale": list(map(float, _scaled(result.spacing, factor)))}
                ],
            }
            for level, factor in enumerate(factors)
        ],
    }
