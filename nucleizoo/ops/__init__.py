"""Numerical building blocks for all other packages: no files, no configuration."""
