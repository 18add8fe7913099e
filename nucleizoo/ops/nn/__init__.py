"""Layers and norms that networks are built from, and the sliding windows that apply them."""
