"""How much a window's voxels count where windows overlap."""
