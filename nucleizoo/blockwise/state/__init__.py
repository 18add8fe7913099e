"""Intermediate results on disk, from which an interrupted job resumes."""
