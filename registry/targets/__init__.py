"""Targets: maps that represent instance labels."""
