"""Discriminators: networks that tell real pictures from made ones."""
