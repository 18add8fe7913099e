"""Configurations trained with seeds, and scored on annotated images."""
