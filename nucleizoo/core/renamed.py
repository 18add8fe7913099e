"""What things were called before 0.1.0: an old spelling is refused, and the message has the new one.

This is the one table of it. It is text alone: nothing here makes an old spelling work.
"""

from __future__ import annotations

ENTRIES = {
    ("dataset", "folder"): "images",
    ("dataset", "volumes"): "labelled",
}
"""Kind and old name of an entry -> its name."""

KEYS = {
    "METHOD.GENERATOR": "METHOD.NETWORK",
}
"""Old key of a configuration -> its key, where the old one is not known."""

VALUES = {
    ("INFERENCE.BLENDING", "tent"): "linear",
    ("INFERENCE.BLENDING", "centre"): "cysgan",
}
"""Key and old value -> the value."""

NAMES = {
    "SOURCES": "DATASETS",
    "Source": "Dataset",
    "Frame": "DataSpec",
    "Part": "Recipe",
    "part": "recipe",
}
"""What plugins import or call -> what it is called."""

MODULES = {
    "nucleizoo.datasets": "nucleizoo.published",
}
"""Old module -> where it is."""
