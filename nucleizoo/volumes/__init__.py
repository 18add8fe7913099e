"""Image files in and out: every file is read whole and right, or refused with the reason.

Read are PNG, JPEG, BMP, TIFF (plain, ImageJ, OME), HDF5 and NumPy files; written are TIFF and PNG.
"""

from nucleizoo.volumes._files import IMAGE_SUFFIXES, find, read
from nucleizoo.volumes._pairs import pair
from nucleizoo.volumes._volume import MAX_VOXELS, Volume
from nucleizoo.volumes._writing import write_image, write_labels, write_png

__all__ = [
    "IMAGE_SUFFIXES", "MAX_VOXELS", "Volume", "find", "pair", "read", "write_image", "write_labels",
    "write_png",
]  # fmt: skip
