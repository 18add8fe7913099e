"""File formats for labels of a whole volume, written part by part: OME-Zarr 0.5, HDF5 or BigTIFF."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import tifffile

from nucleizoo.blockwise.step import Step
from nucleizoo.blockwise.write.bigtiff import write_tiff
from nucleizoo.blockwise.write.ome_zarr import level_steps, write_ome_zarr
from nucleizoo.blockwise.write.result import Result, write_grid
from nucleizoo.io import FULL_MARK, name_of, replacing
from nucleizoo.io.hdf5 import Disk
from nucleizoo.io.hdf5_metadata import name_axes


def write_hdf5(path: Path, result: Result) -> None:
    """Write the dataset 'label' with checksums, 'skipped' if chunks were, and the attribute 'complete' last.

    Raises:
        OSError: when the disk is full.
    """
    with (
        replacing(path, "h5", within=result.scratch) as part,
        Disk(part, "r+") as disk,
        h5py.File(disk, "w") as file,
    ):
        file.attrs["software"] = FULL_MARK
        data = file.create_dataset(
            "label", result.shape, result.dtype,
            chunks=result.chunk, compression="gzip", compression_opts=1, shuffle=True, fletcher32=True,
        )  # fmt: skip
        grid, labels = write_grid(result.shape, result), result.labels()
        for box in map(grid.box, range(len(grid))):
            data[box] = labels.read(box)
            disk.check()
        if result.spacing:
            data.attrs["voxel_size_um_zyx"] = result.spacing
        name_axes(data, result.axes)
        metadata = result.metadata
        if skipped := metadata.pop("skipped"):  # possibly more than an attribute can hold
            file["skipped"] = skipped
        for name, value in metadata.items():
            data.attrs[name] = value


def read_metadata(path: Path) -> dict[str, Any] | None:
    """The metadata of a complete result (`Result.metadata`); None when there is no such result."""
    try:
        if path.suffix == ".zarr":
            metadata = dict(json.loads((path / "zarr.json").read_text())["attributes"]["nucleizoo"])
        elif path.suffix == ".h5":
            with h5py.File(path, "r") as file:
                metadata = dict(file["label"].attrs)
                metadata["skipped"] = list(file["skipped"].asstr()) if "skipped" in file else []
        else:
            with tifffile.TiffFile(path) as file:
                picture = tifffile.xml2dict(file.ome_metadata or "<OME/>")["OME"]["Image"]
                metadata = json.loads(picture["Description"])
        return metadata if metadata["complete"] else None
    except (OSError, KeyError, TypeError, ValueError):
        return None


def _no_steps(result: Result) -> Mapping[str, Step]:
    """No steps: a file has one writer."""
    return {}


@dataclass(frozen=True)
class Format:
    """A way to write labels.

    Attributes:
        suffix: of the result.
        skipped: where it lists the chunks that were treated as black, in words.
        write: writes the result to its path, once the steps are done.
        steps: what any number of processes can write beforehand.
    """

    suffix: str
    skipped: str
    write: Callable[[Path, Result], None]
    steps: Callable[[Result], Mapping[str, Step]] = _no_steps

    @property
    def kind(self) -> str:
        """Of the result, as its mark says."""
        return self.suffix.rpartition(".")[2]


FORMATS = {
    "tif": Format(".tif", "'skipped' in the description of its OME metadata", write_tiff),
    "h5": Format(".h5", "its dataset 'skipped'", write_hdf5),
    "ome-zarr": Format(".ome.zarr", "'skipped' in its attribute 'nucleizoo'", write_ome_zarr, level_steps),
}
"""By their names in `nucleizoo predict --format`."""


def result_paths(path: Path, folder: Path, format_: str) -> tuple[Path, Path]:
    """The result of a volume, and its scratch folder."""
    name = name_of(path)
    return folder / f"{name}_label{FORMATS[format_].suffix}", folder / f".{name}_blocks"


def table_path(path: Path, folder: Path) -> Path:
    """The table of a volume's nuclei."""
    return folder / f"{name_of(path)}_nuclei.csv"
