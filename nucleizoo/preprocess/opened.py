"""Open the pictures of a file and their labels: read whole, or left in their files if too large."""

from __future__ import annotations

import logging
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nucleizoo import io
from nucleizoo.core.errors import ImageReadError
from nucleizoo.ops.image.geometry import ball_radius, voxel_shape
from nucleizoo.ops.image.resize import Resizing, nearest
from nucleizoo.preprocess.intensity_range import limits_of
from nucleizoo.preprocess.label_doubts import PLANES
from nucleizoo.preprocess.label_files import LabelFiles, check_lossless
from nucleizoo.preprocess.layout import as_ids, check_same_shape
from nucleizoo.preprocess.lazy_picture import LazyPicture
from nucleizoo.preprocess.reader import Reader, magnified
from nucleizoo.preprocess.scan import Picture
from nucleizoo.preprocess.values import Values

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Labels:
    """Where the labels of a file's pictures are.

    Attributes:
        path: a file, which may be that of the pictures.
        files: how it is read.
        diameter: that pictures are magnified to, as `magnified_to` says; 0 leaves them.
    """

    path: Path
    files: LabelFiles
    diameter: float = 0.0


def open_pictures(reader: Reader, path: Path, room: float, labels: Labels | None = None) -> Sequence[Picture]:
    """The pictures of a file.

    Args:
        reader: of the experiment.
        path: of the file.
        room: bytes that they and their labels may take in memory, 4 per voxel each; what is larger stays
            in its file, if that can be read part by part.
        labels: of the same voxels.

    Raises:
        ImageReadError: when a file cannot be used, or labels and pictures differ in shape.
    """
    most = min(io.MAX_VOXELS, int(room / (4 if labels is None else 8)))
    if not all(io.is_lazy(file) for file in (path, *([labels.path] if labels else []))):
        return _in_memory(reader, path, labels, io.MAX_VOXELS)
    try:
        return _in_memory(reader, path, labels, most)
    except io.TooManyVoxels:
        return _in_files(reader, path, labels)


def _in_memory(reader: Reader, path: Path, labels: Labels | None, most: int) -> Sequence[Picture]:
    if labels is None:
        return reader.read(path, max_voxels=most)
    volume, planes = reader.open(path, max_voxels=most), reader.label_planes(labels.path, labels.files)
    if labels.diameter:
        reader = magnified_to(labels.diameter, reader, volume.spacing, enumerate(planes))
    scans = reader.prepare(volume, str(path), blank=False)
    check_same_shape(labels.path, [one.shape for one in planes], path, [scan.shape for scan in scans])
    pairs = zip(scans, planes, strict=True)
    return [replace(scan, labels=nearest(plane, scan.extent)) for scan, plane in pairs]


def _in_files(reader: Reader, path: Path, labels: Labels | None) -> Sequence[Picture]:
    missing, dims = reader.empty_chunks, reader.spec.dims
    told = io.open_lazily(path, dataset=reader.dataset, missing=missing)
    told.close()
    values = Values(io.Handle(path, reader.dataset).open, dims, reader)
    truth = None
    if labels is not None:
        check_lossless(labels.path)
        if labels.files.components:
            raise ImageReadError(
                f"{labels.path}: the parts of a mask are numbered in memory, where it does not fit; raise "
                "CACHE_GB, or number them in the file, as skimage.measure.label does"
            )
        named = labels.files.dataset, labels.files.usual
        io.open_lazily(labels.path, dataset=named[0], usual=named[1], missing=missing).close()
        truth = Values(io.Handle(labels.path, *named).open, dims)
        counts = [len(list(one.places())) for one in (values, truth)]
        check_same_shape(labels.path, [truth.shape] * counts[1], path, [values.shape] * counts[0])
        _check_labels(truth)
        labels.files.doubt(labels.path, _some_planes(truth))
        if labels.diameter:
            reader = magnified_to(labels.diameter, reader, told.spacing, _planes(truth))
    own = reader.voxel_size(told.spacing)
    factor = reader.magnification(own, str(path))
    resizing = Resizing(values.shape, reader.resampled(values.shape, factor, str(path)))
    size = "x".join(map(str, (*values.outer, *values.shape)))
    log.info("%s: %s voxels do not fit in CACHE_GB; crops are read from the file. One pass over it now "
             "finds its intensity range", path, size)  # fmt: skip
    limits = limits_of(values, reader.scaling)
    spacing = magnified(own, factor)
    return [
        LazyPicture(values, at, reader.scaling, limits, resizing, spacing, truth) for at in values.places()
    ]


def magnified_to(
    diameter: float,
    reader: Reader,
    spacing: tuple[float, ...],
    labels: Iterable[tuple[int, NDArray[np.int32]]],
) -> Reader:
    """The reader of a file that magnifies its median nucleus to a diameter, and makes its voxels cubes.

    Where the voxel size is unknown, voxels are treated as cubes. A file without nuclei is not magnified.

    Args:
        diameter: of the disc or ball with as many voxels as the nucleus, in pixels.
        reader: of the experiment, without zoom.
        spacing: what the file says of its voxel size, in micrometres.
        labels: the labels of its pictures, each whole or in parts: index of the picture, and a part.
    """
    dims = reader.spec.dims
    cubes, sizes = voxel_shape(reader.voxel_size(spacing), dims), Counter[tuple[int, int]]()
    for picture, part in labels:
        for label, count in zip(*np.unique(part, return_counts=True), strict=True):
            sizes[picture, int(label)] += int(count)
    nuclei = [size * math.prod(cubes) for (_, label), size in sizes.items() if label]
    zoom = diameter / (2 * ball_radius(float(np.median(nuclei)), dims)) if nuclei else 1.0
    return reader.magnifying(tuple(zoom * edge for edge in cubes))


def _planes(labels: Values) -> Iterator[tuple[int, NDArray[np.int32]]]:
    """All planes of label pictures, with the index of the picture."""
    depth = math.prod(labels.shape[:-2])
    for index, plane in enumerate(labels.planes()):
        yield index // depth, as_ids(plane[0], labels.name)


def _some_planes(labels: Values) -> list[NDArray[np.int32]]:
    """Planes of label pictures, evenly spread."""
    outer = [*labels.outer, *labels.shape[:-2]]
    places = [*np.ndindex(*outer)]
    found = list[NDArray[np.int32]]()
    for place in places[:: -(-len(places) // PLANES)]:
        at, depth = place[: len(labels.outer)], place[len(labels.outer) :]
        box = (*(slice(i, i + 1) for i in depth), *(slice(0, n) for n in labels.shape[-2:]))
        found.append(as_ids(labels.read(at, box).reshape(labels.shape[-2:]), labels.name))
    return found


def _check_labels(values: Values) -> None:
    """Check all labels in one pass.

    Raises:
        ImageReadError: for values that are not labels, or a chunk that cannot be read.
    """
    for part in values.all():
        if len(part) > 1:
            raise ImageReadError(
                f"{values.name}: has {len(part)} channels; labels must be one integer per voxel"
            )
        as_ids(part, values.name)
