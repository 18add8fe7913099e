"""Hooks that a configuration can add to a training."""
