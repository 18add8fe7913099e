"""Raw intensities to the range that networks see."""
