"""Write surfaces of nuclei for 3D programs: STL for printing and meshing, OBJ with a group per nucleus."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nucleizoo.io.mark import FULL_MARK
from nucleizoo.io.replacement import replacing

if TYPE_CHECKING:
    from nucleizoo.ops.labels.mesh import Mesh  # loads skimage

_TRIANGLE = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("unused", "<u2")])


def write_stl(path: str | Path, meshes: Iterable[Mesh]) -> None:
    """Write all surfaces as one binary STL; it knows neither nuclei nor units.

    Raises:
        ForeignFileError: when there is a file that nucleizoo did not write, or that was changed.
        OSError: when the file cannot be written; nothing is left behind.
    """
    with replacing(path, "stl") as part, part.open("wb") as file:
        file.write(f"STL by {FULL_MARK}".encode().ljust(80) + bytes(4))
        count = 0
        for one in meshes:
            triangles = np.zeros(len(one.faces), _TRIANGLE)
            triangles["normal"], triangles["corners"] = one.normals, one.corners
            file.write(triangles.tobytes())
            count += len(triangles)
        file.seek(80)
        file.write(count.to_bytes(4, "little"))


def write_obj(path: str | Path, meshes: Iterable[tuple[str, NDArray[np.uint8], Mesh]]) -> None:
    """Write surfaces as OBJ, a group each, and their colours as MTL beside it.

    Args:
        path: of the OBJ; the MTL has the same name.
        meshes: name of the group, RGB, surface.

    Raises:
        ForeignFileError: when there is a file of either name that nucleizoo did not write.
        OSError: when a file cannot be written; nothing is left behind.
    """
    path = Path(path)
    colours = dict[str, str]()
    with replacing(path, "obj") as part, part.open("w", encoding="utf-8", newline="\n") as file:
        file.write(f"# OBJ by {FULL_MARK}\nmtllib {path.stem}.mtl\n")
        before = 1  # vertices are counted from 1, through all groups
        for name, colour, one in meshes:
            material = "colour_" + bytes(colour).hex()
            colours[material] = " ".join(f"{level / 255:.4f}" for level in colour.tolist())
            file.write(f"g {name}\nusemtl {material}\n")
            file.writelines(f"v {x:.6g} {y:.6g} {z:.6g}\n" for x, y, z in one.vertices.tolist())
            file.writelines(f"f {a} {b} {c}\n" for a, b, c in (one.faces + before).tolist())
            before += len(one.vertices)
        with replacing(path.with_suffix(".mtl"), "mtl") as other:
            lines = (f"newmtl {material}\nKd {colour}\n" for material, colour in colours.items())
            other.write_text(f"# MTL by {FULL_MARK}\n" + "".join(lines), encoding="utf-8")
