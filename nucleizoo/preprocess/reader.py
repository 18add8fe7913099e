"""Read files as scans: channel, scaling, voxel size."""

from __future__ import annotations

import logging
import math
from copy import copy
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nucleizoo import io
from nucleizoo.contracts import DataSpec, Scaling
from nucleizoo.core.errors import ImageReadError
from nucleizoo.core.registry import Recipe
from nucleizoo.io import Volume
from nucleizoo.kinds import SCALINGS
from nucleizoo.ops.image.resize import linear, nearest
from nucleizoo.preprocess.label_files import LabelFiles
from nucleizoo.preprocess.layout import (
    channels_first,
    check_finite,
    check_same_shape,
    pictures,
    stack_of,
    unscaled,
)
from nucleizoo.preprocess.scan import LabelFile, Scan

log = logging.getLogger(__name__)

LABELS = LabelFiles()


class Reader:
    """Reads files as one experiment needs them.

    Args:
        spec: dims, channels and working voxel size of the experiment.
        channel: which channel: 'auto' uses grey as it is, and colour only when all its channels are equal
            (or colour is wanted), and otherwise refuses the file; 'luminance' turns RGB to grey; '0', '1',
            ... is an index; 'all' uses every channel.
        dataset: the dataset of HDF5 files; '' takes 'image' (for labels 'label'), or the only one.
        zoom: magnification in addition to that for the voxel size, to bring one domain's nuclei to the size
            of the other's; one value for all axes or one each, () for none. Where the voxel size is
            unknown, the resulting voxels are treated as cubes.
        spacing: voxel size of the files, micrometres in axis order; overrides what they say.
        scaling: how intensities are scaled to [0, 1], on the file's own voxels.
        empty_chunks: treat missing chunks of a Zarr folder or HDF5 file as empty: they hold the fill value,
            usually 0. Otherwise they count as lost, and the file is refused.

    Raises:
        ValueError: for a setting that is out of range.
    """

    def __init__(
        self,
        spec: DataSpec,
        *,
        channel: str = "auto",
        dataset: str = "",
        zoom: tuple[float, ...] = (),
        spacing: tuple[float, ...] = (),
        scaling: Recipe = SCALINGS.recipe("minmax"),
        empty_chunks: bool = False,
    ) -> None:
        if channel not in ("auto", "all", "luminance") and not channel.isdecimal():
            raise ValueError(
                f"CHANNEL must be 'auto', 'all', 'luminance' or an index like '0', got '{channel}'"
            )
        if len(zoom) not in (0, 1, spec.dims) or not all(0 < z < math.inf for z in zoom):
            raise ValueError(f"ZOOM must be 1 or {spec.dims} values above 0, got {tuple(zoom)}")
        if len(spacing) not in (0, spec.dims) or not all(0 < s < math.inf for s in spacing):
            raise ValueError(
                f"SPACING must be {spec.dims} values above 0 (micrometres), got {tuple(spacing)}"
            )
        self.spec = spec
        self.channel, self.dataset = channel, dataset
        self.zoom = tuple(zoom) * (spec.dims if len(zoom) == 1 else 1) or (1.0,) * spec.dims
        self.spacing = tuple(spacing)
        self.scaling: Scaling = scaling()
        self.empty_chunks = empty_chunks

    def magnifying(self, zoom: tuple[float, ...]) -> Reader:
        """The same with another `zoom`, one value per axis."""
        made = copy(self)
        made.zoom = zoom
        return made

    def read(self, path: str | Path, *, max_voxels: int = io.MAX_VOXELS) -> list[Scan]:
        """Read a file: one scan, or one for every picture of a stack.

        Where volumes are needed, planes of a stack of unknown kind are treated as depth.

        Args:
            path: of the file.
            max_voxels: number of values that it may have.

        Raises:
            TooManyVoxels: when it has more.
            ImageReadError: when the file cannot be used; says why and what to do.
        """
        return self.prepare(self.open(path, max_voxels=max_voxels), str(path), blank=False)

    def open(self, path: str | Path, *, max_voxels: int = io.MAX_VOXELS) -> Volume:
        """Decode a file, for `prepare` and `show`; see `read`.

        Raises:
            TooManyVoxels: when it has more.
            ImageReadError: when the file cannot be read.
        """
        return io.read(path, dataset=self.dataset, max_voxels=max_voxels, missing=self.empty_chunks)

    def prepare(self, volume: Volume, name: str, *, blank: bool = True) -> list[Scan]:
        """Like `read`, for a volume in memory; messages call it `name`.

        Args:
            volume: content of a file.
            name: of it.
            blank: whether it may have one value everywhere, which becomes the lowest; a warning says so.

        Raises:
            ImageReadError: as for `read`.
        """
        own, factor = self._spacing(volume, name)
        data = channels_first(volume, name, self.channel, self.spec.channels)
        if data.min() == data.max():
            if not blank:
                raise ImageReadError(f"{name}: has the value {data.min()} everywhere; remove it")
            log.warning("%s: has the value %s everywhere; no nuclei are looked for in it", name, data.min())
        scaled = self._scale(data, volume.axes, name)
        working, stack = magnified(own, factor), stack_of(volume, self.spec.dims)
        return [
            Scan(self._finish(picture, factor, name), working, picture.shape[1:], own, factor, stack=stack)
            for picture in pictures(scaled, volume.axes, self.spec.dims, name)
        ]

    def annotated(
        self, picture: Path, labels: Path, *, files: LabelFiles = LABELS, max_voxels: int = io.MAX_VOXELS,
        volume: Volume | None = None,
    ) -> list[tuple[Scan, NDArray[np.int32]]]:  # fmt: skip
        """Read a file and its labels: every scan with its labels, on the voxels of the files.

        Args:
            picture: see `read`.
            labels: see `label_planes`.
            files: see `label_planes`.
            max_voxels: see `read`.
            volume: the picture's file, where it is in memory already.

        Raises:
            ImageReadError: as for both, and when their shapes differ.
        """
        volume = volume or self.open(picture, max_voxels=max_voxels)
        scans = self.prepare(volume, str(picture))
        planes = self.label_planes(labels, files)
        check_same_shape(labels, [plane.shape for plane in planes], picture, [scan.shape for scan in scans])
        return list(zip(scans, planes, strict=True))

    def looks(self, path: str | Path) -> list[NDArray[np.float32]]:
        """The pictures of a file for display: scaled as for the network, on the file's own voxels.

        Returns:
            (*S) in [0, 1] for every picture of the file, its first channel.

        Raises:
            ImageReadError: as for `read`.
        """
        return self.show(self.open(path), str(path))

    def show(self, volume: Volume, name: str) -> list[NDArray[np.float32]]:
        """Like `looks`, for a volume in memory; messages call it `name`.

        Raises:
            ImageReadError: as for `read`.
        """
        data = channels_first(volume, name, self.channel, self.spec.channels)
        data = self.scaling.curve(self._scale(data, volume.axes, name))
        return [one[0] for one in pictures(data, volume.axes, self.spec.dims, name)]

    def label_planes(self, path: str | Path, files: LabelFiles = LABELS) -> list[NDArray[np.int32]]:
        """Read instance labels as they are in the file; a warning names a file that may hold none.

        Args:
            path: file of integers from 0 to 2**31 - 1 in one channel.
            files: how label files are read.

        Returns:
            (*S) int32 for every picture of the file, 0 = background.

        Raises:
            ImageReadError: when the file cannot be read or does not hold labels.
        """
        path = Path(path)
        return self._label_planes(path, files.read(path, missing=self.empty_chunks), files)

    def read_labels(self, path: str | Path, files: LabelFiles = LABELS) -> LabelFile:
        """Read instance labels as `label_planes`, and resample them like images, ids unmixed.

        Raises:
            ImageReadError: as for `label_planes`, or when the voxel size is needed and unknown.
        """
        path, name = Path(path), str(path)
        volume = files.read(path, missing=self.empty_chunks)
        own, factor = self._spacing(volume, name)
        planes = self._label_planes(path, volume, files)
        planes = [nearest(plane, self.resampled(plane.shape, factor, name)) for plane in planes]
        return LabelFile(planes, magnified(own, factor), stack_of(volume, self.spec.dims))

    def _label_planes(self, path: Path, volume: Volume, files: LabelFiles) -> list[NDArray[np.int32]]:
        planes = [one[0] for one in pictures(volume.data[None], volume.axes, self.spec.dims, str(path))]
        files.doubt(path, planes, volumes=self.spec.dims == 3)
        return planes

    def straight(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        """A picture in [-1, 1], without the curve of the scaling."""
        scaled = np.asarray((image + 1) / 2, np.float32)
        return np.asarray(2 * self.scaling.straight(scaled) - 1, np.float32)

    def _finish(
        self, picture: NDArray[np.float32], factor: tuple[float, ...], name: str
    ) -> NDArray[np.float32]:
        """Resample a picture (C, *S) and scale it to [-1, 1], in place if it keeps its shape."""
        shape = self.resampled(picture.shape[1:], factor, name)
        if shape != picture.shape[1:]:
            picture = np.stack([linear(one, shape) for one in picture])
        picture = np.ascontiguousarray(picture)
        for plane in picture.reshape(-1, *shape[-2:]):  # one by one, for large volumes
            plane[...] = self.scaling.curve(plane) * 2 - 1
        return picture

    def _scale(self, data: NDArray[Any], axes: str, name: str) -> NDArray[np.float32]:
        """Scale raw values to [0, 1]; one value everywhere becomes 0."""
        data = data.view(np.uint8) if data.dtype.kind == "b" else data
        check_finite(data, axes.replace("C", ""), name)
        if data.min() == data.max():
            return np.zeros(data.shape, np.float32)
        try:
            return self.scaling(data)
        except ValueError as error:
            raise unscaled(name, error) from error

    def _spacing(self, volume: Volume, name: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """The file's voxel size, () when unknown, and the magnification towards the working one."""
        own = self.voxel_size(volume.spacing)
        return own, self.magnification(own, name)

    def voxel_size(self, told: tuple[float, ...]) -> tuple[float, ...]:
        """Voxel size in micrometres, axis order, () when unknown; `told` is what the file says."""
        dims = self.spec.dims
        return self.spacing or (told[-dims:] if len(told) >= dims else ())

    def magnification(self, own: tuple[float, ...], name: str) -> tuple[float, ...]:
        """The factor on the number of voxels along every axis, for a file's voxel size.

        Args:
            own: micrometres in axis order; () when unknown.
            name: the file, for messages.

        Raises:
            ImageReadError: when the voxel size is needed and unknown.
        """
        dims, wanted = self.spec.dims, self.spec.spacing
        if wanted and not own:
            raise ImageReadError(
                f"{name}: does not say its voxel size, which resampling to {wanted} um needs; set the key "
                f"SPACING of this dataset to {dims} values in micrometres"
            )
        ratios = tuple(o / w for o, w in zip(own, wanted, strict=True)) if wanted else (1.0,) * dims
        return tuple(ratio * zoom for ratio, zoom in zip(ratios, self.zoom, strict=True))

    def resampled(self, shape: tuple[int, ...], factor: tuple[float, ...], name: str) -> tuple[int, ...]:
        """The shape after magnification, at least one voxel along every axis.

        Raises:
            ImageReadError: when it is larger than a file may be.
        """
        new = tuple(max(1, round(n * f)) for n, f in zip(shape, factor, strict=True))
        if math.prod(new) > max(io.MAX_VOXELS, math.prod(shape)):
            raise ImageReadError(
                f"{name}: would become {'x'.join(map(str, new))} voxels when resampled from {shape}; "
                "check the keys SPACING (micrometres) and ZOOM"
            )
        return new


def magnified(spacing: tuple[float, ...], factor: tuple[float, ...]) -> tuple[float, ...]:
    """Voxel size after magnification, () when it is unknown."""
    return tuple(s / f for s, f in zip(spacing, factor, strict=bool(spacing)))
