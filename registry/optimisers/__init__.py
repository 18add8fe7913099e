"""Optimisers: they update weights from gradients."""
