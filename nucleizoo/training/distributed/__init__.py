"""Processes that train together: torchrun's, or one alone."""
