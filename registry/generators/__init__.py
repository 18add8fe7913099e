"""Generators: networks that make pictures or maps."""
