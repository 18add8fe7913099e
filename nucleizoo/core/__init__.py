"""Registries, checked YAML configurations and plugins; knows nothing about images or networks."""
