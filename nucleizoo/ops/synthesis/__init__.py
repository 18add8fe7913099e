"""Nuclei that nobody imaged: shapes, textures, rendering, and how large they must be."""
