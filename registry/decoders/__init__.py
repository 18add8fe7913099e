"""Decoders: from maps to instance labels."""
