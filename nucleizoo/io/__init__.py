"""Read and write image files: a file is read completely and correctly, or refused with the reason.

Reads PNG, JPEG, BMP, TIFF (plain, ImageJ, OME, LSM), HDF5, NumPy and Zarr; writes TIFF and PNG. All but the
first three can also be read part by part.
"""

from nucleizoo.io.checksum import add_checksum, is_changed, note_of
from nucleizoo.io.files import IMAGE_SUFFIXES, find, read
from nucleizoo.io.handle import Handle
from nucleizoo.io.items import ITEMS, Listed, read_items, write_items
from nucleizoo.io.lazy_open import LAZY_SUFFIXES, described_in, dims_of, is_large, is_lazy, open_lazily
from nucleizoo.io.lazy_volume import LazyVolume
from nucleizoo.io.mark import FULL_MARK, MARK, is_ours, made_by
from nucleizoo.io.meshes import write_obj, write_stl
from nucleizoo.io.names import LABEL, by_unique_name, first_few, name_of, named
from nucleizoo.io.other_formats import is_jpeg
from nucleizoo.io.pairs import (
    PAIR_BY,
    Pair,
    annotated,
    find_distinct,
    find_pictures,
    label_files,
    match,
    pair,
    pairs_of,
)
from nucleizoo.io.replacement import check_replaceable, replacing, write_results
from nucleizoo.io.volume import MAX_VOXELS, TooManyVoxels, Volume
from nucleizoo.io.writing import write_image, write_labels, write_png
from nucleizoo.io.zarr import library as zarr_library
from nucleizoo.io.zarr_folder import is_zarr

__all__ = [
    "FULL_MARK", "IMAGE_SUFFIXES", "ITEMS", "LABEL", "LAZY_SUFFIXES", "MARK", "MAX_VOXELS", "PAIR_BY",
    "Handle", "LazyVolume", "Listed", "Pair", "TooManyVoxels", "Volume", "add_checksum", "annotated",
    "by_unique_name", "check_replaceable", "described_in", "dims_of", "find", "find_distinct",
    "find_pictures", "first_few", "is_changed", "is_jpeg", "is_large", "is_lazy", "is_ours", "is_zarr",
    "label_files", "made_by", "match", "name_of", "named", "note_of", "open_lazily", "pair", "pairs_of",
    "read", "read_items", "replacing", "write_image", "write_items", "write_labels", "write_obj",
    "write_png", "write_results", "write_stl", "zarr_library",
]  # fmt: skip
