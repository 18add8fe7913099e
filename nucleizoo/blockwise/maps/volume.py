"""The input volume, read part by part the way a run reads its files."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import numpy as np

from nucleizoo.blockwise.state.scratch import load_missing, missing_file
from nucleizoo.core.errors import ImageReadError
from nucleizoo.core.format import storage
from nucleizoo.inference.nucleus_scale import middle
from nucleizoo.io import LazyVolume, Volume, open_lazily
from nucleizoo.ops.image.geometry import Voxels
from nucleizoo.ops.image.resize import Resizing
from nucleizoo.preprocess import LazyPicture, Limits, Reader, Values, magnified


class VolumeInput:
    """One volume, of which any part can be read.

    Attributes:
        shape: (*S) in the file.
        spacing: of the file's voxels in micrometres, in axis order; () when unknown.
        voxels: the same, beside those that the network sees.
        resizing: from there to what the network sees.
        values: of the channels that are used, on the voxels of the file.

    Args:
        path: file or Zarr folder of one 2D image (2D methods) or volume (3D).
        reader: of the run.
        skip_damaged: whether chunks that are missing or damaged are treated as black.
        scratch: folder that may hold a note of missing chunks; these stay black.
        search: whether to search for other missing chunks in spite of such a note.

    Raises:
        ImageReadError: when the file cannot be used; says why and what to do.
        UserError: when that note cannot be used.
    """

    def __init__(
        self,
        path: Path,
        reader: Reader,
        *,
        skip_damaged: bool = False,
        scratch: Path | None = None,
        search: bool = True,
    ) -> None:
        self.path, self.reader = path, reader
        known = scratch if scratch and missing_file(scratch).exists() else None
        self.volume = open_lazily(
            path,
            dataset=reader.dataset,
            skip_damaged=skip_damaged,
            missing=reader.empty_chunks or not (search or known is None),
        )
        if known:
            load_missing(self.volume, known)
        _check_axes(self.volume, reader)
        self.values = Values(lambda: self.volume, reader.spec.dims, reader)
        self.shape = self.values.shape
        self.spacing = reader.voxel_size(self.volume.spacing)
        factor = reader.magnification(self.spacing, str(path))
        self.voxels = Voxels(len(self.shape), self.spacing, factor)
        self.resizing = Resizing(self.shape, reader.resampled(self.shape, factor, str(path)))
        self._working = magnified(self.spacing, factor)
        self._known_skipped = len(self.volume.skipped)

    @property
    def extent(self) -> tuple[int, ...]:
        """(*S) as the network sees it."""
        return self.resizing.new

    @property
    def newly_skipped(self) -> list[str]:
        """Chunks that were found damaged since it was opened, in words."""
        return self.volume.skipped[self._known_skipped :]

    def scan(self, limits: Limits) -> LazyPicture:
        """What the network sees, with the limits of the scaling on this volume."""
        values, scaling = self.values, self.reader.scaling
        return LazyPicture(values, next(values.places()), scaling, limits, self.resizing, self._working)


def sampled(path: Path, reader: Reader, *, limit: float, skip: bool = False) -> Volume:
    """The middle of a file, in all channels, to be looked at in memory.

    Args:
        path: file or Zarr folder.
        reader: of the run.
        limit: bytes that decoding a chunk may take.
        skip: whether chunks that are missing or damaged are treated as black.

    Raises:
        ImageReadError: when the file cannot be read, or not within the limit.
    """
    missing = skip or reader.empty_chunks
    with closing(open_lazily(path, dataset=reader.dataset, skip_damaged=skip, missing=missing)) as lazy:
        if lazy.decoding > limit:
            raise ImageReadError(
                f"{lazy.name}: its chunks of {'x'.join(map(str, lazy.chunks))} take "
                f"{storage(lazy.decoding)} to read, but --max-memory allows {storage(limit)}: store it in "
                "smaller chunks, or raise --max-memory"
            )
        space = tuple(lazy.shape[lazy.axes.index(axis)] for axis in lazy.space)
        data = np.moveaxis(lazy.read(middle(space)), 0, -1)
    return Volume(data, f"{'ZYX'[-len(space) :]}C", lazy.spacing)


def _check_axes(volume: LazyVolume, reader: Reader) -> None:
    dims = reader.spec.dims
    stacks = [n for a, n in zip(volume.axes, volume.shape, strict=True) if a not in "ZYXCS" and n > 1]
    # a volume may have one plane, which a 2D run treats as a picture
    depth = "Z" in volume.axes and (dims == 3 or volume.shape[volume.axes.index("Z")] > 1)
    if len(stacks) + depth != dims - 2:
        wanted = "one volume (z, y, x)" if dims == 3 else "one picture (y, x)"
        mend = "give such a file" + ", or join planes to one: nucleizoo data join" * (dims == 3)
        if len(stacks) + depth > dims - 2:
            mend = (
                "save each to its own file, or predict them in memory, without --blocks and its options (a "
                "Zarr folder must be saved as TIFF first)"
            )
        raise ImageReadError(
            f"{volume.name}: its axes are {volume.axes.lower()}, {'x'.join(map(str, volume.shape))}; "
            f"prediction by blocks needs {wanted} per file: {mend}"
        )
