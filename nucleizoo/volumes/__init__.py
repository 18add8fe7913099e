"""Image files in and out: every file is read whole and right, or refused with the reason.

Read are PNG, JPEG, BMP, TIFF (plain, ImageJ, OME), HDF5, NumPy and Zarr; written are TIFF and PNG. All but
the first three are also read part by part.
"""

from nucleizoo.volumes._files import IMAGE_SUFFIXES, find, read
from nucleizoo.volumes._handle import Handle
from nucleizoo.volumes._lazy import LazyVolume
from nucleizoo.volumes._opening import LAZY_SUFFIXES, described_in, is_large, is_lazy, open_lazily
from nucleizoo.volumes._pairs import pair
from nucleizoo.volumes._volume import MAX_VOXELS, TooManyVoxels, Volume
from nucleizoo.volumes._writing import write_image, write_labels, write_png
from nucleizoo.volumes._zarr import is_zarr
from nucleizoo.volumes._zarr import library as zarr_library

__all__ = [
    "IMAGE_SUFFIXES", "LAZY_SUFFIXES", "MAX_VOXELS", "Handle", "LazyVolume", "TooManyVoxels", "Volume",
    "described_in", "find", "is_large", "is_lazy", "is_zarr", "open_lazily", "pair", "read", "write_image",
    "write_labels", "write_png", "zarr_library",
]  # fmt: skip
