"""Scalings: raw intensities to the range that networks see."""
