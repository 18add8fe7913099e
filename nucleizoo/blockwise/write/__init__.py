"""Labels to OME-Zarr, HDF5 or BigTIFF, block by block."""
