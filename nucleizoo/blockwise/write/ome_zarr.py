"""Labels as a pyramid of OME-Zarr 0.5 [1].

[1] https://ngff.openmicroscopy.org/0.5: axes, scales and multiscales. Written by hand, for the package
    ome-zarr brings 36 others.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from nucleizoo.blockwise.write.pyramid import levels, pyramid
from nucleizoo.blockwise.write.result import Result
from nucleizoo.io import zarr_library


def write_ome_zarr(path: Path, result: Result) -> None:
    """Make levels that are written a pyramid of OME-Zarr 0.5 (Zarr 3), and put it in its place.

    What was there goes with the scratch folder, so it is moved only, which takes no time.

    Raises:
        UserError: without the package zarr.
        OSError: when the disk is full.
    """
    with TemporaryDirectory(dir=result.scratch) as part:
        group = zarr_library().open_group(part, mode="w", zarr_format=3)
        group.attrs["ome"] = {"version": "0.5", "multiscales": [_multiscale(path, result)]}
        group.attrs["nucleizoo"] = result.marks
        os.replace(Path(part) / "zarr.json", pyramid(result) / "zarr.json")
    if os.path.lexists(path):
        os.replace(path, result.scratch / f"replaced-{secrets.token_hex(4)}")
    os.replace(pyramid(result), path)


def _multiscale(path: Path, result: Result) -> dict[str, Any]:
    """The metadata of OME-Zarr; every other voxel was taken, so all levels begin at one place."""
    known = {"unit": "micrometer"} if result.spacing else {}
    return {
        "name": path.name.removesuffix(".ome.zarr"),
        "axes": [{"name": axis, "type": "space", **known} for axis in result.axes],
        "datasets": [
            {
                "path": str(level.number),
                "coordinateTransformations": [{"type": "scale", "scale": list(map(float, level.scale))}],
            }
            for level in levels(result)
        ],
    }
