"""A volume as the network sees it, part by part."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nucleizoo.core.errors import ImageReadError, UserError
from nucleizoo.core.files import atomic
from nucleizoo.large import _missing
from nucleizoo.ops.grid import Box
from nucleizoo.ops.resize import Resizing
from nucleizoo.reading import FiledScan, Limits, Parts, Reader, Values, magnified
from nucleizoo.volumes import LazyVolume, open_lazily


class Input:
    """Reads any part of one volume the way a run reads its files.

    Attributes:
        values: of the file.
        shape: (*S) in it.
        spacing: of the file's voxels in micrometres, in axis order; () when unknown.
        resizing: from there to what the network sees.
        noted: how many chunks were known to be damaged or missing when it was opened.

    Args:
        path: file or Zarr folder of one picture (2D methods) or volume (3D).
        reader: of the run.
        skip_damaged: whether chunks that are missing or damaged are taken for black.
        measured: file that `keep` has written, so that the volume need not be gone through again.
        scratch: where it may be noted which chunks are missing; they are looked for if it is not.

    Raises:
        ImageReadError: when the file cannot be used; says why and what to do.
        UserError: when what was noted of it cannot be used.
    """

    def __init__(
        self,
        path: Path,
        reader: Reader,
        *,
        skip_damaged: bool = False,
        measured: Path | None = None,
        scratch: Path | None = None,
    ) -> None:
        self.path, self.reader = path, reader
        known = scratch if scratch and _missing.place(scratch).exists() else None
        self.volume = open_lazily(
            path,
            dataset=reader.dataset,
            skip_damaged=skip_damaged,
            missing=reader.empty_chunks or known is not None,
        )
        if known:
            _missing.recall(self.volume, known)
        _check_axes(self.volume, reader)
        self.values = values = Values(lambda: self.volume, reader.frame.dims)
        self.shape = values.shape
        self.spacing = reader.voxel_size(self.volume.spacing)
        factor = reader.magnification(self.spacing, str(path))
        self.resizing = Resizing(self.shape, reader.resampled(self.shape, factor, str(path)))
        self._parts = Parts(values, reader, self._kept(measured) if measured and measured.exists() else None)
        working = magnified(self.spacing, factor)
        self._scan = FiledScan(self._parts, next(values.places()), self.resizing, working)
        self.noted = len(self.volume.skipped)

    @property
    def extent(self) -> tuple[int, ...]:
        """(*S) as the network sees it."""
        return self.resizing.new

    def picture(self, box: Box) -> NDArray[np.float32]:
        """A part (C, *size) of what the network sees, in [-1, 1].

        Raises:
            ImageReadError: when a chunk of it cannot be read.
        """
        return self._scan.image(box)

    def keep(self, path: Path) -> None:
        """Write to a file how intensities are scaled, and the chunks that could not be read.

        Raises:
            OSError: when the disk is full.
        """
        low, high = self._parts.limits
        with atomic(path) as part, part.open("wb") as file:
            np.savez(file, low=low, high=high, skipped=np.array(self.volume.skipped, str))

    def _kept(self, path: Path) -> Limits:
        try:
            with np.load(path, allow_pickle=False) as file:
                low, high, skipped = file["low"], file["high"], file["skipped"].tolist()
        except (OSError, ValueError, zipfile.BadZipFile) as error:
            raise UserError(f"{path}: cannot be read ({error}); remove it and go on with --resume") from error
        known = set(self.volume.skipped)
        self.volume.skipped += [words for words in skipped if words not in known]
        return low, high


def _check_axes(volume: LazyVolume, reader: Reader) -> None:
    dims = reader.frame.dims
    stacks = [n for a, n in zip(volume.axes, volume.shape, strict=True) if a not in "ZYXCS" and n > 1]
    # a volume may have one plane, which a 2D run takes for a picture
    depth = "Z" in volume.axes and (dims == 3 or volume.shape[volume.axes.index("Z")] > 1)
    if len(stacks) + depth != dims - 2:
        wanted = "one volume (z, y, x)" if dims == 3 else "one picture (y, x)"
        mend = "give files of one"
        if len(stacks) + depth > dims - 2:
            mend = (
                "save each as a file of its own, or predict them together in memory: without --blocks and "
                "its options, and as TIFF if it is a Zarr folder"
            )
        raise ImageReadError(
            f"{volume.name}: its axes are {volume.axes.lower()}, {'x'.join(map(str, volume.shape))}; by "
            f"blocks, {wanted} a file is predicted: {mend}"
        )
