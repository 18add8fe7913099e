"""A labelled volume in three dimensions: projections from several sides, and surfaces as meshes [1, 2].

[1] Yao et al., AD-GAN: End-to-end unsupervised nuclei segmentation with aligned disentangling
    training, 2021, figures of segmented volumes.
[2] Lauenburg et al., Instance segmentation of unlabeled modalities via cyclic segmentation GAN, 2022,
    figure of the meshes of NucExM.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage

from nucleizoo import io
from nucleizoo.core.errors import UserError
from nucleizoo.core.plugins import load_plugins
from nucleizoo.figures import drawing, thinned
from nucleizoo.figures.thinned import Thinned
from nucleizoo.metrics.files import write_rows
from nucleizoo.ops.image.resize import linear
from nucleizoo.ops.labels import projection
from nucleizoo.ops.labels.mesh import Mesh, mesh
from nucleizoo.ops.labels.overlay import colours_apart, stretched
from nucleizoo.ops.labels.projection import ABOVE, BELOW, RIGHT, View, oblique
from nucleizoo.ops.labels.smooth import Cubes

MESHES = ("stl", "obj")
SIDE = 256
"""Cubes along the longest side of a volume, of which the projections are made."""
FRAME = 110
"""Grey level of the edges of a volume."""
_GAP = 6
"""Pixels between projections."""

Projected = tuple[NDArray[np.uint8], NDArray[np.bool_]]
"""RGB (V, U, 3), and where it shows something solid (V, U)."""
Draw = Callable[[View], Projected]


def volume(
    labels: str | Path,
    out: str | Path,
    *,
    picture: str | Path | None = None,
    meshes: Sequence[str] = (),
    spacing: tuple[float, ...] = (),
    dataset: str = "",
    picture_dataset: str = "",
    channel: str = "auto",
) -> Path:
    """Draw a labelled volume, in its true proportions, from above, right, below and obliquely.

    Of the picture the brightest voxel on every ray is shown. Nuclei are solid: those in front hide those
    behind, what is far away is darker, and near neighbours have different colours. A volume of more than
    `thinned.MOST` voxels is thinned, for the meshes as well; the log says how much.

    Args:
        labels: the file of a volume's instance labels.
        out: folder for `volume.png`, `volume.csv` (a row per nucleus: its colour, number of voxels, volume,
            centre z, y, x and, with meshes, the surface) and `volume.stl` and `volume.obj` with `volume.mtl`.
        picture: the file of the volume's picture; without it only the labels are drawn.
        meshes: which of `MESHES` to write: surfaces in the unit of the voxel size, the centre of the first
            voxel at 0. An OBJ has a group per nucleus, `nucleus_<label>`, in its colour in the figure.
        spacing: voxel size z, y, x in micrometres; () is what the files say.
        dataset: of labels in HDF5 files and Zarr groups that have several; '' takes 'label'.
        picture_dataset: the same of the picture; '' takes 'image'.
        channel: of the picture, such as '0'.

    Returns:
        The PNG.

    Raises:
        UserError: for a file or folder that cannot be used.
    """
    if strangers := set(meshes) - set(MESHES):
        raise UserError(f"meshes are written as {' or '.join(MESHES)}, not as '{min(strangers)}'")
    if len(spacing) not in (0, 3) or not all(0 < edge < math.inf for edge in spacing):
        raise UserError(f"SPACING must be 3 values above 0, z, y, x in micrometres; got {list(spacing)}")
    load_plugins()
    folder = drawing.prepare(out, "volume", {"volume": ("label", "colour")})
    for kind in [*meshes, *(["mtl"] if "obj" in meshes else [])]:
        io.check_replaceable(folder / f"volume.{kind}", kind)
    whole = thinned.read(
        Path(labels), None if picture is None else Path(picture), spacing=spacing, dataset=dataset,
        picture_dataset=picture_dataset, channel=channel,
    )  # fmt: skip
    middles = np.array(ndimage.center_of_mass(whole.labels > 0, whole.labels, range(1, whole.names.size + 1)))
    colours = colours_apart(middles * whole.spacing)
    surfaces = dict[int, float]()
    if "stl" in meshes:
        io.write_stl(folder / "volume.stl", (one for _, one in _measured(whole, surfaces)))
    if "obj" in meshes:
        named = (
            (f"nucleus_{whole.names[i]}", colours[i], one) for i, one in _measured(whole, surfaces)
        )  # fmt: skip
        io.write_obj(folder / "volume.obj", named)
    write_rows(folder / "volume.csv", list(_rows(whole, middles, colours, surfaces)))
    return _drawn(whole, colours, folder / "volume.png")


def _measured(whole: Thinned, surfaces: dict[int, float]) -> Iterator[tuple[int, Mesh]]:
    """The surface of every nucleus by its place among them, one at a time; areas go into `surfaces`."""
    for index, box in enumerate(ndimage.find_objects(whole.labels)):
        one = mesh(whole.labels, index + 1, box, whole.spacing)
        surfaces[index] = one.area
        yield index, one


def _rows(
    whole: Thinned, middles: NDArray[np.float64], colours: NDArray[np.uint8], surfaces: dict[int, float]
) -> Iterator[dict[str, Any]]:
    """A row per nucleus."""
    counts = np.bincount(whole.labels.ravel())[1:].tolist()
    for index, count in enumerate(counts):
        places = zip("zyx", middles[index] * whole.spacing, strict=True)
        row = {
            "label": int(whole.names[index]),
            "colour": f"#{bytes(colours[index]).hex()}",
            "voxels": count * math.prod(whole.steps),
            f"volume ({whole.unit}3)": round(count * math.prod(whole.spacing), 4),
        }
        row |= {f"{axis} ({whole.unit})": round(float(place), 3) for axis, place in places}
        yield row | ({f"surface ({whole.unit}2)": round(surfaces[index], 4)} if surfaces else {})


def _drawn(whole: Thinned, colours: NDArray[np.uint8], path: Path) -> Path:
    """A row for the picture and one for the nuclei; three sides that fit together, and the oblique view."""
    edge = max(n * size for n, size in zip(whole.labels.shape, whole.spacing, strict=True)) / SIDE
    cubes = Cubes(whole.labels.shape, whole.spacing, edge)
    nuclei = projection.smooth_labels(whole.labels, cubes)
    rows: dict[str, Draw] = {drawing.counted(whole.names.size): partial(projection.shaded, nuclei, colours)}
    if whole.picture is not None:
        rows = {"brightest voxels": partial(_bright, linear(whole.picture, nuclei.shape))} | rows
    across = oblique()
    sides = {
        title: (_together(draw), _boxed(*draw(across), across.edges(nuclei.shape)))
        for title, draw in rows.items()
    }
    sizes = [one.shape for one in next(iter(sides.values()))]
    height = max(size[0] for size in sizes) / 75 + 0.4
    figure = drawing.sheet(sum(size[1] for size in sizes) / 75, height * len(sides) + 0.3)
    lines = figure.subplots(len(sides), 2, squeeze=False, width_ratios=[size[1] for size in sizes])
    for (title, pair), line in zip(sides.items(), lines, strict=True):
        for place, shown, told in zip(line, pair, ("from above, right and below", "obliquely"), strict=True):
            place.imshow(shown)
            place.set_axis_off()
            place.set_title(f"{title}, {told}", fontsize=9)
        drawing.scale_bar(line[0], edge, whole.unit, nuclei.shape[1:])
    size = " x ".join(f"{n * size:.3g}" for n, size in zip(whole.labels.shape, whole.spacing, strict=True))
    figure.suptitle(f"{whole.name}: {size} {whole.unit} (z, y, x)", fontsize=10)
    return drawing.write(figure, path)


def _bright(picture: NDArray[np.float32], view: View) -> Projected:
    grey = stretched(projection.brightest(picture, view))
    return np.repeat(grey[..., None], 3, axis=2), np.zeros(grey.shape, bool)


def _boxed(
    shown: NDArray[np.uint8], solid: NDArray[np.bool_], edges: NDArray[np.float64]
) -> NDArray[np.uint8]:
    """A projection with the edges of its volume, but those in front, drawn behind what is solid."""
    canvas = Image.new("1", shown.shape[1::-1])
    for start, end in edges:
        ImageDraw.Draw(canvas).line((*start[::-1], *end[::-1]), fill=1)
    return np.where((np.asarray(canvas) & ~solid)[..., None], FRAME, shown).astype(np.uint8)


def _together(draw: Draw) -> NDArray[np.uint8]:
    """Three sides of a volume as one picture, in which what is in one row or column is in the same place."""
    above, right, below = (draw(view)[0] for view in (ABOVE, RIGHT, BELOW))
    rows, columns = above.shape[:2]
    depth = right.shape[1]
    made = np.full((rows + _GAP + depth, columns + _GAP + depth, 3), 255, np.uint8)
    made[:rows, :columns], made[:rows, columns + _GAP :], made[rows + _GAP :, :columns] = above, right, below
    return made
