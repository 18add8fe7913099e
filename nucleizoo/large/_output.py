"""Labels of a whole volume written part by part: OME-Zarr 0.5, HDF5 or BigTIFF."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import tifffile
from numpy.typing import NDArray

from nucleizoo.core.files import atomic
from nucleizoo.large._decoding import Decoded
from nucleizoo.ops.grid import Box, Grid
from nucleizoo.volumes import zarr_library

CHUNK = {2: (512, 512), 3: (32, 128, 128)}
"""Voxels that are stored together, by the number of axes."""

SMALLEST = 256
"""OME-Zarr halves the resolution until no axis is longer than this."""


@dataclass(frozen=True)
class Result:
    """What is written.

    Attributes:
        labels: of the volume.
        shape: (*S).
        spacing: voxel size in micrometres, in axis order; () when unknown.
        step: about how much is in memory at once, voxels an axis.
        skipped: chunks of the input that were taken for black, in words.
    """

    labels: Decoded
    shape: tuple[int, ...]
    spacing: tuple[float, ...]
    step: tuple[int, ...]
    skipped: list[str]

    @property
    def dtype(self) -> type[np.unsignedinteger[Any]]:
        """The smallest that holds all numbers."""
        return np.uint16 if self.labels.count < 2**16 else np.uint32

    @property
    def axes(self) -> str:
        """Letters, in axis order."""
        return "zyx"[-len(self.shape) :]

    @property
    def chunk(self) -> tuple[int, ...]:
        """Voxels that are stored together."""
        return tuple(min(c, n) for c, n in zip(CHUNK[len(self.shape)], self.shape, strict=True))

    @property
    def marks(self) -> dict[str, Any]:
        """What is noted beside the labels, once they are complete."""
        return {"nuclei": self.labels.count, "skipped": self.skipped, "complete": 1}


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
    for box in _boxes(result.shape, result):
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


def write_hdf5(path: Path, result: Result) -> None:
    """Write the dataset 'label' with check sums; its attribute 'complete' comes last.

    Raises:
        OSError: when the disk is full.
    """
    with atomic(path) as part, h5py.File(part, "w") as file:
        data = file.create_dataset(
            "label", result.shape, result.dtype,
            chunks=result.chunk, compression="gzip", compression_opts=1, shuffle=True, fletcher32=True,
        )  # fmt: skip
        for box in _boxes(result.shape, result):
            data[box] = result.labels.read(box)
        if result.spacing:
            data.attrs["voxel_size_um_zyx"] = result.spacing
        for name, value in result.marks.items():
            data.attrs[name] = value


def write_tiff(path: Path, result: Result) -> None:
    """Write a compressed OME-BigTIFF plane by plane; it is there when it is complete.

    Raises:
        OSError: when the disk is full.
    """
    sizes = {f"PhysicalSize{a.upper()}": s for a, s in zip(result.axes, result.spacing or (), strict=False)}
    units = {f"{key}Unit": "µm" for key in sizes}
    note = {"Description": json.dumps(result.marks)}
    with atomic(path) as part, tifffile.TiffWriter(part, bigtiff=True, ome=True) as file:
        file.write(
            _planes(result), shape=result.shape, dtype=result.dtype, photometric="minisblack",
            compression="zlib", metadata={"axes": result.axes.upper(), **sizes, **units, **note},
        )  # fmt: skip


def nuclei_in(path: Path) -> int | None:
    """How many nuclei a complete result holds; None when there is no such result."""
    try:
        if path.suffix == ".zarr":
            marks = dict(json.loads((path / "zarr.json").read_text())["attributes"]["nucleizoo"])
        elif path.suffix == ".h5":
            with h5py.File(path, "r") as file:
                marks = dict(file["label"].attrs)
        else:
            with tifffile.TiffFile(path) as file:
                picture = tifffile.xml2dict(file.ome_metadata or "<OME/>")["OME"]["Image"]
                marks = json.loads(picture["Description"])
        return int(marks["nuclei"]) if marks["complete"] else None
    except (OSError, KeyError, TypeError, ValueError):
        return None


FORMATS: dict[str, tuple[str, Callable[[Path, Result], None]]] = {
    "tif": (".tif", write_tiff),
    "h5": (".h5", write_hdf5),
    "ome-zarr": (".ome.zarr", write_ome_zarr),
}
"""Suffix and writer by what `nucleizoo predict --format` calls them."""


def _boxes(shape: tuple[int, ...], result: Result) -> Iterator[Box]:
    """Parts that are whole chunks and fit in memory."""
    step = tuple(max(s // c, 1) * c for s, c in zip(result.step, result.chunk, strict=True))
    grid = Grid(shape, step)
    return (grid.box(index) for index in range(len(grid)))


def _planes(result: Result) -> Iterator[NDArray[Any]]:
    """One (y, x) after the other."""
    if len(result.shape) == 2:
        yield result.labels.read(tuple(slice(0, n) for n in result.shape)).astype(result.dtype)
        return
    depth = max(1, int(np.prod(result.step) // np.prod(result.shape[1:])))
    grid = Grid(result.shape, (depth, *result.shape[1:]))
    for index in range(len(grid)):
        yield from result.labels.read(grid.box(index)).astype(result.dtype)


def _zarr_array(group: Any, name: str, shape: tuple[int, ...], result: Result) -> Any:
    return group.create_array(
        name, shape=shape, dtype=result.dtype, chunks=result.chunk, fill_value=0,
        dimension_names=list(result.axes), config={"write_empty_chunks": True},
    )  # fmt: skip


def _half(group: Any, name: str, finer: Any, factor: tuple[int, ...], result: Result) -> Any:
    """The next level of a pyramid: every other voxel along the axes that are halved."""
    shape = tuple(-(-n // f) for n, f in zip(finer.shape, factor, strict=True))
    coarser = _zarr_array(group, name, shape, result)
    for box in _boxes(shape, result):
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
