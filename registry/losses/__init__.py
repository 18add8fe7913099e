"""Losses that methods minimise."""
