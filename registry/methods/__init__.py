"""Methods that learn a segmentation, one paper per file."""
