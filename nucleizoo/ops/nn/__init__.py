"""Layers, norms and windows that networks are built of and applied with."""
