"""Numerical building blocks shared by everything above: no files, no configuration."""
