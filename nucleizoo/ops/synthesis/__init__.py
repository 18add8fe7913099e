"""Synthetic nuclei: shapes, textures, rendering, and their sizes as measured on images."""
