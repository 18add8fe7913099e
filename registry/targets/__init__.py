"""Representations of instance labels."""
