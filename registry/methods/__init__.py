"""Ways to learn a segmentation, one paper a file."""
