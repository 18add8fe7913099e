"""Labels to OME-Zarr, HDF5 or BigTIFF, a block at a time."""
