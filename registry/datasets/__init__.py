"""Datasets: sources of pictures and labels."""
