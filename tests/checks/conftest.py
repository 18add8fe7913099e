"""The plugin of broken entries is loaded by its tests alone."""

collect_ignore = ["broken_entries.py"]
