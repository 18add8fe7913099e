"""Importers of checkpoints that published programs wrote, one program per file."""
