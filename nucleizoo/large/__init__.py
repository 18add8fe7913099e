"""Volumes larger than memory: read, predicted, decoded and written block by block."""
