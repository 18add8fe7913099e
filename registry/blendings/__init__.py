"""Weights of a window's voxels where windows overlap."""
