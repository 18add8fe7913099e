"""Blocks computed by the workers of dask, here or on a cluster."""
